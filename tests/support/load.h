/* Load: connections that ask all the time, and know exactly what became of each request.
 *
 * Threads: one starts and stops it; it has one for each connection. */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load;

struct load_tally {
    size_t answered;   /* 200, whole */
    size_t refused;    /* no connection */
    size_t unanswered; /* the connection ended before the first byte of an answer */
    size_t broken;     /* an answer that ended inside, was not HTTP, or never came */
    size_t failed;     /* another status */
    int last_status;   /* of a failed one */
};

/* GET `path` of `host` at 127.0.0.1:`port`, on `connections` that are kept alive as long as the
 * answers allow; opened anew when lost or refused. */
struct load *load_start(int port, const char *host, const char *path, size_t connections);

/* Waits until `count` requests have been answered since it was started; the test fails when it
 * takes too long. */
void load_wait_answered(struct load *load, size_t count);
/* The same, counted from now. */
void load_wait_more_answered(struct load *load, size_t count);

/* Waits until every connection was refused once: nobody listens any more. */
void load_wait_refused(struct load *load);

/* How it goes so far. */
struct load_tally load_tally(struct load *load);

/* Lets every request under way end, then ends. */
struct load_tally load_stop(struct load *load);

#endif
