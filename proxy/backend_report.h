/* Backend report: how the endpoints of the backends in the table are, for /status and /metrics.
 *
 * Threads: any. */
#ifndef PROXY_BACKEND_REPORT_H
#define PROXY_BACKEND_REPORT_H

#include "common/buffer.h"

struct route_cache;

/* Backends in the JSON at most; those with an endpoint that is out come first. */
enum { BACKEND_REPORT_MAX = 1000 };

/* Appends a JSON array of backends with their endpoints. */
void backend_report_write_json(struct buffer *to, struct route_cache *cache);

/* Appends gauges: endpoints by state in all, and of each backend those that are out. */
void backend_report_write_metrics(struct buffer *to, struct route_cache *cache);

#endif
