#include "proxy/http/access_log.h"

#include "common/append_file.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mutex.h"
#include "proxy/http/worker.h"
#include "proxy/routing/route.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* From the first on the thread is woken, from the second on lines are dropped. */
enum { WAKE_BYTES = 64 * 1024, MOST_BYTES = 4 * 1024 * 1024, LONGEST_WAIT_S = 1 };

struct slot {
    /* guarded by mutex */
    struct mutex mutex;
    struct buffer lines;
};

struct access_log {
    /* immutable */
    char *path;
    int fd; /* the file behind it is replaced in place */
    unsigned slot_count;
    struct slot *slots; /* one for each worker */
    pthread_t thread;

    /* guarded by mutex */
    struct mutex mutex;
    pthread_cond_t wakes;
    bool is_woken;
    bool is_closing;

    /* the thread's own */
    struct buffer outgoing;
};

/* --- the thread ------------------------------------------------------------------------------ */

/* What cannot be written now is lost: a full disk must not fill our memory too. */
static void write_out(struct access_log *log)
{
    struct buffer *lines = &log->outgoing;
    while (lines->length > 0) {
        ssize_t written = write(log->fd, lines->at, lines->length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        buffer_consume(lines, (size_t)written);
    }
    buffer_reset(lines);
}

static void collect(struct access_log *log)
{
    for (unsigned i = 0; i < log->slot_count; i++) {
        struct slot *slot = &log->slots[i];
        mutex_lock(&slot->mutex);
        struct buffer filled = slot->lines;
        slot->lines = log->outgoing;
        mutex_unlock(&slot->mutex);
        log->outgoing = filled;
        write_out(log);
    }
}

/* Returns false when it is time to end. */
static bool wait_for_lines(struct access_log *log)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LONGEST_WAIT_S;

    mutex_lock(&log->mutex);
    int result = 0;
    while (!log->is_woken && !log->is_closing && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&log->wakes, &log->mutex.native, &until);
    log->is_woken = false;
    bool goes_on = !log->is_closing;
    mutex_unlock(&log->mutex);
    return goes_on;
}

static void *run(void *context)
{
    struct access_log *log = context;
    pthread_setname_np(pthread_self(), "access-log");
    bool goes_on = true;
    while (goes_on) {
        goes_on = wait_for_lines(log);
        collect(log);
    }
    return NULL;
}

static void wake(struct access_log *log)
{
    mutex_lock(&log->mutex);
    log->is_woken = true;
    pthread_cond_signal(&log->wakes);
    mutex_unlock(&log->mutex);
}

/* --- opening and closing --------------------------------------------------------------------- */

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct access_log *access_log_open(const char *path, unsigned worker_count, struct error *err)
{
    int fd = append_file_open(path, "access log", err);
    if (fd < 0)
        return NULL;

    struct access_log *log = memory_allocate_zeroed(1, sizeof(*log));
    log->path = memory_duplicate_string(path);
    log->fd = fd;
    log->slot_count = worker_count;
    log->slots = memory_allocate_zeroed(worker_count, sizeof(log->slots[0]));
    for (unsigned i = 0; i < worker_count; i++)
        mutex_init(&log->slots[i].mutex);
    mutex_init(&log->mutex);
    init_condition(&log->wakes);
    if (pthread_create(&log->thread, NULL, run, log) != 0)
        abort(); /* as when memory runs out */
    return log;
}

bool access_log_reopen(struct access_log *log, struct error *err)
{
    int fd = append_file_open(log->path, "access log", err);
    if (fd < 0)
        return false;
    bool is_replaced = dup3(fd, log->fd, O_CLOEXEC) >= 0;
    if (!is_replaced)
        error_set_errno(err, "access log %s", log->path);
    close(fd);
    return is_replaced;
}

void access_log_close(struct access_log *log)
{
    if (log == NULL)
        return;
    mutex_lock(&log->mutex);
    log->is_closing = true;
    pthread_cond_signal(&log->wakes);
    mutex_unlock(&log->mutex);
    pthread_join(log->thread, NULL);

    for (unsigned i = 0; i < log->slot_count; i++) {
        mutex_lock(&log->slots[i].mutex);
        buffer_clear(&log->slots[i].lines);
        mutex_unlock(&log->slots[i].mutex);
        mutex_clear(&log->slots[i].mutex);
    }
    pthread_cond_destroy(&log->wakes);
    mutex_clear(&log->mutex);
    buffer_clear(&log->outgoing);
    close(log->fd);
    free(log->slots);
    free(log->path);
    free(log);
}

