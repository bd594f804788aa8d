/* Route validation: what makes a route or a backend acceptable; one answer for all programs.
 *
 * control refuses with it, routectl checks files with it, and the proxy builds only what passed.
 * All problems are found at once, each with the path of its field, e.g.
 * rules[0].matches[1].path.value.
 *
 * What the Gateway API's CRD refuses in an HTTPRoute is refused here, with two kinds of exceptions:
 *
 *   wider     Counts, for no cluster's store has to hold the routes: 1,024 hostnames and rules of a
 *             route where the CRD allows 16, 4,096 matches (128), 256 backendRefs (16), 64 filters
 *             (16), 64 conditions of one kind in a match (16), 128 headers in a modifier (48), 256
 *             names in a list of CORS (9 or 64), 64 parentRefs (32).
 *             A reference to a Service may leave out its port; a retry may have 0 attempts.
 *             Of equal names in a match the first counts, as the type's documentation says; the
 *             CRD's lists do not take two that are spelled alike.
 *   narrower  What no request can be or become: paths with escaped dots, slashes or NULs;
 *             replacements that are no paths; host names that are IP addresses; edits of Host and
 *             of headers that are the connection's. An ExternalAuth that would have more than 1 MiB
 *             of a body kept, or take over a header with '_' in its name.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_VALIDATE_H
#define PROXY_ROUTING_ROUTE_VALIDATE_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"
#include "proto/object_kind.h"

#include <stdbool.h>
#include <stddef.h>

/* One problem. Both strings are borrowed until the callback returns. */
typedef void validate_report_fn(void *context, const char *field, const char *message);

/* False when anything was reported. The message must have been unpacked by us, so that strings
 * are whole; unknown fields, NUL bytes and bad UTF-8 are the unpacker's business. */
bool route_validate(const RouteMessage *route, validate_report_fn *report, void *context);
bool backend_validate(const BackendMessage *backend, validate_report_fn *report, void *context);

/* "name" or "namespace/name" of DNS subdomains (RFC 1123), at most 253 characters each. */
bool object_name_is_valid(const char *name);
/* That of a route as others refer to it (proto/route_id.h): with its kind, or of an HTTPRoute. */
bool route_id_is_valid(const char *id);

/* Does a reference of this kind mean a Backend? A Service means the Backend of its name; of
 * anything else there is none, and its share of requests answers 500. */
bool backend_ref_names_backend(const char *group, const char *kind);

/* Whether a reference with this port (0: none) leads to the backend's endpoints. ERROR_INVALID says
 * why not; then its share of requests answers 500. */
bool backend_ref_port_check(const BackendMessage *backend, uint32_t ref_port, struct error *err);

/* Whether a reference with this port leads to endpoints that speak HTTP/2. */
bool backend_ref_speaks_http2(const BackendMessage *backend, uint32_t ref_port);

/* The full name a reference means: in the namespace of `route`, an id or just its name, unless it
 * gives its own. Writes at most OBJECT_NAME_BYTES. */
void object_name_resolve(const char *route, const char *ref_namespace, const char *ref_name,
                         char *full_name);
/* Of a name, or the id of a route, with a terminator. */
enum { OBJECT_NAME_BYTES = sizeof(GRPC_ROUTE_KIND "/") + 2 * 253 + 1 };

/* A Backend without a namespace is there for all of them: where a reference means "team/users" and
 * there is none, "users" serves. Its name, the end of `full_name`; empty when that has no
 * namespace. */
struct slice object_name_for_all_namespaces(struct slice full_name);

#endif
