/* Time text: moments as people write and read them.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_TIME_TEXT_H
#define CONTROL_ROUTECTL_TIME_TEXT_H

#include "common/buffer.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3339 with any offset ("2026-11-23T06:22:37Z", "2026-11-23 08:22:37.5+02:00"), or how long
 * before `now_ms` it was ("90s", "1h30m", "2d"). Milliseconds since 1970. */
bool time_text_parse(const char *text, uint64_t now_ms, uint64_t *time_ms, struct error *err);

/* Appends "2026-11-23T06:22:37Z": the whole second, in UTC. */
void append_time(struct buffer *to, uint64_t time_ms);

/* Appends a span in its largest unit alone, for a glance: "3d", "40s". */
void append_span(struct buffer *to, uint64_t span_ms);

/* The same of what has passed since then, by the wall clock. */
void append_age(struct buffer *to, uint64_t since_ms);

#endif
