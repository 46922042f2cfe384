/* A load generator that costs little: one thread, poll(2), keep-alive connections, prepared requests.
 *
 *     loadgen --port N [--host 127.0.0.1] [--connections 1] (--seconds S | --count N) [--warmup S] [--timeout S]
 *             [--seed N] [--header 'Name: value']... NAME:WEIGHT:START:FILE...
 *
 * Every connection sends a request, waits for its whole answer and sends the next: a closed loop. Latency is the time
 * from the first byte handed to the kernel to the last byte of the answer. In a closed loop a server that stalls is asked
 * less, so percentiles speak of the requests that were sent, not of those that users would have sent meanwhile.
 *
 * Each NAME:WEIGHT:START:FILE is a set of prepared requests (requests.h), sent in file order from START (counted from 0)
 * and over again after the last; the connections share the place. With several sets each request is drawn from one of
 * them at random by weight; the same --seed gives the same sequence.
 *
 * Answers before the end of the warm-up are not measured. When the time is over, requests on their way are awaited and
 * counted, so that nothing runs into the next measurement. Exit code: 0, or 1 when an answer had another status than its
 * request expects or did not come; the report (report.h) is written in both cases. 2: wrong usage, or nobody listens.
 *
 * poll and not epoll or kqueue: it is on every Unix, and with the 1 to 100 connections used here it costs the same.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "requests.h"
#include "response.h"

#define ENOUGH_FAILURES 1000 /* a run that fails this often says nothing more by going on */
#define READ_ROOM 65536      /* bytes asked of one read; a page of 200 records comes in one or two */

struct options {
    struct sockaddr_in address;
    unsigned connections;
    double seconds, warmup, timeout;
    uint64_t count, seed;
    char *headers;
};

struct connection {
    struct request_set *set;
    const struct request *request; /* NULL when idle */
    size_t written;
    uint64_t started;
    struct response response;
};

static struct options options = {.connections = 1, .timeout = 30, .seed = 1};
static struct run run;
static struct connection *connections;
static struct pollfd *polled;
static uint64_t measure_from, stop_at, last_answer;
static unsigned total_weight, busy;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* xorshift64*: repeatable, and good enough to draw sets by weight. */
static uint64_t random_number(void) {
    options.seed ^= options.seed >> 12;
    options.seed ^= options.seed << 25;
    options.seed ^= options.seed >> 27;
    return options.seed * 2685821657736338717u;
}

static struct request_set *draw_set(void) {
    if (run.set_count == 1) return run.sets;
    unsigned drawn = (unsigned)((random_number() >> 32) % total_weight);
    struct request_set *set = run.sets;
    while (drawn >= set->weight) drawn -= set++->weight;
    return set;
}

static void open_connection(size_t place) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&options.address, sizeof options.address) < 0) die("connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    polled[place] = (struct pollfd){.fd = fd};
}

static void reopen_connection(size_t place) {
    close(polled[place].fd);
    open_connection(place);
    run.reconnects++;
}

static void start_request(size_t place);

static void fail_request(size_t place, const char *reason) {
    struct connection *connection = &connections[place];
    struct response *response = &connection->response;
    note_failure(&run.failures, connection->set->name, reason, connection->request->status, response->status,
                 connection->set->bytes + connection->request->start,
                 response->bytes ? response->bytes + response->body : NULL, response->length - response->body);
    connection->request = NULL;
    busy--;
    last_answer = now();
}

/* A connection whose state is unknown is not used again. */
static void drop_connection(size_t place, const char *reason) {
    fail_request(place, reason);
    reopen_connection(place);
    start_request(place);
}

static void write_request(size_t place) {
    struct connection *connection = &connections[place];
    const struct request *request = connection->request;
    ssize_t wrote = send(polled[place].fd, connection->set->bytes + request->start + connection->written,
                         request->length - connection->written, 0);
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) {
        drop_connection(place, strerror(errno));
        return;
    }
    if (wrote > 0) connection->written += (size_t)wrote;
    /* Listen while writing too: a server may refuse a large body before it has read it. */
    polled[place].events = (short)(connection->written < request->length ? POLLOUT | POLLIN : POLLIN);
}

static void start_request(size_t place) {
    uint64_t time = now();
    polled[place].events = 0;
    if (run.failures.count >= ENOUGH_FAILURES) return;
    if (options.count ? run.sent >= options.count : time >= stop_at) return;
    struct connection *connection = &connections[place];
    connection->set = draw_set();
    connection->request = next_request(connection->set);
    connection->written = 0;
    connection->started = time;
    reset_response(&connection->response);
    run.sent++;
    busy++;
    write_request(place);
}

static void finish_request(size_t place, uint64_t body_bytes) {
    struct connection *connection = &connections[place];
    uint64_t time = now();
    int closes = connection->response.closes;
    if (connection->response.status != connection->request->status) {
        fail_request(place, "unexpected status");
    } else {
        if (time >= measure_from) note_latency(connection->set, time - connection->started, body_bytes);
        connection->request = NULL;
        busy--;
        last_answer = time;
    }
    if (closes) reopen_connection(place);
    start_request(place);
}

