/* Measures: what a benchmark found, for people as a table and for programs as JSON.
 *
 * Threads: one. */
#ifndef TESTS_BENCH_MEASURES_H
#define TESTS_BENCH_MEASURES_H

#include <stdbool.h>
#include <stddef.h>

enum { MEASURES_MAX = 128 };

struct measure {
    size_t routes;
    const char *what;
    const char *unit;
    double value;
};

struct measures {
    struct measure items[MEASURES_MAX];
    size_t count;
};

/* `what` and `unit` are literals. */
void measures_add(struct measures *measures, size_t routes, const char *what, const char *unit,
                  double value);

/* With the machine in front. */
void measures_print(const struct measures *measures, const char *benchmark, bool as_json);

/* The value below which `share` (0 to 1) of all lie; sorts them. */
double measures_quantile(double *values, size_t count, double share);

#endif
