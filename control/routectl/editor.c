#include "control/routectl/editor.h"

#include "common/buffer.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *given(const char *variable)
{
    const char *value = getenv(variable);
    return value == NULL || *value == '\0' ? NULL : value;
}

char *editor_new_file(struct error *err)
{
    static const char ending[] = ".yaml";
    const char *folder = given("TMPDIR");
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/routectl-XXXXXX%s", folder == NULL ? "/tmp" : folder, ending);
    char *name = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);

    int file = mkstemps(name, sizeof(ending) - 1);
    if (file >= 0) {
        close(file);
        return name;
    }
    error_set_errno(err, "%s", name);
    free(name);
    return NULL;
}

bool editor_write(const char *path, struct slice content, struct error *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return error_set_errno(err, "%s", path);
    bool is_written = fwrite(content.at, 1, content.length, file) == content.length;
    /* What is not on its way to the disk is seen when the file is closed. */
    if (fclose(file) != 0 || !is_written)
        return error_set_errno(err, "%s", path);
    return true;
}

/* Ctrl-C in the editor is the editor's. */
static void ignore_keys(struct sigaction *interrupt, struct sigaction *quit)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignored, interrupt);
    sigaction(SIGQUIT, &ignored, quit);
}

/* With those keys as they are by default. */
static int spawn(pid_t *child, char *const *arguments)
{
    posix_spawnattr_t attributes;
    sigset_t keys;
    sigemptyset(&keys);
    sigaddset(&keys, SIGINT);
    sigaddset(&keys, SIGQUIT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &keys);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int problem = posix_spawn(child, "/bin/sh", NULL, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return problem;
}

bool editor_run(const char *path, struct error *err)
{
    const char *editor = given("VISUAL");
    if (editor == NULL)
        editor = given("EDITOR");
    if (editor == NULL)
        editor = "vi";

    /* A shell takes the editor's own arguments apart. */
    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "%s \"$@\"", editor);
    char *const arguments[] = {(char *)"sh",   (char *)"-c", (char *)buffer_string(&line),
                               (char *)editor, (char *)path, NULL};
    struct sigaction interrupt, quit;
    pid_t child;
    int status = -1;
    ignore_keys(&interrupt, &quit);
    int problem = spawn(&child, arguments);
    while (problem == 0 && waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            problem = errno;
    }
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    buffer_clear(&line);

    if (problem != 0) {
        errno = problem;
        return error_set_errno(err, "the editor '%s'", editor);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return error_set(err, ERROR_SYSTEM, "the editor '%s' failed", editor);
}
