/* Log: one line per event, to standard error or a file.
 *
 *   2026-03-01T12:00:00.123Z info route_published revision=41 routes=1000
 *
 * A stable event name, then facts as key=value. error: a human must act; warn: degraded and
 * coping; info: lifecycle and every change; debug: the rest. Never one per request: that is the
 * access log. The caller quotes what came from outside with log_quote; where a text comes without,
 * its control characters become spaces, so that one event stays one line.
 *
 * Threads: any. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Later is chattier. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* "error", "warn", "info" or "debug". */
bool log_level_parse(const char *name, enum log_level *level);
void log_set_level(enum log_level level);

/* Sends lines to `path` (NULL: standard error) from now on. Called again with the same path it
 * reopens the file: that is how SIGHUP follows a rotation. On failure nothing changes. */
bool log_open(const char *path, struct error *err);

void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_line(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_line(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)

/* `text` in double quotes with control characters, quotes and backslashes escaped, cut to fit.
 * Returns `to`. */
const char *log_quote(char *to, size_t to_bytes, const char *text);

#endif
