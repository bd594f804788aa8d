/* pointsman-proxy: flags, signals, start, stop. */
#include "common/event_loop.h"
#include "common/file_limit.h"
#include "common/inherited_sockets.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/options.h"
#include "common/privileges.h"
#include "common/sandbox.h"
#include "common/signals.h"
#include "proxy/check_health.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/via.h"
#include "proxy/proxy.h"
#include "proxy/supervised.h"
#include "proxy/supervisor.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, WORKERS_MAX = 1024, CHECK_TIMEOUT_MS = 2000, HEAD_BYTES_MAX = 1 << 20 };

/* --- flags ---------------------------------------------------------------------------------- */

struct flags {
    struct option_list listen;
    struct option_list trusted_proxies;
    const char *via;
    const char *control;
    uint64_t workers;
    const char *admin;
    const char *local_copy;
    const char *access_log;
    uint64_t drain_ms;
    const char *id;
    const char *log_level;
    const char *log_file;
    bool check_health;
    bool supervise;
    const char *user;
    const char *sandbox;
    struct http_options http;
    struct dns_options dns;
    uint64_t max_headers;
    uint64_t pool_max_idle;
    uint64_t max_connections;
    uint64_t max_connections_per_peer;
};

static const char *default_listen[] = {"0.0.0.0:8080"};

static uint64_t online_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint64_t)count;
}

static struct flags flags_default(void)
{
    const struct http_options http = HTTP_OPTIONS_DEFAULT;
    return (struct flags){
        .listen = {.items = default_listen, .count = 1},
        .control = "/run/pointsman/control.sock",
        .workers = online_cpus(),
        .admin = "127.0.0.1:9901",
        .drain_ms = 30 * 1000,
        .log_level = "info",
        .sandbox = sandbox_is_on_by_default ? "on" : "off",
        .http = http,
        .dns = DNS_OPTIONS_DEFAULT,
        .max_headers = http.max_headers,
        .pool_max_idle = http.pool_max_idle,
        .max_connections = http.max_connections,
        .max_connections_per_peer = http.max_connections_per_peer,
    };
}

