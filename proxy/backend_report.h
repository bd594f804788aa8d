/* Backend report: how the endpoints of the backends in the table are, for /status and /metrics.
 *
 * Threads: any. */
#ifndef PROXY_BACKEND_REPORT_H
#define PROXY_BACKEND_REPORT_H

#include "common/buffer.h"
#include "proto/messages.h"

struct dns_names;
struct route_cache;
struct route_table;

/* Backends in the JSON at most; those with an endpoint that is out come first. */
enum { BACKEND_REPORT_MAX = 1000 };

/* Appends a JSON array of backends with their endpoints. */
void backend_report_write_json(struct buffer *to, struct route_cache *cache);

/* Appends a JSON array of DNS names among endpoints, with what is known of them. */
void backend_report_write_names(struct buffer *to, struct dns_names *names);

/* What a sign of life says of them. */
enum { ENDPOINTS_OUT_MAX = 64 };
struct endpoints_out {
    Pointsman__V1__EndpointsOut message;
    Pointsman__V1__EndpointOut endpoints[ENDPOINTS_OUT_MAX];
    Pointsman__V1__EndpointOut *pointers[ENDPOINTS_OUT_MAX];
};

/* Fills it in; texts are borrowed from the table. */
void backend_report_fill(struct endpoints_out *out, const struct route_table *table);

/* Appends gauges: endpoints by state in all, and of each backend those that are out. */
void backend_report_write_metrics(struct buffer *to, struct route_cache *cache);

#endif
