#include "tests/support/openssl_program.h"

#include "common/buffer.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32 };

struct command openssl_run(const char *input, const char *words)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    CHECK(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO, "no standard input");
    close(ends[0]);
    if (input == NULL)
        close(ends[1]);
    else
        CHECK(write(ends[1], input, strlen(input)) == (ssize_t)strlen(input), "cannot write");

    char *copy = memory_duplicate_string(words);
    const char *arguments[ARGUMENTS_MAX] = {"openssl"};
    size_t count = 1;
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        CHECK(count < ARGUMENTS_MAX - 1, "too many words: %s", words);
        arguments[count++] = word;
    }
    /* The system's own configuration may forbid what we want to offer. */
    const char *const environment[] = {"OPENSSL_CONF=/dev/null", NULL};
    struct command command = command_run(arguments, environment);
    free(copy);
    if (input != NULL)
        close(ends[1]);
    return command;
}

struct command openssl_client(int port, const char *input, const char *words)
{
    struct buffer all = BUFFER_EMPTY;
    buffer_printf(&all, "s_client -connect 127.0.0.1:%d %s", port, words);
    struct command command = openssl_run(input, buffer_string(&all));
    buffer_clear(&all);
    return command;
}
