#include "common/options.h"
#include "common/slice.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program with one option of each kind, and where its values go. */
static struct {
    bool verbose;
    const char *id;
    uint64_t workers;
    uint64_t body_limit;
    uint64_t drain_time_ms;
    uint64_t socket_mode;
    struct option_list listen;
} values;

static const struct option options[] = {
    {"verbose", OPTION_FLAG, &values.verbose, NULL, "Say more."},
    {"id", OPTION_STRING, &values.id, "ID", "Who this is."},
    {"workers", OPTION_UNSIGNED, &values.workers, "N", "Threads."},
    {"body-limit", OPTION_SIZE, &values.body_limit, "SIZE", "Largest body."},
    {"drain-time", OPTION_DURATION, &values.drain_time_ms, "DURATION", "How long to finish."},
    {"socket-mode", OPTION_MODE, &values.socket_mode, "MODE", "Of the socket."},
    {"listen", OPTION_LIST, &values.listen, "ADDR:PORT", "Where to accept."},
    {0},
};

static const struct program program = {
    .name = "pointsman-test",
    .summary = "Tests options.",
    .options = options,
};

static char config[] = "/tmp/pointsman-test-options.XXXXXX";

static int reset(void **state)
{
    (void)state;
    static const char *default_listen[] = {"127.0.0.1:8080"};
    memset(&values, 0, sizeof(values));
    values.id = "default";
    values.workers = 4;
    values.body_limit = 65536;
    values.drain_time_ms = 30000;
    values.socket_mode = 0660;
    values.listen = (struct option_list){default_listen, 1};

    for (const struct option *option = options; option->name != NULL; option++) {
        char name[64] = "POINTSMAN_";
        size_t used = strlen(name);
        for (const char *at = option->name; *at != '\0'; at++)
            name[used++] = (char)(*at == '-' ? '_' : ascii_upper(*at));
        unsetenv(name);
    }
    unsetenv("POINTSMAN_CONFIG");
    return 0;
}

