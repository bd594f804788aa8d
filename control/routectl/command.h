/* Command: one verb of routectl, described for the parser, for help, and to be run.
 *
 * The flags of a verb write into static variables of its file: a process runs one verb.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_COMMAND_H
#define CONTROL_ROUTECTL_COMMAND_H

#include "common/options.h"
#include "control/routectl/exit_code.h"

#include <stddef.h>
#include <stdio.h>

struct session;

/* Flags under one heading of the help. */
struct option_group {
    const char *title; /* NULL ends the list */
    const struct option *options;
};

enum { MAX_OPTION_GROUPS = 7 };

/* The parts of the overview. */
enum command_kind {
    COMMAND_ROUTES,
    COMMAND_BACKENDS,
    COMMAND_FILES,
    COMMAND_HISTORY,
    COMMAND_STATE,
    COMMAND_HELP,
};

struct command {
    const char *name; /* "add", "backend add" */
    enum command_kind kind;
    const char *operands; /* "NAME", "[NAME]...", or "" */
    const char *summary;  /* for the list of verbs: one line, no full stop */
    const char *details;  /* paragraphs for help, wrapped at 88 columns */
    const char *example;  /* lines to type, with what they do */
    size_t min_operands;
    size_t max_operands;
    struct option_group groups[MAX_OPTION_GROUPS];
    enum exit_code (*run)(struct session *session, const struct option_list *operands);
};

/* Every verb, in the order of the help, kind by kind. Ends with NULL. */
extern const struct command *const commands[];

extern const struct command command_add;
extern const struct command command_remove;
extern const struct command command_delete;
extern const struct command command_apply;
extern const struct command command_diff;
extern const struct command command_export;
extern const struct command command_edit;
extern const struct command command_get;
extern const struct command command_list;
extern const struct command command_backend_add;
extern const struct command command_backend_remove;
extern const struct command command_backend_get;
extern const struct command command_backend_list;
extern const struct command command_backend_blame;
extern const struct command command_history;
extern const struct command command_show;
extern const struct command command_blame;
extern const struct command command_undo;
extern const struct command command_confirm;
extern const struct command command_watch;
extern const struct command command_backup;
extern const struct command command_explain;
extern const struct command command_status;
extern const struct command command_wait;
extern const struct command command_health;
extern const struct command command_help;
extern const struct command command_version;

/* The command whose name the words begin with; *used of them are its name. NULL with an error that
 * suggests the nearest when there is none. */
const struct command *command_find(char *const *words, size_t word_count, size_t *used,
                                   struct error *err);

/* Parses the flags of a verb, with those of every verb behind them, and checks the number of
 * operands. */
bool command_parse(const struct command *command, int argc, char **argv,
                   struct option_list *operands, struct error *err);

/* What `routectl help VERB` and `routectl help` print. */
void command_print_help(const struct command *command, FILE *to);
void command_print_overview(FILE *to);

#endif
