/* Reading HTTP/1.1 answers (RFC 9112): status line, Content-Length or chunks, Connection: close. */
#define _GNU_SOURCE
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reset_response(struct response *response) {
    char *bytes = response->bytes;
    size_t room = response->room;
    *response = (struct response){.bytes = bytes, .room = room};
}

/* The value of a header line when it has this name, else NULL. */
static const char *header_value(const char *line, const char *name) {
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':') return NULL;
    const char *value = line + length + 1;
    while (*value == ' ' || *value == '\t') value++;
    return value;
}

static enum progress read_head(struct response *response) {
    const char *bytes = response->bytes, *line;
    size_t from = response->scanned > 3 ? response->scanned - 3 : 0; /* the blank line may straddle two reads */
    const char *blank = memmem(bytes + from, response->length - from, "\r\n\r\n", 4);
    if (blank == NULL) {
        response->scanned = response->length;
        return RESPONSE_PARTIAL;
    }
    if (strncmp(bytes, "HTTP/1.1 ", 9) != 0) return RESPONSE_BROKEN;
    response->status = atoi(bytes + 9);
    for (line = strstr(bytes, "\r\n") + 2; line < blank; line = strstr(line, "\r\n") + 2) {
        const char *value;
        if ((value = header_value(line, "content-length"))) {
            response->form = BODY_LENGTH;
            response->content_length = strtoull(value, NULL, 10);
        } else if ((value = header_value(line, "transfer-encoding"))) {
            if (strncasecmp(value, "chunked", 7) == 0) response->form = BODY_CHUNKED;
        } else if ((value = header_value(line, "connection"))) {
            response->closes = strncasecmp(value, "close", 5) == 0;
        }
    }
    if (response->form == BODY_UNKNOWN) {
        if (response->status != 204 && response->status != 304) return RESPONSE_BROKEN;
        response->form = BODY_LENGTH;
    }
    response->body = response->scanned = (size_t)(blank - bytes) + 4;
    response->content_length = response->form == BODY_LENGTH ? response->content_length : 0;
    return RESPONSE_COMPLETE;
}

/* Steps over the chunks that are there whole; `scanned` stays at the first that is not. */
static enum progress follow_chunks(struct response *response) {
    for (;;) {
        const char *size = response->bytes + response->scanned;
        const char *line_end = memmem(size, response->length - response->scanned, "\r\n", 2);
        if (line_end == NULL) return RESPONSE_PARTIAL;
        char *digits_end;
        size_t chunk = strtoull(size, &digits_end, 16);
        if (digits_end == size) return RESPONSE_BROKEN;
        size_t after = (size_t)(line_end - response->bytes) + 2 + chunk + 2;
        if (after > response->length) return RESPONSE_PARTIAL;
        response->content_length += chunk;
        response->scanned = after;
        if (chunk == 0) return after == response->length ? RESPONSE_COMPLETE : RESPONSE_BROKEN;
    }
}

enum progress follow_response(struct response *response, uint64_t *body_bytes) {
    response->bytes[response->length] = '\0'; /* the reader leaves room for it: text functions end here */
    if (response->body == 0) {
        enum progress head = read_head(response);
        if (head != RESPONSE_COMPLETE) return head;
    }
    enum progress state;
    if (response->form == BODY_CHUNKED) {
        state = follow_chunks(response);
    } else {
        size_t whole = response->body + response->content_length;
        /* Nothing is pipelined, so bytes past the end belong to no request. */
        state = response->length < whole ? RESPONSE_PARTIAL : response->length == whole ? RESPONSE_COMPLETE
                                                                                       : RESPONSE_BROKEN;
    }
    *body_bytes = response->content_length;
    return state;
}
