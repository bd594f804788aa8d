/* Verb runner: a verb of routectl, run in this process, against the fake client.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_ROUTECTL_VERB_RUNNER_H
#define TESTS_UNIT_ROUTECTL_VERB_RUNNER_H

/* What the last verb printed and its exit code. */
extern struct ran {
    int code;
    char out[16384];
    char err[4096];
} ran;

/* Flags are static variables, for a process runs one verb. verb_runner_save keeps what they are in
 * the beginning (the group's setup), and verb_runner_reset gives each test these values back. */
int verb_runner_save(void **state);
int verb_runner_reset(void **state);

/* Runs a command line without "routectl", taken apart at blanks. */
void run(const char *line);

void assert_has(const char *text, const char *part);

/* `line` must end with `code`, and say `message`, before anything is connected to. */
void assert_refused(const char *line, int code, const char *message);

#endif
