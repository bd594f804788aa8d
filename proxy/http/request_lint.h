/* Request lint: what must never be forwarded.
 *
 * The rules on method, target, authority and fields, apart from how a version of HTTP writes
 * them: HTTP/1 and HTTP/2 use the same functions. Each returns REFUSAL_NONE or the rule that was
 * broken; proxy/http/refusal.h has the answer and the section of the RFC.
 *
 * Threads: any; pure. */
#ifndef PROXY_HTTP_REQUEST_LINT_H
#define PROXY_HTTP_REQUEST_LINT_H

#include "proxy/http/refusal.h"
#include "proxy/routing/header_name.h"
#include "proxy/routing/request_target.h"

#include <stdbool.h>
#include <stddef.h>

/* A token, and neither CONNECT nor TRACE in any case. */
enum refusal request_lint_method(struct slice method);

/* Origin form ("/path?query") or "*" for OPTIONS: sets path, query and has_query of `head`,
 * whose method is there already. The path becomes canonical in place. */
enum refusal request_lint_target(char *target, size_t length, struct request_head *head);

/* Only characters that may stand in a target; escapes are the application's. */
enum refusal request_lint_query(struct slice query);

/* Whether anyone behind the parser may see this field at all. Names with '_' are the same to CGI
 * and its heirs as names with '-', so one of them could stand beside a field of ours (RFC 3875
 * section 4.1.18); Proxy would become HTTP_PROXY there; and only a trusted peer is believed when
 * it says who the client is. */
bool request_lint_is_visible(struct slice name, enum header_id id, bool peer_is_trusted);

/* host[:port], where host is a name, an IPv4 or a bracketed IPv6 address. `host` receives it
 * in lower case without port and trailing dot; it lies in `area`. */
enum refusal request_lint_authority(struct slice authority, char area[REQUEST_HOST_BYTES],
                                    struct slice *host);

#endif
