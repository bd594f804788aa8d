/* Request lint: what must never be forwarded.
 *
 * The rules on method, target and authority, apart from how a version of HTTP writes
 * them: HTTP/1 and HTTP/2 use the same functions. Each returns REFUSAL_NONE or the rule that was
 * broken; proxy/http/refusal.h has the answer and the section of the RFC.
 *
 * Threads: any; pure. */
#ifndef PROXY_HTTP_REQUEST_LINT_H
#define PROXY_HTTP_REQUEST_LINT_H

#include "proxy/http/refusal.h"
#include "proxy/routing/request_target.h"

#include <stdbool.h>
#include <stddef.h>

enum refusal request_lint_method(struct slice method);

/* Origin form ("/path?query") or "*" for OPTIONS: sets path, query and has_query of `head`,
 * whose method is there already. The path becomes canonical in place. */
enum refusal request_lint_target(char *target, size_t length, struct request_head *head);

/* Only characters that may stand in a target; escapes are the application's, except of NUL. */
enum refusal request_lint_query(struct slice query);

/* host[:port], where host is a name, an IPv4 or a bracketed IPv6 address. `host` receives it
 * in lower case without port and trailing dot; it lies in `area`. */
enum refusal request_lint_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                    struct slice *host);

#endif