static enum options_result parse_flags(struct flags *flags, int argc, char **argv,
                                       struct error *err)
{
    const struct option table[] = {
        {"listen", OPTION_LIST, &flags->listen, "[NAME=]ADDR:PORT",
         "Where clients connect, or [NAME=]unix:PATH; options stand behind commas."},
        {"trusted-proxies", OPTION_LIST, &flags->trusted_proxies, "CIDR",
         "Peers that are believed their X-Forwarded-*; unix: those on Unix sockets."},
        {"via", OPTION_STRING, &flags->via, "NAME",
         "Adds '1.1 NAME' to Via of what is passed on, both ways. Some services then compress "
         "less."},
        {"control", OPTION_STRING, &flags->control, "PATH", "Socket of pointsman-control."},
        {"workers", OPTION_UNSIGNED, &flags->workers, "N", "Threads; one for each CPU online."},
        {"admin", OPTION_STRING, &flags->admin, "ADDR:PORT",
         "Where /healthz, /readyz, /status and /metrics are."},
        {"local-copy", OPTION_STRING, &flags->local_copy, "FILE",
         "Keeps the last known routes, for a start without control."},
        {"access-log", OPTION_STRING, &flags->access_log, "FILE",
         "A line of JSON for each request."},
        {"drain-time", OPTION_DURATION, &flags->drain_ms, "D",
         "How long running requests may take after SIGTERM."},
        {"id", OPTION_STRING, &flags->id, "ID",
         "Name for control; otherwise made once and kept beside the local copy."},
        {"log-level", OPTION_STRING, &flags->log_level, "LEVEL", "error, warn, info or debug."},
        {"log-file", OPTION_STRING, &flags->log_file, "FILE", "Instead of standard error."},
        {"check-health", OPTION_FLAG, &flags->check_health, NULL,
         "Asks the proxy that runs with the same --admin whether it is ready; 0 when it is."},
        {"supervise", OPTION_FLAG, &flags->supervise, NULL,
         "Starts it again when it ends, and a new one on SIGUSR2, with no connection lost."},
        {"user", OPTION_STRING, &flags->user, "USER[:GROUP]",
         "Whom root becomes at the start; it keeps the right to low ports until they are open."},
        {"sandbox", OPTION_STRING, &flags->sandbox, "on|off",
         "Allows only the system calls that are known to be used, and writing only our own files."},

        {"tls-handshake-timeout", OPTION_DURATION, &flags->http.tls_handshake_timeout_ms, "D",
         "For a client's handshake to end."},
        {"head-timeout", OPTION_DURATION, &flags->http.head_timeout_ms, "D",
         "For a request head to arrive."},
        {"upload-timeout", OPTION_DURATION, &flags->http.upload_timeout_ms, "D",
         "For a request body to arrive."},
        {"idle-timeout", OPTION_DURATION, &flags->http.idle_timeout_ms, "D",
         "Between two requests of a connection."},
        {"write-stall-timeout", OPTION_DURATION, &flags->http.write_stall_timeout_ms, "D",
         "For a client that does not read."},
        {"abort-on-close", OPTION_FLAG, &flags->http.aborts_on_close, NULL,
         "Gives up the request of a client that closes its side, though it might still read."},
        {"linger-timeout", OPTION_DURATION, &flags->http.linger_timeout_ms, "D",
         "For a client to have read the last answer of its connection."},
        {"connection-max-age", OPTION_DURATION, &flags->http.connection_max_age_ms, "D",
         "A client's connection ends with the first answer after it; 0: never."},
        {"connection-max-requests", OPTION_UNSIGNED, &flags->http.connection_max_requests, "N",
         "A client's connection ends with the answer to so many; 0: no limit."},
        {"max-request-line", OPTION_SIZE, &flags->http.max_request_line_bytes, "BYTES",
         "Of a request."},
        {"max-head", OPTION_SIZE, &flags->http.max_head_bytes, "BYTES",
         "Of a request, its first line included."},
        {"max-headers", OPTION_UNSIGNED, &flags->max_headers, "N", "Of a request."},
        {"max-body", OPTION_SIZE, &flags->http.max_body_bytes, "BYTES",
         "Of a request; 0: no limit."},
        {"request-timeout", OPTION_DURATION, &flags->http.request_timeout_ms, "D",
         "For a request whose rule sets none; 0: no limit."},
        {"upstream-idle-timeout", OPTION_DURATION, &flags->http.upstream_idle_timeout_ms, "D",
         "For an endpoint that neither reads nor sends."},
        {"tunnel-idle-timeout", OPTION_DURATION, &flags->http.tunnel_idle_timeout_ms, "D",
         "For a WebSocket through which nothing comes."},
        {"pool-idle-timeout", OPTION_DURATION, &flags->http.pool_idle_timeout_ms, "D",
         "An unused connection to an endpoint is kept as long."},
        {"pool-max-age", OPTION_DURATION, &flags->http.pool_max_age_ms, "D",
         "A connection to an endpoint is used as long."},
        {"pool-max-idle", OPTION_UNSIGNED, &flags->pool_max_idle, "N",
         "Unused connections to one endpoint, for each worker."},
        {"max-replay", OPTION_SIZE, &flags->http.max_replay_bytes, "BYTES",
         "Of a request body, kept for another try."},
        {"max-replay-total", OPTION_SIZE, &flags->http.max_replay_total_bytes, "BYTES",
         "Of all request bodies that are kept."},
        {"dns-server", OPTION_STRING, &flags->dns.server, "ADDR[:PORT],...",
         "Asked for endpoints that are names; otherwise those of resolv.conf."},
        {"dns-min-interval", OPTION_DURATION, &flags->dns.min_interval_ms, "D",
         "A name is asked for no more often, whatever its time to live."},
        {"dns-max-interval", OPTION_DURATION, &flags->dns.max_interval_ms, "D",
         "A name is asked for at least as often."},
        {"max-connections", OPTION_UNSIGNED, &flags->max_connections, "N",
         "From clients; 0: what the file limit allows."},
        {"max-connections-per-peer", OPTION_UNSIGNED, &flags->max_connections_per_peer, "N",
         "From one address; 0: no limit."},
        {0},
    };
    const struct program program = {
        .name = "pointsman-proxy",
        .summary = "The data plane of Pointsman: forwards HTTP requests by routes that change\n"
                   "while it runs.",
        .options = table,
    };
    return options_parse(&program, argc, argv, err);
}

