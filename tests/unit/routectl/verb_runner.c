#include "tests/unit/routectl/verb_runner.h"

#include "control/routectl/command.h"
#include "control/routectl/session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"
#include "tests/unit/routectl/words.h"

#include <unistd.h>

struct ran ran;

/* --- flags ------------------------------------------------------------------------------------ */

struct saved_value {
    void *at;
    size_t bytes;
    char value[sizeof(struct option_list)];
};

static struct saved_value saved_values[512];
static size_t saved_count;

static size_t value_bytes(enum option_kind kind)
{
    switch (kind) {
    case OPTION_FLAG:
        return sizeof(bool);
    case OPTION_STRING:
        return sizeof(const char *);
    case OPTION_LIST:
        return sizeof(struct option_list);
    case OPTION_UNSIGNED:
    case OPTION_SIZE:
    case OPTION_DURATION:
    case OPTION_MODE:
        break;
    }
    return sizeof(uint64_t);
}

static void save_table(const struct option *options)
{
    for (; options->name != NULL; options++) {
        assert_true(saved_count < sizeof(saved_values) / sizeof(saved_values[0]));
        struct saved_value *saved = &saved_values[saved_count++];
        saved->at = options->value;
        saved->bytes = value_bytes(options->kind);
        memcpy(saved->value, saved->at, saved->bytes);
    }
}

int verb_runner_save(void **state)
{
    (void)state;
    save_table(session_option_table);
    for (size_t i = 0; commands[i] != NULL; i++) {
        const struct option_group *groups = commands[i]->groups;
        for (size_t group = 0; group < MAX_OPTION_GROUPS && groups[group].title != NULL; group++)
            save_table(groups[group].options);
    }
    return 0;
}

int verb_runner_reset(void **state)
{
    (void)state;
    for (size_t i = 0; i < saved_count; i++)
        memcpy(saved_values[i].at, saved_values[i].value, saved_values[i].bytes);
    fake_client_reset();
    memset(&ran, 0, sizeof(ran));
    return 0;
}

/* --- running a verb --------------------------------------------------------------------------- */

/* What main does behind the global options. */
static int run_words(struct words *words)
{
    struct error err = {0};
    struct session session;
    struct option_list operands;
    size_t used;
    const struct command *command = command_find(words->items, (size_t)words->count, &used, &err);
    if (command == NULL ||
        !command_parse(command, words->count - (int)used, words->items + used, &operands, &err) ||
        !session_init(&session, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return EXIT_USAGE;
    }
    int code = (int)command->run(&session, &operands);
    session_clear(&session);
    return code;
}

static void read_back(FILE *file, char *text, size_t bytes)
{
    rewind(file);
    text[fread(text, 1, bytes - 1, file)] = '\0';
    fclose(file);
}

void run(const char *line)
{
    struct words words;
    words_split(&words, line);
    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out != NULL && err != NULL);
    fflush(NULL);
    int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);

    ran.code = run_words(&words);

    fflush(NULL);
    dup2(saved_out, STDOUT_FILENO);
    dup2(saved_err, STDERR_FILENO);
    close(saved_out);
    close(saved_err);
    read_back(out, ran.out, sizeof(ran.out));
    read_back(err, ran.err, sizeof(ran.err));
}

void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

void assert_refused(const char *line, int code, const char *message)
{
    verb_runner_reset(NULL);
    run(line);
    assert_int_equal(ran.code, code);
    assert_has(ran.err, message);
    assert_int_equal(fake_client_connect_count(), 0);
}
