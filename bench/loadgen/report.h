/* What a run found, as one JSON object. */
#ifndef LOADGEN_REPORT_H
#define LOADGEN_REPORT_H

#include "requests.h"

struct failure {
    uint64_t count;
    char *example; /* a JSON object that describes the first one, or NULL */
};

struct run {
    struct request_set *sets;
    size_t set_count;
    unsigned connections;
    double seconds; /* measured time, warm-up left out */
    uint64_t sent;  /* all requests, those of the warm-up too */
    uint64_t reconnects;
    struct failure failures;
};

/* Counts a failure; the first becomes the example. `status` is 0 when no answer came, `body` may be NULL. */
void note_failure(struct failure *failure, const char *set, const char *reason, int expected, int status,
                  const char *request, const char *body, size_t body_length);

/* Writes the object to stdout. Latencies are microseconds with their decimals. */
void print_report(const struct run *run);

#endif