static bool take_count(const char *name, uint64_t value, uint32_t *to, struct error *err)
{
    if (value > UINT32_MAX)
        return error_set(err, ERROR_INVALID, "--%s is too large", name);
    *to = (uint32_t)value;
    return true;
}

static bool check_head_limits(const struct flags *flags, struct http_options *http,
                              struct error *err)
{
    if (flags->max_headers < 1 || flags->max_headers > REQUEST_HEADERS_MAX)
        return error_set(err, ERROR_INVALID, "--max-headers must be 1 to %d", REQUEST_HEADERS_MAX);
    http->max_headers = (uint32_t)flags->max_headers;
    if (http->max_request_line_bytes == 0 || http->max_request_line_bytes > http->max_head_bytes)
        return error_set(err, ERROR_INVALID,
                         "--max-request-line must not be 0, nor more than --max-head");
    if (http->max_head_bytes > HEAD_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "--max-head must be at most %d", HEAD_BYTES_MAX);
    return true;
}

/* Each item may be several, with commas between them. */
static bool take_networks(const struct option_list *items, struct address_set *to,
                          struct error *err)
{
    for (size_t i = 0; i < items->count; i++) {
        const char *at = items->items[i];
        for (;;) {
            size_t length = strcspn(at, ",");
            if (!address_set_add(to, slice_of(at, length), err)) {
                address_set_clear(to);
                return false;
            }
            if (at[length] == '\0')
                break;
            at += length + 1;
        }
    }
    return true;
}

static bool check_flags(struct flags *flags, struct proxy_options *options, struct error *err)
{
    enum log_level level;
    if (!log_level_parse(flags->log_level, &level))
        return error_set(err, ERROR_INVALID, "--log-level must be error, warn, info or debug");
    if (flags->workers < 1 || flags->workers > WORKERS_MAX)
        return error_set(err, ERROR_INVALID, "--workers must be 1 to %d", WORKERS_MAX);
    struct http_options *http = &flags->http;
    if (!check_head_limits(flags, http, err) ||
        !take_count("pool-max-idle", flags->pool_max_idle, &http->pool_max_idle, err) ||
        !take_count("max-connections", flags->max_connections, &http->max_connections, err) ||
        !take_count("max-connections-per-peer", flags->max_connections_per_peer,
                    &http->max_connections_per_peer, err))
        return false;
    if (flags->dns.min_interval_ms == 0 || flags->dns.min_interval_ms > flags->dns.max_interval_ms)
        return error_set(err, ERROR_INVALID,
                         "--dns-min-interval must not be 0, nor more than --dns-max-interval");
    log_set_level(level);

    *options = (struct proxy_options){
        .via = flags->via,
        .admin = flags->admin,
        .control = flags->control,
        .local_copy = flags->local_copy,
        .access_log = flags->access_log,
        .log_file = flags->log_file,
        .id = flags->id,
        .worker_count = (unsigned)flags->workers,
        .drain_ms = flags->drain_ms,
        .http = *http,
        .dns = flags->dns,
    };
    if (!sandbox_parse(flags->sandbox, &options->sandbox, err))
        return false;
    if (flags->via != NULL && !via_check_name(flags->via, err))
        return error_prefix(err, "--via: ");
    if (!listener_specs_parse(flags->listen.items, flags->listen.count, &options->listen, err))
        return error_prefix(err, "--listen: ");
    if (take_networks(&flags->trusted_proxies, &options->trusted_proxies, err))
        return true;
    listener_specs_clear(&options->listen);
    return error_prefix(err, "--trusted-proxies: ");
}

