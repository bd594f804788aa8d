/* Backend arguments: the flags of `backend add`, and the Backend that they describe.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_BACKEND_ARGS_H
#define CONTROL_ROUTECTL_BACKEND_ARGS_H

#include "common/error.h"
#include "common/options.h"
#include "control/routectl/draft.h"

#include <stdbool.h>

struct backend_args {
    /* where */
    struct option_list endpoints, ports;
    bool tls, tls_skip_verification;
    const char *tls_server_name, *tls_ca_file, *connect_timeout, *app_protocol;
    /* which of them */
    const char *policy, *hash_header, *hash_cookie, *slow_start;
    bool hash_source;
    /* while they are well */
    const char *health_type, *health_path, *health_host, *health_interval, *health_timeout;
    const char *health_unhealthy, *health_healthy, *health_service;
    struct option_list health_codes;
    const char *eject_after, *eject_time, *eject_max_time, *eject_max_percent, *panic_percent;
    const char *max_connections, *max_pending, *max_requests;
    /* the rest */
    struct option_list labels;
};

/* The flags write here. */
extern struct backend_args backend_args;
extern const struct option backend_endpoint_options[];
extern const struct option backend_balance_options[];
extern const struct option backend_health_options[];

/* Adds put_backend to the draft; unless `replace`, it may not exist. ERROR_INVALID names the
 * flag. */
bool backend_args_build(const struct backend_args *args, const char *name, bool replace,
                        struct draft *draft, struct error *err);

/* Appends endpoints given as URLs; their scheme says what the backend speaks. For `add --to`, too.
 */
bool backend_args_add_endpoints(const char *flag, const struct option_list *urls,
                                BackendMessage *backend, struct draft *draft, struct error *err);

/* A new put_backend mutation of this name. */
BackendMessage *backend_args_put(struct draft *draft, const char *name, bool replace);

#endif
