/* Request target: the method, the one canonical path, and the host, that matching sees.
 *
 * Apart from how a request is written, so that the proxy's parsers and explain read it alike.
 * What is broken here is never forwarded: see proxy/http/request_lint.h, which has the answers.
 *
 * Threads: any; pure. */
#ifndef PROXY_ROUTING_REQUEST_TARGET_H
#define PROXY_ROUTING_REQUEST_TARGET_H

#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>

/* A DNS name of 253 characters fits, and a little more. */
enum { REQUEST_HOST_BYTES = 256 };

enum method_problem { METHOD_FINE, METHOD_NO_TOKEN, METHOD_NOT_ALLOWED };

/* A token, and neither CONNECT nor TRACE in any case. */
enum method_problem request_target_check_method(struct slice method);

enum target_problem {
    TARGET_FINE,
    TARGET_FORM,
    TARGET_CHARACTER,
    TARGET_ESCAPE,
    TARGET_NUL,
    TARGET_OVERLONG,
    TARGET_DOT_SEGMENT,
};

/* For people, a sentence without a full stop. */
const char *target_problem_reason(enum target_problem problem);

/* Origin form ("/path?query") or "*" for OPTIONS: sets path, query and has_query of `head`,
 * whose method is there already. The path becomes canonical in place. */
enum target_problem request_target_read(char *target, size_t length, struct request_head *head);

/* Only characters that may stand in a target; escapes are the application's, except of NUL. */
enum target_problem request_target_check_query(struct slice query);

/* host[:port], where host is a name, an IPv4 or a bracketed IPv6 address. `host` receives it
 * in lower case without port and trailing dot; it lies in `area`. */
bool request_target_read_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                   struct slice *host);

#endif
