#include "common/nearest.h"
#include "control/routectl/command.h"
#include "control/routectl/session.h"

#include <string.h>

const struct command *const commands[] = {
    &command_add,
    &command_remove,
    &command_delete,
    &command_edit,
    &command_get,
    &command_list,
    &command_explain,
    &command_backend_add,
    &command_backend_remove,
    &command_backend_get,
    &command_backend_list,
    &command_backend_blame,
    &command_apply,
    &command_diff,
    &command_export,
    &command_history,
    &command_show,
    &command_blame,
    &command_undo,
    &command_confirm,
    &command_watch,
    &command_status,
    &command_wait,
    &command_health,
    &command_backup,
    &command_help,
    &command_version,
    NULL,
};

/* How many of the words make up the command's name; 0 when they do not. */
static size_t match_name(const struct command *command, char *const *words, size_t word_count)
{
    const char *name = command->name;
    size_t used = 0;
    while (used < word_count) {
        size_t length = strcspn(name, " ");
        if (strlen(words[used]) != length || strncmp(words[used], name, length) != 0)
            return 0;
        used++;
        if (name[length] == '\0')
            return used;
        name += length + 1;
    }
    return 0;
}

/* Says which verb was meant: names of two words are compared with two words. */
static void fail_unknown(char *const *words, size_t word_count, struct error *err)
{
    char two_words[128];
    snprintf(two_words, sizeof(two_words), "%s %s", words[0], word_count > 1 ? words[1] : "");
    struct nearest one = {.typed = words[0]}, two = {.typed = two_words};
    for (size_t i = 0; commands[i] != NULL; i++)
        nearest_consider(strchr(commands[i]->name, ' ') == NULL ? &one : &two, commands[i]->name);

    bool is_two = two.name != NULL && (one.name == NULL || two.distance < one.distance);
    const struct nearest *meant = is_two ? &two : &one;
    if (meant->name != NULL)
        error_set(err, ERROR_INVALID, "unknown verb '%s'; did you mean '%s'?", meant->typed,
                  meant->name);
    else
        error_set(err, ERROR_INVALID, "unknown verb '%s'; 'routectl help' lists them", words[0]);
}

const struct command *command_find(char *const *words, size_t word_count, size_t *used,
                                   struct error *err)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        *used = match_name(commands[i], words, word_count);
        if (*used > 0)
            return commands[i];
    }
    if (word_count == 1 && strcmp(words[0], "backend") == 0) {
        error_set(err, ERROR_INVALID, "backend: what about it? add, remove, get or list");
        return NULL;
    }

    fail_unknown(words, word_count, err);
    return NULL;
}

bool command_parse(const struct command *command, int argc, char **argv,
                   struct option_list *operands, struct error *err)
{
    const struct option *tables[MAX_OPTION_GROUPS + 2] = {0};
    size_t count = 0;
    for (size_t i = 0; i < MAX_OPTION_GROUPS && command->groups[i].title != NULL; i++)
        tables[count++] = command->groups[i].options;
    tables[count] = session_option_table;

    if (!options_parse_arguments(tables, argc, argv, operands, err))
        return false;
    if (session_options.help)
        return true;
    if (operands->count < command->min_operands)
        return error_set(err, ERROR_INVALID, "%s: needs %s", command->name, command->operands);
    if (operands->count > command->max_operands)
        return error_set(err, ERROR_INVALID, "%s: unexpected argument '%s'", command->name,
                         operands->items[command->max_operands]);
    return true;
}

void command_print_help(const struct command *command, FILE *to)
{
    bool has_options = command->groups[0].title != NULL;
    fprintf(to, "Usage: routectl %s%s%s%s\n\n%s.\n", command->name,
            *command->operands == '\0' ? "" : " ", command->operands,
            has_options ? " [OPTION]..." : "", command->summary);
    if (*command->details != '\0')
        fprintf(to, "\n%s\n", command->details);
    for (size_t i = 0; i < MAX_OPTION_GROUPS && command->groups[i].title != NULL; i++) {
        fprintf(to, "\n%s:\n", command->groups[i].title);
        options_print(command->groups[i].options, to);
    }
    fprintf(to, "\nExamples:\n%s\n\n'routectl help' lists the options of every verb.\n",
            command->example);
}

/* The verbs, under the heading of their kind. */
static void print_verbs(FILE *to)
{
    static const char *const headings[] = {
        [COMMAND_ROUTES] = "Routes",   [COMMAND_BACKENDS] = "Backends", [COMMAND_FILES] = "Files",
        [COMMAND_HISTORY] = "History", [COMMAND_STATE] = "State",       [COMMAND_HELP] = "Help",
    };
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (i == 0 || commands[i]->kind != commands[i - 1]->kind)
            fprintf(to, "\n%s:\n", headings[commands[i]->kind]);
        fprintf(to, "  %-16s%s\n", commands[i]->name, commands[i]->summary);
    }
}

void command_print_overview(FILE *to)
{
    fputs("Usage: routectl [OPTION]... VERB [ARGUMENT]...\n\n"
          "Changes the routes of Pointsman while it runs, and shows them as they are and were.\n"
          "A change is on disk and live on every proxy when routectl returns.\n",
          to);
    print_verbs(to);

    fputs("\nOptions of every verb:\n", to);
    options_print(session_option_table, to);

    fputs(
        "\nRevisions and times: every change makes a revision, one more than the last. REV is its\n"
        "number. TIME is RFC 3339 (2026-11-23T06:22:37Z) or how long ago (90s, 1h30m, 2d), and\n"
        "stands for the newest revision made by then.\n"
        "\n"
        "Results go to standard output, everything else to standard error. With -o json they\n"
        "are the messages of the API in protobuf's JSON mapping: names in lowerCamelCase, 64-bit\n"
        "numbers as strings, enums by name, durations like \"1.500s\". Routes and backends show\n"
        "what is set, all other messages every field. What each verb prints:\n"
        "  add, apply, edit, undo, remove, delete,\n"
        "  backend add, backend remove                ApplyResponse, with dryRun, and (after\n"
        "                                             waiting) WaitAppliedResponse in proxies\n"
        "  list, backend list                         ListRoutesResponse, ListBackendsResponse\n"
        "  get, backend get                           Route, Backend\n"
        "  history, show, diff                        ListCommitsResponse, Commit, DiffResponse\n"
        "  blame, confirm, backup                     BlameResponse, ConfirmResponse, "
        "BackupHeader\n"
        "  watch                                      WatchCommitsResponse, each on a line\n"
        "  status                                     GetInfoResponse in control, and\n"
        "                                             ListProxiesResponse\n"
        "  wait, health                               WaitAppliedResponse, HealthCheckResponse\n"
        "  explain                                    ExplainResponse\n"
        "With -o yaml, routes and backends are documents as 'apply' takes them, all else is as\n"
        "with -o json. 'export' prints documents, whatever -o says. Colours are for terminals\n"
        "alone; NO_COLOR in the environment turns them off.\n"
        "\n"
        "Exit codes: 0 ok; 1 failed (diff: differs); 2 usage; 3 not found; 4 a precondition does\n"
        "not hold (the object exists already, has changed, or is in use); 5 invalid; 6 committed,\n"
        "but not applied by every proxy; 7 the daemon cannot be reached.\n"
        "\n"
        "'routectl help VERB' says more, with examples.\n",
        to);
}