static void read_response(size_t place) {
    struct response *response = &connections[place].response;
    if (response->room < response->length + READ_ROOM + 1)
        response->bytes = grow(response->bytes, response->room = response->room * 2 + READ_ROOM + 1);
    ssize_t got = recv(polled[place].fd, response->bytes + response->length, response->room - response->length - 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        drop_connection(place, got < 0 ? strerror(errno) : "connection closed before the answer was complete");
        return;
    }
    response->length += (size_t)got;
    uint64_t body_bytes = 0;
    enum progress state = follow_response(response, &body_bytes);
    if (state == RESPONSE_BROKEN) drop_connection(place, "not an HTTP/1.1 answer");
    if (state == RESPONSE_COMPLETE) finish_request(place, body_bytes);
}

static void expire_requests(void) {
    uint64_t time = now(), patience = (uint64_t)(options.timeout * 1e9);
    for (size_t place = 0; place < options.connections; place++)
        if (connections[place].request && time - connections[place].started > patience)
            drop_connection(place, "no answer in time");
}

static void run_load(void) {
    connections = calloc(options.connections, sizeof *connections);
    polled = calloc(options.connections, sizeof *polled);
    if (connections == NULL || polled == NULL) die("no memory for %u connections", options.connections);
    for (size_t place = 0; place < options.connections; place++) open_connection(place);
    uint64_t start = now();
    measure_from = start + (uint64_t)(options.warmup * 1e9);
    stop_at = measure_from + (uint64_t)(options.seconds * 1e9);
    for (size_t place = 0; place < options.connections; place++) start_request(place);
    while (busy > 0) {
        int ready = poll(polled, options.connections, 100); /* ms: how late a time-out may be noticed */
        if (ready < 0 && errno != EINTR) die("poll: %s", strerror(errno));
        if (ready <= 0) expire_requests();
        for (size_t place = 0; place < options.connections && ready > 0; place++) {
            short events = polled[place].revents;
            if (events == 0 || connections[place].request == NULL) continue;
            if (events & (POLLIN | POLLHUP | POLLERR))
                read_response(place);
            else if (events & POLLOUT)
                write_request(place);
        }
    }
    run.seconds = last_answer > measure_from ? (double)(last_answer - measure_from) / 1e9 : 0;
}

/* NAME:WEIGHT:START:FILE; a NAME holds no colon, a FILE may. */
static void add_set(char *text) {
    char *weight = strchr(text, ':'), *start = weight ? strchr(weight + 1, ':') : NULL;
    char *file = start ? strchr(start + 1, ':') : NULL;
    if (file == NULL) die("%s: not NAME:WEIGHT:START:FILE", text);
    *weight++ = *start++ = *file++ = '\0';
    run.sets = grow(run.sets, sizeof *run.sets * (run.set_count + 1));
    struct request_set *set = &run.sets[run.set_count++];
    *set = (struct request_set){.name = text, .weight = (unsigned)strtoul(weight, NULL, 10), .next = strtoull(start, NULL, 10)};
    if (set->weight == 0) die("%s: the weight must be a whole number above 0", text);
    total_weight += set->weight;
    load_requests(set, file, options.headers);
}

static void add_header(const char *line) {
    size_t held = strlen(options.headers);
    options.headers = grow(options.headers, held + strlen(line) + 3);
    sprintf(options.headers + held, "%s\r\n", line);
}

static void read_options(int argc, char **argv) {
    static const struct option known[] = {
        {"host", required_argument, 0, 'h'},    {"port", required_argument, 0, 'p'},
        {"connections", required_argument, 0, 'c'}, {"seconds", required_argument, 0, 's'},
        {"count", required_argument, 0, 'n'},   {"warmup", required_argument, 0, 'w'},
        {"timeout", required_argument, 0, 't'}, {"seed", required_argument, 0, 'r'},
        {"header", required_argument, 0, 'H'},  {0, 0, 0, 0}};
    const char *host = "127.0.0.1";
    int port = 0, letter;
    char first[300];
    options.headers = strdup("");
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) switch (letter) {
            case 'h': host = optarg; break;
            case 'p': port = atoi(optarg); break;
            case 'c': options.connections = (unsigned)atoi(optarg); break;
            case 's': options.seconds = atof(optarg); break;
            case 'n': options.count = strtoull(optarg, NULL, 10); break;
            case 'w': options.warmup = atof(optarg); break;
            case 't': options.timeout = atof(optarg); break;
            case 'r': options.seed = strtoull(optarg, NULL, 10) | 1; break; /* xorshift stays at 0 for ever */
            case 'H': add_header(optarg); break;
            default: exit(2);
        }
    options.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &options.address.sin_addr) != 1) die("--host: %s is no IPv4 address", host);
    if (port == 0 || options.connections == 0 || (options.seconds <= 0) == (options.count == 0) || optind == argc)
        die("needs --port, --seconds or --count, and at least one NAME:WEIGHT:START:FILE");
    snprintf(first, sizeof first, "Host: %s:%d", host, port);
    add_header(first);
    for (int place = optind; place < argc; place++) add_set(argv[place]);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    run_load();
    run.connections = options.connections;
    print_report(&run);
    return run.failures.count > 0;
}
