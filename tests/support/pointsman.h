/* Pointsman: the real programs, running in a folder of their own on ports of their own.
 *
 * A story starts them, changes routes with routectl, sends requests, and kills what it likes.
 * Whatever still runs at the end is asked to stop and must do so cleanly.
 *
 * Threads: one tells the story; pointsman_routectl from any. */
#ifndef TESTS_SUPPORT_POINTSMAN_H
#define TESTS_SUPPORT_POINTSMAN_H

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

#include <stdint.h>

struct pointsman;

/* Everything has a default: {0} or NULL will do. Argument lists end with NULL and come behind
 * what we pass ourselves. Borrowed as long as the programs may be started. */
struct pointsman_options {
    const char *const *control_arguments;
    const char *const *proxy_arguments;
    const char *workers; /* "2" */
    const char *control; /* the socket that the proxy goes to: another's; NULL: ours */
    const char *listen;  /* "127.0.0.1:0"; otherwise pointsman_port does not know the port */
};

/* Starts control, then the proxy, and waits until it is ready. */
struct pointsman *pointsman_start(const struct pointsman_options *options);
/* The same with these arguments of the proxy, and a route of everything to `url`. */
struct pointsman *pointsman_start_serving(const char *const *proxy_arguments, const char *url);
/* Makes the folder and starts nothing. */
struct pointsman *pointsman_new(const struct pointsman_options *options);
/* Stops what runs; fails the test when it does not end with 0. Harmless on NULL. */
void pointsman_free(struct pointsman *pointsman);

/* Before the proxy is started: another program of that path is. Copies. */
void pointsman_set_proxy_program(struct pointsman *pointsman, const char *path);

/* Each waits until the program answers: control on its socket, the proxy on its admin port. The
 * proxy keeps its ports when it is started again. */
void pointsman_start_control(struct pointsman *pointsman);
void pointsman_start_proxy(struct pointsman *pointsman);
/* Until /readyz says 200. */
void pointsman_wait_ready(struct pointsman *pointsman);

/* SIGTERM; waits; fails the test when the exit code is not 0. */
void pointsman_stop_control(struct pointsman *pointsman);
void pointsman_stop_proxy(struct pointsman *pointsman);
/* SIGKILL. */
void pointsman_kill_control(struct pointsman *pointsman);
void pointsman_kill_proxy(struct pointsman *pointsman);

/* NULL while it does not run. */
struct process *pointsman_control(struct pointsman *pointsman);
struct process *pointsman_proxy(struct pointsman *pointsman);

int pointsman_port(const struct pointsman *pointsman);
/* Of another listener, by its name. */
int pointsman_listener_port(const struct pointsman *pointsman, const char *name);
int pointsman_admin_port(const struct pointsman *pointsman);
const char *pointsman_socket(const struct pointsman *pointsman);
struct temp_dir *pointsman_dir(struct pointsman *pointsman);

/* Whether the proxy's admin page at `path`, "/metrics", says `text`; whatever its status. */
bool pointsman_page_has(const struct pointsman *pointsman, const char *path, const char *text);

/* The value of a metric that has no labels; it must be there. */
uint64_t pointsman_metric(const struct pointsman *pointsman, const char *name);

/* Until nobody listens at its port. */
void pointsman_wait_refused(const struct pointsman *pointsman);

/* Until the proxy has no connection to any service. After fake_upstream_drop_connections: a POST on
 * one that is gone could not be sent again. */
void pointsman_wait_no_upstream_connections(const struct pointsman *pointsman);

/* Runs `routectl --socket ... ARGUMENTS`, ended by NULL. Free with command_clear. */
struct command pointsman_routectl(const struct pointsman *pointsman, ...) __attribute__((sentinel));
/* The same, and it must end with 0. */
void pointsman_routectl_ok(const struct pointsman *pointsman, ...) __attribute__((sentinel));

/* The path of a program of ours: "pointsman-control". Caller frees. */
char *pointsman_program(const char *name);

#endif
