/* Wait: until a condition holds. Nothing in a test sleeps for a time that "should be enough".
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_WAIT_H
#define TESTS_SUPPORT_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* How long anything may take that is expected to happen. Long, because a sanitized program on a
 * busy machine is slow; nobody waits for it unless the test fails. */
#define WAIT_MS ((uint64_t)30000)

/* Asks until the answer is true. False when `timeout_ms` passed first. For conditions that
 * nothing announces; what can be waited for directly has its own function. */
bool wait_until(bool (*condition)(void *context), void *context, uint64_t timeout_ms);

/* Milliseconds left until `deadline_ms` (of clock_now_ms), for poll: at least 0. */
int wait_left_ms(uint64_t deadline_ms);

#endif
