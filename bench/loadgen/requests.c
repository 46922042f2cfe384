/* Reading request files. The format is described in requests.h. */
#include "requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void *grow(void *block, size_t bytes) {
    void *grown = realloc(block, bytes);
    if (grown == NULL) die("no memory for %zu bytes", bytes);
    return grown;
}

static char *read_whole(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) die("%s: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0, got;
    *length = 0;
    do {
        room = room ? room * 2 : 65536;
        text = grow(text, room + 1);
        got = fread(text + *length, 1, room - *length, file);
        *length += got;
    } while (*length == room);
    if (ferror(file)) die("%s: cannot be read", path);
    fclose(file);
    text[*length] = '\0';
    return text;
}

/* Appends one request's bytes to the set and returns its body's first place after `line` in the file. */
static size_t add_request(struct request_set *set, size_t *used, size_t *room, const char *path, const char *text,
                          size_t line, size_t end, size_t total, const char *headers) {
    char method[16], *target = grow(NULL, end - line + 1);
    int status;
    size_t body;
    if (sscanf(text + line, "%15s %s %d %zu", method, target, &status, &body) != 4)
        die("%s: byte %zu: not METHOD TARGET STATUS LENGTH", path, line);
    if (end + 1 + body > total) die("%s: byte %zu: the body ends before its %zu bytes", path, line, body);
    size_t needed = strlen(method) + strlen(target) + strlen(headers) + body + 128;
    while (*used + needed > *room) set->bytes = grow(set->bytes, *room = *room ? *room * 2 : 1 << 20);

    struct request *request = &set->requests[set->count++];
    char *out = set->bytes + *used;
    int head = snprintf(out, needed, "%s %s HTTP/1.1\r\n%s", method, target, headers);
    if (body > 0 || strcmp(method, "GET") != 0)
        head += snprintf(out + head, needed - (size_t)head, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                         body);
    head += snprintf(out + head, needed - (size_t)head, "\r\n");
    memcpy(out + head, text + end + 1, body);
    *request = (struct request){.start = *used, .length = (size_t)head + body, .status = status};
    *used += request->length;
    free(target);
    return end + 1 + body;
}

void load_requests(struct request_set *set, const char *path, const char *headers) {
    size_t total, used = 0, room = 0, slots = 0;
    char *text = read_whole(path, &total);
    for (size_t at = 0; at < total;) {
        char *newline = memchr(text + at, '\n', total - at);
        size_t end = newline ? (size_t)(newline - text) : total;
        if (end == at || text[at] == '#') {
            at = end + 1;
            continue;
        }
        text[end] = '\0';
        if (set->count == slots) set->requests = grow(set->requests, sizeof *set->requests * (slots = slots * 2 + 64));
        at = add_request(set, &used, &room, path, text, at, end, total, headers);
    }
    if (set->count == 0) die("%s: holds no request", path);
    set->next %= set->count;
    free(text);
}

const struct request *next_request(struct request_set *set) {
    const struct request *request = &set->requests[set->next];
    set->next = (set->next + 1) % set->count;
    return request;
}

void note_latency(struct request_set *set, uint64_t nanoseconds, uint64_t body_bytes) {
    if (set->measured == set->room)
        set->latencies = grow(set->latencies, sizeof *set->latencies * (set->room = set->room * 2 + 65536));
    if (set->measured == 0 || body_bytes < set->body_min) set->body_min = body_bytes;
    if (body_bytes > set->body_max) set->body_max = body_bytes;
    set->latencies[set->measured++] = nanoseconds;
    set->body_bytes += body_bytes;
}