static void write_config(const char *text)
{
    FILE *file = fopen(config, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Parses a command line given as words between blanks. */
static enum options_result parse(const char *line, struct error *err)
{
    static char words[512];
    char *argv[32] = {(char *)"pointsman-test"};
    int argc = 1;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    return options_parse(&program, argc, argv, err);
}

static void parse_ok(const char *line)
{
    struct error err = {0};
    if (parse(line, &err) != OPTIONS_RUN)
        fail_msg("%s", err.message);
}

static void assert_usage(const char *line, const char *message)
{
    struct error err = {0};
    assert_int_equal(parse(line, &err), OPTIONS_USAGE);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(err.message, message);
}

static void parse_with_config(const char *text)
{
    char line[128];
    write_config(text);
    snprintf(line, sizeof(line), "--config %s", config);
    parse_ok(line);
}

/* `expected` is what stands behind the file's path. */
static void assert_bad_config(const char *text, const char *expected)
{
    char line[128], message[256];
    write_config(text);
    snprintf(line, sizeof(line), "--config %s", config);
    snprintf(message, sizeof(message), "%s:%s", config, expected);
    assert_usage(line, message);
}

/* --- kinds ---------------------------------------------------------------------------------- */

static void defaults_stay_where_nothing_is_given(void **state)
{
    (void)state;
    parse_ok("");
    assert_string_equal(values.id, "default");
    assert_int_equal(values.workers, 4);
    assert_int_equal(values.listen.count, 1);
    assert_false(values.verbose);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    parse_ok("--verbose --id a --workers 2 --body-limit 10m --drain-time 1m30s --socket-mode 600 "
             "--listen web=:80 --listen unix:/run/a.sock");
    assert_true(values.verbose);
    assert_string_equal(values.id, "a");
    assert_int_equal(values.workers, 2);
    assert_int_equal(values.body_limit, 10 << 20);
    assert_int_equal(values.drain_time_ms, 90000);
    assert_int_equal(values.socket_mode, 0600);
    assert_int_equal(values.listen.count, 2);
    assert_string_equal(values.listen.items[0], "web=:80");
    assert_string_equal(values.listen.items[1], "unix:/run/a.sock");
}

static void a_value_may_stand_behind_an_equals_sign(void **state)
{
    (void)state;
    parse_ok("--workers=3 --id=--odd=value --verbose=false --listen=a=b");
    assert_int_equal(values.workers, 3);
    assert_string_equal(values.id, "--odd=value");
    assert_false(values.verbose);
    assert_string_equal(values.listen.items[0], "a=b");
}

static void an_empty_value_is_possible_for_text_alone(void **state)
{
    (void)state;
    parse_ok("--id=");
    assert_string_equal(values.id, "");
    assert_usage("--workers=", "--workers: '' is not a number");
}

static void sizes_take_a_suffix_and_do_not_overflow(void **state)
{
    (void)state;
    parse_ok("--body-limit 1G");
    assert_int_equal(values.body_limit, 1 << 30);
    parse_ok("--body-limit 512");
    assert_int_equal(values.body_limit, 512);
    assert_usage("--body-limit 99999999999g",
                 "--body-limit: '99999999999g' is not a size such as 4096, 64k or 10m");
    assert_usage("--body-limit 1kb", "--body-limit: '1kb' is not a size such as 4096, 64k or 10m");
}

static void values_of_the_wrong_form_name_the_option(void **state)
{
    (void)state;
    assert_usage("--workers two", "--workers: 'two' is not a number");
    assert_usage("--workers -1", "--workers: '-1' is not a number");
    assert_usage("--workers 99999999999999999999",
                 "--workers: '99999999999999999999' is not a number");
    assert_usage("--drain-time 10",
                 "--drain-time: '10' is not a duration such as 250ms, 10s or 1h30m");
    assert_usage("--socket-mode 0980", "--socket-mode: '0980' is not an octal mode such as 0660");
    assert_usage("--socket-mode 77777", "--socket-mode: '77777' is not an octal mode such as 0660");
    assert_usage("--verbose=maybe", "--verbose: 'maybe' is neither true nor false");
}

/* --- the command line ----------------------------------------------------------------------- */

static void an_unknown_option_suggests_the_nearest(void **state)
{
    (void)state;
    assert_usage("--lisen x", "unknown option --lisen; did you mean --listen?");
    assert_usage("--frobnicate", "unknown option --frobnicate");
    assert_usage("-x", "unknown option -x");
}

static void a_missing_value_is_an_error(void **state)
{
    (void)state;
    assert_usage("--listen", "--listen: needs a value, ADDR:PORT");
    assert_usage("--listen --workers 2", "--listen: needs a value, ADDR:PORT");
}

static void giving_a_single_option_twice_is_an_error(void **state)
{
    (void)state;
    assert_usage("--workers 1 --workers 2", "--workers: given twice");
}

static void operands_are_refused(void **state)
{
    (void)state;
    assert_usage("--workers 1 extra", "unexpected argument 'extra'");
    assert_usage("-- --workers", "unexpected argument '--workers'");
}

/* --- the environment ------------------------------------------------------------------------ */

static void variables_carry_the_names_of_options(void **state)
{
    (void)state;
    setenv("POINTSMAN_DRAIN_TIME", "5s", 1);
    setenv("POINTSMAN_VERBOSE", "1", 1);
    setenv("POINTSMAN_LISTEN", "a:1, b:2", 1);
    parse_ok("");
    assert_int_equal(values.drain_time_ms, 5000);
    assert_true(values.verbose);
    assert_int_equal(values.listen.count, 2);
    assert_string_equal(values.listen.items[0], "a:1");
    assert_string_equal(values.listen.items[1], "b:2");
}

static void an_empty_variable_counts_as_unset(void **state)
{
    (void)state;
    setenv("POINTSMAN_WORKERS", "", 1);
    setenv("POINTSMAN_LISTEN", "", 1);
    parse_ok("");
    assert_int_equal(values.workers, 4);
    assert_string_equal(values.listen.items[0], "127.0.0.1:8080");
}

static void a_bad_variable_is_named(void **state)
{
    (void)state;
    setenv("POINTSMAN_WORKERS", "x", 1);
    assert_usage("", "POINTSMAN_WORKERS: 'x' is not a number");
    unsetenv("POINTSMAN_WORKERS");
    setenv("POINTSMAN_LISTEN", "a:1,,b:2", 1);
    assert_usage("", "POINTSMAN_LISTEN: an item of the list is empty");
}

/* --- the file ------------------------------------------------------------------------------- */

static void a_file_holds_lines_and_comments(void **state)
{
    (void)state;
    parse_with_config("# all of it\n"
                      "\n"
                      "  workers = 8   # as many as cores\r\n"
                      "id=a#b\n"
                      "verbose = true\n"
                      "listen = a:1\n"
                      "listen = b:2");
    assert_int_equal(values.workers, 8);
    assert_string_equal(values.id, "a#b");
    assert_true(values.verbose);
    assert_int_equal(values.listen.count, 2);
    assert_string_equal(values.listen.items[1], "b:2");
}

static void a_bad_line_is_named_by_file_and_number(void **state)
{
    (void)state;
    assert_bad_config("\nworkers = x\n", "2: workers: 'x' is not a number");
    assert_bad_config("wokers = 1\n", "1: unknown option wokers; did you mean --workers?");
    assert_bad_config("just words\n", "1: expected a line like 'name = value'");
    assert_bad_config("id =\n", "1: id: needs a value");
    assert_bad_config("id = a\nid = b\n", "2: id: given twice");
    assert_bad_config("config = other\n", "1: unknown option config");
}

static void a_nul_byte_in_the_file_is_refused(void **state)
{
    (void)state;
    FILE *file = fopen(config, "w");
    assert_non_null(file);
    fwrite("id = a\0b\n", 1, 9, file);
    fclose(file);
    char line[128], message[256];
    snprintf(line, sizeof(line), "--config %s", config);
    snprintf(message, sizeof(message), "%s:1: the line holds a NUL byte", config);
    assert_usage(line, message);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(parse("--config /nonexistent/file", &err), OPTIONS_USAGE);
    assert_string_equal(err.message,
                        "configuration file /nonexistent/file: No such file or directory");
    assert_int_equal(parse("--config /tmp", &err), OPTIONS_USAGE);
    assert_string_equal(err.message, "configuration file /tmp: Is a directory");
}

static void the_file_may_be_named_by_a_variable(void **state)
{
    (void)state;
    write_config("workers = 6\n");
    setenv("POINTSMAN_CONFIG", config, 1);
    parse_ok("");
    assert_int_equal(values.workers, 6);
}

/* --- levels --------------------------------------------------------------------------------- */

static void later_levels_win(void **state)
{
    (void)state;
    char line[128];
    write_config("workers = 1\nid = file\ndrain-time = 1s\n");
    setenv("POINTSMAN_WORKERS", "2", 1);
    setenv("POINTSMAN_ID", "environment", 1);
    snprintf(line, sizeof(line), "--workers 3 --config %s", config);
    parse_ok(line);
    assert_int_equal(values.workers, 3);
    assert_string_equal(values.id, "environment");
    assert_int_equal(values.drain_time_ms, 1000);
}

static void a_later_list_replaces_an_earlier_one(void **state)
{
    (void)state;
    char line[128];
    write_config("listen = a:1\nlisten = b:2\n");
    snprintf(line, sizeof(line), "--listen c:3 --config %s", config);
    parse_ok(line);
    assert_int_equal(values.listen.count, 1);
    assert_string_equal(values.listen.items[0], "c:3");
}

/* --- help and version ----------------------------------------------------------------------- */

/* What parsing `line` prints. */
static void capture(const char *line, char *text, size_t text_bytes)
{
    struct error err = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);

    enum options_result result = parse(line, &err);

    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, text_bytes - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(result, OPTIONS_EXIT_0);
}

static void help_shows_the_table_with_defaults(void **state)
{
    (void)state;
    char text[4096];
    capture("--workers 9 --help", text, sizeof(text));
    assert_non_null(strstr(text, "Usage: pointsman-test [OPTION]...\n\nTests options.\n"));
    assert_non_null(strstr(text, "  --verbose              Say more.\n"));
    assert_non_null(strstr(text, "  --workers N            Threads. (default: 4)\n"));
    assert_non_null(strstr(text, "  --body-limit SIZE      Largest body. (default: 64k)\n"));
    assert_non_null(strstr(text, "  --drain-time DURATION  How long to finish. (default: 30s)\n"));
    assert_non_null(strstr(text, "  --socket-mode MODE     Of the socket. (default: 0660)\n"));
    assert_non_null(strstr(text, "Repeatable. (default: 127.0.0.1:8080)\n"));
    assert_non_null(strstr(text, "--config FILE"));
    assert_non_null(strstr(text, "(--verbose as POINTSMAN_VERBOSE;"));
}

static void version_is_one_line(void **state)
{
    (void)state;
    char text[256];
    capture("--version", text, sizeof(text));
    assert_string_equal(text, "pointsman-test " POINTSMAN_VERSION "\n");
}

static void long_help_is_wrapped_under_its_column(void **state)
{
    (void)state;
    const struct option table[] = {
        {"a-name-too-long-for-the-column", OPTION_FLAG, &values.verbose, NULL, "Short."},
        {"b", OPTION_STRING, &values.id, "FORM",
         "A sentence that goes on and on until it reaches the end of the line and then a bit "
         "further."},
        {0},
    };
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    options_print(table, file);
    fclose(file);

    assert_string_equal(
        text,
        "  --a-name-too-long-for-the-column\n"
        "           Short.\n"
        "  -b FORM  A sentence that goes on and on until it reaches the end of the line and then\n"
        "           a bit further. (default: default)\n");
    free(text);
}

/* --- programs with verbs -------------------------------------------------------------------- */

static void tables_are_searched_in_order(void **state)
{
    (void)state;
    const char *output = NULL;
    uint64_t verb_timeout_ms = 0, global_timeout_ms = 0;
    const struct option verb[] = {
        {"timeout", OPTION_DURATION, &verb_timeout_ms, "DURATION", ""},
        {0},
    };
    const struct option global[] = {
        {"timeout", OPTION_DURATION, &global_timeout_ms, "DURATION", ""},
        {"o", OPTION_STRING, &output, "FORM", ""},
        {0},
    };
    const struct option *const tables[] = {verb, global, NULL};
    char *argv[] = {(char *)"api", (char *)"-o",        (char *)"json",
                    (char *)"-",   (char *)"--timeout", (char *)"3s",
                    (char *)"--",  (char *)"--operand", NULL};
    struct option_list operands;

    assert_true(options_parse_arguments(tables, 8, argv, &operands, NULL));

    assert_int_equal(verb_timeout_ms, 3000);
    assert_int_equal(global_timeout_ms, 0);
    assert_string_equal(output, "json");
    assert_int_equal(operands.count, 3);
    assert_string_equal(operands.items[0], "api");
    assert_string_equal(operands.items[1], "-");
    assert_string_equal(operands.items[2], "--operand");
}

static void a_short_option_takes_its_value_attached_too(void **state)
{
    (void)state;
    const char *output = NULL;
    const struct option global[] = {{"o", OPTION_STRING, &output, "FORM", ""}, {0}};
    const struct option *const tables[] = {global, NULL};
    char *argv[] = {(char *)"-ojson", NULL};
    char *long_form[] = {(char *)"--o", (char *)"json", NULL};
    struct option_list operands;
    struct error err = {0};

    assert_true(options_parse_arguments(tables, 1, argv, &operands, NULL));
    assert_string_equal(output, "json");

    assert_false(options_parse_arguments(tables, 2, long_form, &operands, &err));
    assert_string_equal(err.message, "unknown option --o; did you mean -o?");
}

static void leading_options_end_at_the_first_operand(void **state)
{
    (void)state;
    const char *output = NULL;
    const struct option global[] = {{"o", OPTION_STRING, &output, "FORM", ""}, {0}};
    const struct option *const tables[] = {global, NULL};
    char *argv[] = {(char *)"-o", (char *)"json", (char *)"add", (char *)"--host", NULL};
    int used;
    struct error err = {0};

    assert_true(options_parse_leading(tables, 4, argv, &used, NULL));
    assert_int_equal(used, 2);
    assert_string_equal(output, "json");

    assert_false(options_parse_leading(tables, 1, argv, &used, &err));
    assert_string_equal(err.message, "-o: needs a value, FORM");
}

int main(void)
{
    int fd = mkstemp(config);
    if (fd < 0)
        return 1;
    close(fd);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_stay_where_nothing_is_given, reset),
        cmocka_unit_test_setup(every_kind_is_read, reset),
        cmocka_unit_test_setup(a_value_may_stand_behind_an_equals_sign, reset),
        cmocka_unit_test_setup(an_empty_value_is_possible_for_text_alone, reset),
        cmocka_unit_test_setup(sizes_take_a_suffix_and_do_not_overflow, reset),
        cmocka_unit_test_setup(values_of_the_wrong_form_name_the_option, reset),
        cmocka_unit_test_setup(an_unknown_option_suggests_the_nearest, reset),
        cmocka_unit_test_setup(a_missing_value_is_an_error, reset),
        cmocka_unit_test_setup(giving_a_single_option_twice_is_an_error, reset),
        cmocka_unit_test_setup(operands_are_refused, reset),
        cmocka_unit_test_setup(variables_carry_the_names_of_options, reset),
        cmocka_unit_test_setup(an_empty_variable_counts_as_unset, reset),
        cmocka_unit_test_setup(a_bad_variable_is_named, reset),
        cmocka_unit_test_setup(a_file_holds_lines_and_comments, reset),
        cmocka_unit_test_setup(a_bad_line_is_named_by_file_and_number, reset),
        cmocka_unit_test_setup(a_nul_byte_in_the_file_is_refused, reset),
        cmocka_unit_test_setup(a_file_that_is_not_there_is_an_error, reset),
        cmocka_unit_test_setup(the_file_may_be_named_by_a_variable, reset),
        cmocka_unit_test_setup(later_levels_win, reset),
        cmocka_unit_test_setup(a_later_list_replaces_an_earlier_one, reset),
        cmocka_unit_test_setup(help_shows_the_table_with_defaults, reset),
        cmocka_unit_test_setup(version_is_one_line, reset),
        cmocka_unit_test_setup(long_help_is_wrapped_under_its_column, reset),
        cmocka_unit_test_setup(tables_are_searched_in_order, reset),
        cmocka_unit_test_setup(a_short_option_takes_its_value_attached_too, reset),
        cmocka_unit_test_setup(leading_options_end_at_the_first_operand, reset),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(config);
    return failed;
}
