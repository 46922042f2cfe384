/* One HTTP/1.1 answer, read piece by piece. */
#ifndef LOADGEN_RESPONSE_H
#define LOADGEN_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

enum progress { RESPONSE_PARTIAL, RESPONSE_COMPLETE, RESPONSE_BROKEN };
enum body_form { BODY_UNKNOWN, BODY_LENGTH, BODY_CHUNKED };

struct response {
    char *bytes; /* everything read so far; kept from answer to answer, so that it grows only once */
    size_t length, room;
    size_t scanned; /* how far the head was searched, or the chunks were followed */
    size_t body;    /* where the body begins; 0 while the head is incomplete */
    enum body_form form;
    size_t content_length;
    int status;
    int closes; /* the server will close the connection after it */
};

/* Makes ready for the next answer. */
void reset_response(struct response *response);

/* What is known after more bytes came; `body_bytes` is set when complete (of chunks, their contents alone). */
enum progress follow_response(struct response *response, uint64_t *body_bytes);

#endif
