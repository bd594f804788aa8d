/* Route validation: what makes a route or a backend acceptable; one answer for all programs.
 *
 * control refuses with it, routectl checks files with it, and the proxy builds only what passed.
 * All problems are found at once, each with the path of its field, e.g.
 * rules[0].matches[1].path.value.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_VALIDATE_H
#define PROXY_ROUTING_ROUTE_VALIDATE_H

#include "proto/messages.h"

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

/* Does a reference of this kind mean a Backend? A Service means the Backend of its name; of
 * anything else there is none, and its share of requests answers 500. */
bool backend_ref_names_backend(const char *group, const char *kind);

/* The full name a reference means: in `route_name`'s namespace unless it gives its own.
 * Writes at most 2 * 253 + 2 bytes. */
void object_name_resolve(const char *route_name, const char *ref_namespace, const char *ref_name,
                         char *full_name);
enum { OBJECT_NAME_BYTES = 2 * 253 + 2 };

#endif
