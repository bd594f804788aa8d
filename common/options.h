/* Options: one table describes a program's flags; they are read from a file, the environment and
 * the command line, in this order, later ones winning.
 *
 *   --drain-time 30s     on the command line, also as --drain-time=30s
 *   POINTSMAN_DRAIN_TIME in the environment; a repeatable option takes a comma-separated list
 *   drain-time = 30s     in the file that --config names: a line each, # starts a comment
 *
 * Giving a repeatable option on a later level replaces the list of the earlier one; giving any
 * other twice on one level is an error. An empty variable counts as unset. --help prints the
 * table, --version the version; both exit 0. An unknown option, a missing value or a value of the
 * wrong form is an error that names the option and where it stood (flag, variable, or file and
 * line).
 *
 * Programs with verbs (routectl) read the command line alone, by several tables.
 *
 * Threads: used before threads start. */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,     /* bool *; "--name", or name = true in the file */
    OPTION_STRING,   /* const char ** */
    OPTION_UNSIGNED, /* uint64_t *; decimal */
    OPTION_SIZE,     /* uint64_t *, bytes; 64k, 10m, 1g are powers of 1024 */
    OPTION_DURATION, /* uint64_t *, milliseconds; 250ms, 10s, 1h30m; the Gateway API's form */
    OPTION_MODE,     /* uint64_t *; octal file mode */
    OPTION_LIST,     /* struct option_list *; repeatable */
};

struct option_list {
    const char **items;
    size_t count;
};

struct option {
    const char
        *name; /* "drain-time"; a single letter stands behind one dash; NULL ends the table */
    enum option_kind kind;
    void *value;          /* holds the default beforehand */
    const char *argument; /* "ADDR:PORT", shown in --help; NULL for a flag */
    const char *help;     /* one sentence */
};

enum options_result {
    OPTIONS_RUN,    /* go on */
    OPTIONS_EXIT_0, /* --help or --version was printed */
    OPTIONS_USAGE,  /* err says what is wrong; exit with 2 */
};

struct program {
    const char *name;    /* "pointsman-proxy" */
    const char *summary; /* what it does, a line or two, for --help */
    const struct option *options;
};

/* Values stay valid until the process ends. `--config` is understood without being in the table.
 * What is left of the command line (operands) is an error. */
enum options_result options_parse(const struct program *program, int argc, char **argv,
                                  struct error *err);

/* The command line alone, from argv[0] on. `tables` ends with NULL; of equal names the one in the
 * first table counts. Operands may stand between options; behind "--" everything is one. */
bool options_parse_arguments(const struct option *const *tables, int argc, char **argv,
                             struct option_list *operands, struct error *err);

/* The same for the options in front of the first operand alone; `*used` arguments are theirs. */
bool options_parse_leading(const struct option *const *tables, int argc, char **argv, int *used,
                           struct error *err);

/* Prints the table with its defaults, as --help does. */
void options_print(const struct option *options, FILE *to);

#endif