static void clear_options(struct proxy_options *options)
{
    listener_specs_clear(&options->listen);
    address_set_clear(&options->trusted_proxies);
}

/* --- signals -------------------------------------------------------------------------------- */

struct program_state {
    struct event_loop *loop;
    struct proxy *proxy;
    const char *log_file;
    bool is_terminated;
};

static void on_terminate(void *context)
{
    struct program_state *program = context;
    if (program->is_terminated)
        _exit(EXIT_FAILURE);
    program->is_terminated = true;
    proxy_drain(program->proxy);
}

static void on_hangup(void *context)
{
    const struct program_state *program = context;
    struct error err;
    if (!log_open(program->log_file, &err))
        log_error("log_not_reopened", "reason=\"%s\"", err.message);
    proxy_reload(program->proxy);
    log_info("logs_reopened", "%s", "");
}

/* --- running -------------------------------------------------------------------------------- */

/* What whoever started us has left for us. */
static bool take_inheritance(struct proxy_options *options, struct error *err)
{
    static struct inherited_sockets inherited;
    static struct supervised supervised;
    options->inherited = &inherited;
    options->supervised = &supervised;
    supervised_init(&supervised);
    notify_open();
    return inherited_sockets_take(&inherited, err);
}

static bool run(struct proxy_options *options, const char *log_file, struct error *err)
{
    struct program_state program = {.loop = event_loop_new(), .log_file = log_file};
    const struct signal_handlers handlers = {
        .on_terminate = on_terminate,
        .on_hangup = on_hangup,
        .context = &program,
    };
    struct signals signals;
    bool has_run = false;
    if (log_open(log_file, err) && take_inheritance(options, err) &&
        signals_start(&signals, program.loop, &handlers, err)) {
        file_limit_raise(); /* every client may need two descriptors */
        if (geteuid() == 0)
            log_warn("running_as_root", "advice=\"give --user, or start it as another user\"");
        program.proxy = proxy_start(options, program.loop, err);
        if (program.proxy != NULL) {
            event_loop_run(program.loop);
            proxy_stop(program.proxy);
            log_info("stopped", "%s", "");
            has_run = true;
        }
        signals_stop(&signals);
    }
    event_loop_free(program.loop);
    return has_run;
}

static int fail(const struct error *err, int exit_code)
{
    fprintf(stderr, "pointsman-proxy: %s\n", err->message);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct flags flags = flags_default();
    struct proxy_options options;
    struct error err;

    switch (parse_flags(&flags, argc, argv, &err)) {
    case OPTIONS_EXIT_0:
        return EXIT_SUCCESS;
    case OPTIONS_USAGE:
        return fail(&err, EXIT_USAGE);
    case OPTIONS_RUN:
        break;
    }
    if (!check_flags(&flags, &options, &err))
        return fail(&err, EXIT_USAGE);
    if (flags.check_health) {
        clear_options(&options);
        return check_health(flags.admin, CHECK_TIMEOUT_MS, &err) ? EXIT_SUCCESS
                                                                 : fail(&err, EXIT_FAILURE);
    }
    int exit_code = -1;
    umask(umask(0077) | 0027); /* never wider than we were given */
    if (!privileges_become(flags.user, CAP_NET_BIND_SERVICE, &err))
        exit_code = -1;
    else if (flags.supervise && !supervisor_has_started_us())
        exit_code = supervisor_run(argv, flags.log_file, &err);
    else
        exit_code = run(&options, flags.log_file, &err) ? EXIT_SUCCESS : -1;
    clear_options(&options);
    return exit_code >= 0 ? exit_code : fail(&err, EXIT_FAILURE);
}
