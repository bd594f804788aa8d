/* Access log: one line of JSON for each request.
 *
 *   {"time":"2026-03-01T12:00:00.123Z","peer":"10.0.0.9","method":"GET","host":"shop","path":"/a",
 *    "status":200,"bytes":512,"duration_us":840,"route":"users","revision":41,
 *    "endpoint":"10.0.0.7:8080","tries":1}
 *
 * "authorization" is there where a request came no further: "refused" as its authorization service
 * has answered, "failed" without an answer as it must be, "unanswered" where the client or the
 * request's time was gone before.
 *
 * Workers append to buffers of their own; a thread writes these out, once a second or when one
 * is filling up. A file that takes no more, or a slow one, costs lines (they are counted as
 * dropped), never a request.
 *
 * Threads: a worker writes to its own buffer; opening, reopening and closing is for main. */
#ifndef PROXY_HTTP_ACCESS_LOG_H
#define PROXY_HTTP_ACCESS_LOG_H

#include "common/error.h"

#include <stdbool.h>

struct access_log;
struct exchange;

/* Starts the thread; workers 0 to `worker_count` - 1 may write. NULL on error. */
struct access_log *access_log_open(const char *path, unsigned worker_count, struct error *err);

/* Follows a rotation. On failure the old file stays in use. */
bool access_log_reopen(struct access_log *log, struct error *err);

/* Writes what is left. Harmless on NULL. */
void access_log_close(struct access_log *log);

/* The exchange has ended. Worker only. */
void access_log_write(struct access_log *log, const struct exchange *exchange);

#endif
