/* Process: a real program under test: its output is kept, its end is known, and it never
 * outlives the test.
 *
 * A thread of its own reads both outputs, so a chatty program never stands still, and reaps it.
 *
 * Threads: any, except that process_free is the last call. A program ends with the thread that
 * started it. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

enum process_stream { PROCESS_STDOUT, PROCESS_STDERR };

/* Starts `arguments[0]` (a path, or found in PATH). `environment` are NAME=VALUE lines that come
 * on top of ours, of which POINTSMAN_* is left out; NULL: none. Both end with NULL; copies. */
struct process *process_start(const char *const *arguments, const char *const *environment);

/* Kills what still runs. Fails the test when a sanitizer complained in it. Harmless on NULL. */
void process_free(struct process *process);

pid_t process_id(const struct process *process);
bool process_is_running(struct process *process);
/* The memory that it has at the moment. */
size_t process_resident_bytes(const struct process *process);

/* Harmless when it has ended. */
void process_signal(struct process *process, int signal);

/* Waits for the end: its exit code, or 128 + the signal that ended it; -1 when `timeout_ms`
 * passed first. */
int process_wait(struct process *process, uint64_t timeout_ms);

/* SIGKILL, and waits. */
void process_kill(struct process *process);

/* The first whole line that holds `text`, now or later; NULL when `timeout_ms` passed or the
 * program ended without it. Caller frees. */
char *process_find_line(struct process *process, enum process_stream stream, const char *text,
                        uint64_t timeout_ms);

/* The same on standard error, where logs go, for a line that must come. Caller frees. */
char *process_expect_line(struct process *process, const char *text);

/* What it has written so far. Caller frees. */
char *process_output(struct process *process, enum process_stream stream);

/* Runs a program to its end. Free with command_clear. */
struct command {
    int exit_code; /* as process_wait */
    char *out;
    char *err;
};

struct command command_run(const char *const *arguments, const char *const *environment);
void command_clear(struct command *command);

/* It must have ended with `exit_code` and said `out` and `err` somewhere (NULL: anything). Clears
 * it. */
void command_expect(struct command command, int exit_code, const char *out, const char *err);

#endif
