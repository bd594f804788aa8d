/* routectl: changes and shows the routes of a running Pointsman.
 *
 * `routectl [OPTION]... VERB [ARGUMENT]...`: the options of every verb may stand in front of it or
 * behind it, the verb's own behind it. commands.c has the table of verbs. */
#include "control/routectl/command.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"

#include <stdlib.h>

static enum exit_code fail_usage(const struct error *err, const struct command *command)
{
    say("%s", err->message);
    if (command == NULL)
        say("'routectl help' says how");
    else
        say("'routectl help %s' says how", command->name);
    return EXIT_USAGE;
}

static void read_environment(void)
{
    const char *socket_path = getenv("POINTSMAN_SOCKET");
    if (socket_path != NULL && *socket_path != '\0')
        session_options.socket = socket_path;
}

static enum exit_code run(const struct command *command, const struct option_list *operands)
{
    struct error err = {0};
    struct session session;
    if (!session_init(&session, &err))
        return fail_usage(&err, command);
    enum exit_code code = command->run(&session, operands);
    session_clear(&session);

    /* A full disk or a closed pipe must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("standard output could not be written");
        return code == EXIT_OK ? EXIT_FAILED : code;
    }
    return code;
}

static enum exit_code run_command_line(int argc, char **argv)
{
    const struct option *const leading_tables[] = {session_option_table, NULL};
    const struct option_list none = {0};
    struct error err = {0};
    int used;
    if (!options_parse_leading(leading_tables, argc - 1, argv + 1, &used, &err))
        return fail_usage(&err, NULL);
    argc -= 1 + used;
    argv += 1 + used;

    if (session_options.version)
        return run(&command_version, &none);
    if (session_options.help)
        return run(&command_help, &none);
    if (argc == 0) {
        command_print_overview(stderr);
        return EXIT_USAGE;
    }

    size_t name_words;
    const struct command *command = command_find(argv, (size_t)argc, &name_words, &err);
    if (command == NULL)
        return fail_usage(&err, NULL);
    struct option_list operands;
    if (!command_parse(command, argc - (int)name_words, argv + name_words, &operands, &err))
        return fail_usage(&err, command);
    if (session_options.version)
        return run(&command_version, &none);
    if (session_options.help) {
        command_print_help(command, stdout);
        return EXIT_OK;
    }
    return run(command, &operands);
}

int main(int argc, char **argv)
{
    read_environment();
    return (int)run_command_line(argc, argv);
}
