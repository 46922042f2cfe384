/* Percentiles and JSON. */
#define _GNU_SOURCE
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SHOWN_BODY 2000 /* bytes: an error body of the API is a few hundred */

static void put_text(FILE *out, const char *text, size_t length) {
    fputc('"', out);
    for (size_t at = 0; at < length; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f) /* bytes, not characters: an example may be cut inside one */
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

void note_failure(struct failure *failure, const char *set, const char *reason, int expected, int status,
                  const char *request, const char *body, size_t body_length) {
    if (failure->count++ > 0) return;
    size_t written;
    FILE *out = open_memstream(&failure->example, &written);
    if (out == NULL) die("no memory for an example");
    fprintf(out, "{\"set\":");
    put_text(out, set, strlen(set));
    fprintf(out, ",\"reason\":");
    put_text(out, reason, strlen(reason));
    fprintf(out, ",\"expected\":%d,\"status\":%d,\"request\":", expected, status);
    put_text(out, request, strcspn(request, "\r"));
    fprintf(out, ",\"body\":");
    put_text(out, body ? body : "", body_length < SHOWN_BODY ? body_length : SHOWN_BODY);
    fputc('}', out);
    fclose(out);
}

static int ascending(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The nearest-rank percentile in microseconds of sorted nanoseconds; 0 of nothing. */
static double percentile(const uint64_t *sorted, size_t count, double share) {
    if (count == 0) return 0;
    size_t rank = (size_t)ceil(share * (double)count);
    return (double)sorted[rank > 0 ? rank - 1 : 0] / 1000.0;
}

static void print_latencies(uint64_t *latencies, size_t count, double seconds) {
    qsort(latencies, count, sizeof *latencies, ascending);
    double sum = 0;
    for (size_t at = 0; at < count; at++) sum += (double)latencies[at];
    printf("\"requests\":%zu,\"rps\":%.3f,\"mean_us\":%.2f,\"p50_us\":%.2f,\"p95_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f",
           count, seconds > 0 ? (double)count / seconds : 0, count ? sum / (double)count / 1000.0 : 0,
           percentile(latencies, count, 0.50), percentile(latencies, count, 0.95), percentile(latencies, count, 0.99),
           percentile(latencies, count, 1.0));
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void print_report(const struct run *run) {
    double cpu = cpu_seconds(); /* before the sorting, which is no part of the load */
    size_t total = 0, at = 0;
    uint64_t bytes = 0;
    for (size_t set = 0; set < run->set_count; set++) {
        total += run->sets[set].measured;
        bytes += run->sets[set].body_bytes;
    }
    uint64_t *all = grow(NULL, sizeof *all * (total + 1));
    printf("{\"connections\":%u,\"seconds\":%.6f,\"sent\":%llu,\"cpu_seconds\":%.3f,\"reconnects\":%llu,\"failures\":%llu,\"failure\":%s,",
           run->connections, run->seconds, (unsigned long long)run->sent, cpu, (unsigned long long)run->reconnects,
           (unsigned long long)run->failures.count, run->failures.example ? run->failures.example : "null");
    printf("\"sets\":{");
    for (size_t set = 0; set < run->set_count; set++) {
        const struct request_set *one = &run->sets[set];
        if (one->measured) memcpy(all + at, one->latencies, sizeof *all * one->measured);
        at += one->measured;
        if (set > 0) putchar(',');
        put_text(stdout, one->name, strlen(one->name));
        printf(":{");
        print_latencies(one->latencies, one->measured, run->seconds);
        printf(",\"body_bytes\":%llu,\"body_min\":%llu,\"body_max\":%llu,\"next\":%zu}",
               (unsigned long long)one->body_bytes, (unsigned long long)one->body_min,
               (unsigned long long)one->body_max, one->next);
    }
    printf("},\"all\":{");
    print_latencies(all, total, run->seconds);
    printf(",\"body_bytes\":%llu}}\n", (unsigned long long)bytes);
    free(all);
}
