/* Route arguments: the flags of `add`, and the Route and Backend that they describe.
 *
 * All the conditions given make one rule. Of paths, and of methods, one of those given must match;
 * of the others all must. What is wrong with the values is the daemon's to say: the message is
 * built as the flags say, and each field remembers its flag.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_ROUTE_ARGS_H
#define CONTROL_ROUTECTL_ROUTE_ARGS_H

#include "common/error.h"
#include "common/options.h"
#include "control/routectl/draft.h"

#include <stdbool.h>

struct header_edits {
    struct option_list set, add, remove;
};

struct redirect_args {
    const char *scheme, *host, *path, *prefix, *port, *code;
};

struct cors_args {
    struct option_list origins, methods, headers, exposed;
    bool allow_credentials;
    const char *max_age;
};

struct auth_args {
    const char *service, *protocol, *path, *max_body;
    struct option_list headers, answer_headers;
};

struct session_args {
    bool is_kept;
    const char *cookie, *path, *header, *timeout;
    bool is_permanent;
};

struct route_args {
    /* which requests */
    struct option_list hosts, listeners, path_prefixes, path_exacts, path_regexes, methods;
    struct option_list headers, header_regexes, queries, query_regexes;
    /* where they go */
    struct option_list endpoints, backends;
    struct session_args session;
    struct redirect_args redirect;
    struct option_list mirrors;
    /* who is asked before */
    struct auth_args auth;
    /* what is changed on the way */
    struct header_edits request_headers, response_headers;
    const char *rewrite_host, *rewrite_prefix, *rewrite_path;
    struct cors_args cors;
    /* how long, how often */
    const char *timeout, *backend_timeout, *retry_attempts, *retry_backoff;
    struct option_list retry_codes;
    /* the rest */
    struct option_list labels;
};

/* The flags write here. */
extern struct route_args route_args;
extern const struct option route_match_options[];
extern const struct option route_target_options[];
extern const struct option route_session_options[];
extern const struct option route_filter_options[];
extern const struct option route_limit_options[];

/* Adds put_route to the draft and, when endpoints were given, put_backend of the same name before
 * it. Unless `replace`, neither may exist. ERROR_INVALID names the flag. */
bool route_args_build(const struct route_args *args, const char *name, bool replace,
                      struct draft *draft, struct error *err);

#endif