/* --- one line -------------------------------------------------------------------------------- */

static void put_text(struct buffer *to, const char *key, struct slice text)
{
    buffer_append_string(to, key);
    json_append_string(to, text);
}

static void put_time(struct buffer *to)
{
    uint64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char text[32];
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    buffer_append_string(to, "{\"time\":\"");
    buffer_append(to, text, length);
    buffer_printf(to, ".%03uZ\"", (unsigned)(now_ms % 1000));
}

/* NULL: nobody was asked, or the request was allowed, as its endpoint shows. */
static const char *authorization_word(const struct exchange *exchange)
{
    switch ((enum authorization_state)exchange->authorization) {
    case AUTHORIZATION_NOT_ASKED:
    case AUTHORIZATION_GIVEN:
        break;
    case AUTHORIZATION_OPEN:
        return "unanswered";
    case AUTHORIZATION_REFUSED:
        return "refused";
    case AUTHORIZATION_FAILED:
        return "failed";
    }
    return NULL;
}

static void put_line(struct buffer *to, const struct exchange *exchange)
{
    const struct request_head *head =
        exchange->asked != NULL ? exchange->asked : &exchange->request.head;
    const struct forwarding *forwarding = &exchange->forwarding;

    put_time(to);
    put_text(to, ",\"peer\":", exchange->peer_address);
    if (exchange->peer_is_trusted)
        put_text(to, ",\"client\":", exchange->client_address);
    if (exchange->client_subject.at != NULL)
        put_text(to, ",\"client_subject\":", exchange->client_subject);
    put_text(to, ",\"method\":", head->method);
    put_text(to, ",\"host\":", head->authority);
    put_text(to, ",\"path\":", head->path);
    buffer_printf(to, ",\"status\":%u,\"bytes\":%" PRIu64 ",\"duration_us\":%" PRIu64,
                  exchange->sent_status, exchange->sent_bytes,
                  worker_now_us(exchange->worker) - exchange->started_us);
    if (forwarding->is_tunnel)
        buffer_append_string(to, ",\"upgrade\":\"websocket\"");
    if (forwarding->rule != NULL) {
        put_text(to, ",\"route\":", rule_route_id(forwarding->rule));
        buffer_printf(to, ",\"revision\":%" PRIu64, rule_route_revision(forwarding->rule));
    }
    if (exchange->is_loop)
        buffer_append_string(to, ",\"refused\":\"loop\"");
    const char *authorization = authorization_word(exchange);
    if (authorization != NULL)
        put_text(to, ",\"authorization\":", slice_from_string(authorization));
    if (forwarding->endpoint != NULL) {
        put_text(to, ",\"endpoint\":", slice_from_string(forwarding->endpoint->name));
        buffer_printf(to, ",\"tries\":%u", forwarding->tries);
        if (forwarding->tls_error != NULL)
            put_text(to, ",\"tls_error\":", slice_from_string(forwarding->tls_error));
        if (forwarding->websocket_error != NULL)
            put_text(to, ",\"websocket_error\":", slice_from_string(forwarding->websocket_error));
    }
    buffer_append_string(to, "}\n");
}

void access_log_write(struct access_log *log, const struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    struct slot *slot = &log->slots[worker->index];

    struct buffer *line = &worker->log_line;
    buffer_reset(line);
    put_line(line, exchange);

    mutex_lock(&slot->mutex);
    size_t before = slot->lines.length;
    bool has_room = before + line->length <= MOST_BYTES;
    if (has_room)
        buffer_append_slice(&slot->lines, buffer_slice(line));
    size_t after = slot->lines.length;
    mutex_unlock(&slot->mutex);

    if (!has_room)
        counter_add(&worker->counters->access_log_dropped, 1);
    if (before < WAKE_BYTES && after >= WAKE_BYTES)
        wake(log);
}
