/* Programs: which ones a benchmark runs.
 *
 * Threads: main. */
#ifndef TESTS_BENCH_PROGRAMS_H
#define TESTS_BENCH_PROGRAMS_H

/* Those of the folder that POINTSMAN_BIN names, or those beside this one. */
void programs_find(void);

#endif
