/* pointsman-control: flags, signals, start, stop. */
#include "common/event_loop.h"
#include "common/file_limit.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/options.h"
#include "common/privileges.h"
#include "common/sandbox.h"
#include "common/signals.h"
#include "control/check_health.h"
#include "control/control.h"
#include "control/store_backup.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, CHECK_TIMEOUT_MS = 2000 };

struct flags {
    struct control_options control;
    uint64_t socket_mode;
    const char *log_level;
    const char *log_file;
    const char *user;
    const char *sandbox;
    bool uses_sandbox;
    bool check_health;
    const char *restore;
};

static enum options_result parse_flags(struct flags *flags, int argc, char **argv,
                                       struct error *err)
{
    struct control_options *control = &flags->control;
    struct authorizer_options *roles = &control->roles;
    const struct option table[] = {
        {"database", OPTION_STRING, &control->database, "FILE",
         "Keeps the routes; made when it is not there."},
        {"socket", OPTION_STRING, &control->socket, "PATH", "Where routectl and proxies connect."},
        {"socket-mode", OPTION_MODE, &flags->socket_mode, "MODE", "Of the socket, octal."},
        {"socket-group", OPTION_STRING, &control->socket_group, "GROUP", "Of the socket."},
        {"admin-uid", OPTION_LIST, &roles->admin_uids, "USER",
         "May do everything, as root and our own user may; a number or a name."},
        {"admin-gid", OPTION_LIST, &roles->admin_gids, "GROUP", "The same for a group."},
        {"proxy-uid", OPTION_LIST, &roles->proxy_uids, "USER", "May follow the routes, and read."},
        {"proxy-gid", OPTION_LIST, &roles->proxy_gids, "GROUP", "The same for a group."},
        {"reader-uid", OPTION_LIST, &roles->reader_uids, "USER", "May read."},
        {"reader-gid", OPTION_LIST, &roles->reader_gids, "GROUP", "The same for a group."},
        {"keep-revisions", OPTION_UNSIGNED, &control->keep_revisions, "N", "Of history, at least."},
        {"drain-time", OPTION_DURATION, &control->drain_ms, "D",
         "How long running calls may take after SIGTERM."},
        {"heartbeat-interval", OPTION_DURATION, &control->feed.heartbeat_interval_ms, "D",
         "Between signs of life of a proxy; three missed, and it counts as lost."},
        {"log-level", OPTION_STRING, &flags->log_level, "LEVEL", "error, warn, info or debug."},
        {"log-file", OPTION_STRING, &flags->log_file, "FILE", "Instead of standard error."},
        {"user", OPTION_STRING, &flags->user, "USER[:GROUP]", "Whom root becomes at the start."},
        {"sandbox", OPTION_STRING, &flags->sandbox, "on|off",
         "Allows only the system calls that are known to be used, and writing only our own files."},
        {"check-health", OPTION_FLAG, &flags->check_health, NULL,
         "Asks the daemon on --socket whether it is well, and exits with 0 when it is."},
        {"restore", OPTION_STRING, &flags->restore, "FILE",
         "Puts a backup in the place of --database, which is kept beside it, and exits."},
        {0},
    };
    const struct program program = {
        .name = "pointsman-control",
        .summary = "The control plane of Pointsman: keeps the routes in a database and pushes\n"
                   "every change to the proxies.",
        .options = table,
    };
    return options_parse(&program, argc, argv, err);
}

static bool check_flags(struct flags *flags, struct error *err)
{
    enum log_level level;
    uint64_t interval_ms = flags->control.feed.heartbeat_interval_ms;
    if (!log_level_parse(flags->log_level, &level))
        return error_set(err, ERROR_INVALID, "--log-level must be error, warn, info or debug");
    if (flags->socket_mode > 0777)
        return error_set(err, ERROR_INVALID, "--socket-mode must be at most 0777");
    if (interval_ms < 100 || interval_ms > 60000)
        return error_set(err, ERROR_INVALID, "--heartbeat-interval must be 100ms to 1m");
    flags->control.socket_mode = (mode_t)flags->socket_mode;
    log_set_level(level);
    return sandbox_parse(flags->sandbox, &flags->uses_sandbox, err);
}

