/* Health checker: asks endpoints again and again how they are, on a thread of its own.
 *
 * It follows the check registry: a check that comes is begun soon, one that nobody uses any more
 * ends, all others go on undisturbed. The first check of an endpoint decides at once; after that
 * as many in a row as its settings say.
 *
 * Threads: main starts and stops it. */
#ifndef PROXY_HTTP_HEALTH_CHECKER_H
#define PROXY_HTTP_HEALTH_CHECKER_H

struct check_registry;
struct health_checker;

/* The registry outlives the checker. */
struct health_checker *health_checker_start(struct check_registry *registry);

/* Joins the thread. Nobody makes or drops backends meanwhile. Harmless on NULL. */
void health_checker_stop(struct health_checker *checker);

#endif
