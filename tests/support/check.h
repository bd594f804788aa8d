/* Check: what a story takes for granted. When it does not hold, the test program says so and
 * ends, and what it started ends with it.
 *
 * Free of cmocka, so that benchmarks and tools can use the rest of this folder; and callable from
 * any thread, which cmocka's assertions are not.
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#define CHECK(condition, ...)                                                                      \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

_Noreturn void check_failed(const char *file, int line, const char *condition, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

#endif