struct program_state {
    struct event_loop *loop;
    struct control *control;
    const char *log_file;
    bool is_draining;
};

static void on_terminate(void *context)
{
    struct program_state *program = context;
    if (program->is_draining)
        event_loop_stop(program->loop);
    program->is_draining = true;
    notify_send("STOPPING=1");
    control_drain(program->control);
}

static void on_hangup(void *context)
{
    const struct program_state *program = context;
    struct error err;
    notify_send_reloading();
    if (!log_open(program->log_file, &err))
        log_error("log_not_reopened", "reason=\"%s\"", err.message);
    log_info("log_reopened", "%s", "");
    notify_send("READY=1");
}

/* The database and the socket are open, and nothing else is needed. */
static bool confine(const struct flags *flags, struct error *err)
{
    const char *const writable[] = {flags->control.database, flags->control.socket,
                                    flags->log_file};
    const struct sandbox_options sandbox = {.writable = writable, .writable_count = 3};
    return privileges_drop(err) && (!flags->uses_sandbox || sandbox_enter(&sandbox, err));
}

static bool run(const struct flags *flags, struct error *err)
{
    struct program_state program = {.loop = event_loop_new(), .log_file = flags->log_file};
    const struct signal_handlers handlers = {
        .on_terminate = on_terminate,
        .on_hangup = on_hangup,
        .context = &program,
    };
    struct signals signals;
    bool has_run = false;
    notify_open();
    if (log_open(flags->log_file, err) && signals_start(&signals, program.loop, &handlers, err)) {
        file_limit_raise(); /* 1,024 clients are more than many systems start us with */
        program.control = control_start(&flags->control, program.loop, err);
        has_run = program.control != NULL && confine(flags, err);
        if (has_run) {
            notify_send("READY=1");
            event_loop_run(program.loop);
            log_info("stopped", "%s", "");
        }
        control_stop(program.control);
        signals_stop(&signals);
    }
    event_loop_free(program.loop);
    return has_run;
}

static bool restore(const struct flags *flags, struct error *err)
{
    struct store_restored restored;
    bool is_done = log_open(flags->log_file, err) &&
                   store_restore(flags->control.database, flags->restore, &restored, err);
    if (!is_done)
        return false;
    printf("restored revision %" PRIu64 " to %s; its epoch is now %s\n", restored.revision,
           flags->control.database, restored.epoch);
    if (restored.old_path.length > 0)
        printf("the database before is kept as %s\n", buffer_string(&restored.old_path));
    buffer_clear(&restored.old_path);
    return true;
}

static int fail(const struct error *err, int exit_code)
{
    fprintf(stderr, "pointsman-control: %s\n", err->message);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct flags flags = {
        .log_level = "info",
        .sandbox = sandbox_is_on_by_default ? "on" : "off",
    };
    struct error err = {0};
    control_options_init(&flags.control);
    flags.socket_mode = flags.control.socket_mode;

    switch (parse_flags(&flags, argc, argv, &err)) {
    case OPTIONS_EXIT_0:
        return EXIT_SUCCESS;
    case OPTIONS_USAGE:
        return fail(&err, EXIT_USAGE);
    case OPTIONS_RUN:
        break;
    }
    if (!check_flags(&flags, &err))
        return fail(&err, EXIT_USAGE);
    if (flags.check_health)
        return check_health(flags.control.socket, CHECK_TIMEOUT_MS, &err)
                   ? EXIT_SUCCESS
                   : fail(&err, EXIT_FAILURE);
    umask(umask(0077) | 0027); /* never wider than we were given */
    /* Its socket may have to be given to a group that we are not in. */
    if (!privileges_become(flags.user, CAP_CHOWN, &err))
        return fail(&err, EXIT_FAILURE);
    if (flags.restore != NULL)
        return restore(&flags, &err) ? EXIT_SUCCESS : fail(&err, EXIT_FAILURE);
    return run(&flags, &err) ? EXIT_SUCCESS : fail(&err, EXIT_FAILURE);
}
