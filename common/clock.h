/* Clock: monotonic milliseconds for timers, wall time for what people read.
 *
 * Threads: any. A test that sets the time does so before other threads start. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC, or what a test set. */
uint64_t clock_now_ms(void);

/* Microseconds of CLOCK_MONOTONIC; for measuring, never set by tests. */
uint64_t clock_now_us(void);

/* Milliseconds since 1970 in UTC, or what a test set; for logs and history, never for timers. */
uint64_t clock_wall_ms(void);
/* The same in seconds, as certificates count. */
int64_t clock_wall_s(void);

/* Freezes clock_now_ms at `now_ms`; 0 gives back the real clock. For tests. */
void clock_set_for_test(uint64_t now_ms);
/* The same for clock_wall_ms. */
void clock_set_wall_for_test(uint64_t wall_ms);

#endif
