/* Prepared requests: what a request file holds, ready to be written to a socket.
 *
 * A request file is a sequence of
 *
 *     METHOD TARGET STATUS LENGTH\n
 *     <LENGTH bytes of body>\n
 *
 * STATUS is the one status that counts as success. Blank lines and lines that start with '#' between requests are
 * skipped. A file is one *set*; a run mixes any number of sets, each with a weight (see loadgen.c).
 */
#ifndef LOADGEN_REQUESTS_H
#define LOADGEN_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

struct request {
    size_t start;  /* where its bytes begin in the set's `bytes`: head, blank line, body */
    size_t length; /* how many they are */
    int status;    /* the expected status */
};

struct request_set {
    const char *name;
    unsigned weight; /* its share of the mix, against the other weights */
    struct request *requests;
    size_t count;
    size_t next; /* the place of the next one to send; goes on from 0 after the last */
    char *bytes;

    /* what came of them */
    uint64_t *latencies; /* nanoseconds, in order of completion */
    size_t measured;
    size_t room;
    uint64_t body_bytes, body_min, body_max;
};

/* Fills `set` from the file; `headers` are complete lines, each ending in \r\n, sent with every request.
 * Ends the program with a message when the file cannot be read or does not follow the format. */
void load_requests(struct request_set *set, const char *path, const char *headers);

/* The next request of the set, in file order. */
const struct request *next_request(struct request_set *set);

/* Notes one answer that came as expected. */
void note_latency(struct request_set *set, uint64_t nanoseconds, uint64_t body_bytes);

/* Ends the program with exit code 2 and the message on stderr. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* realloc that ends the program when there is no memory. */
void *grow(void *block, size_t bytes);

#endif
