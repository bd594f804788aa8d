/* Certificate report: what listeners serve TLS with, for /status and /metrics.
 *
 * Threads: any. */
#ifndef PROXY_CERTIFICATE_REPORT_H
#define PROXY_CERTIFICATE_REPORT_H

#include "common/buffer.h"

struct http_server;

/* Appends a JSON array of the listeners with certificates. */
void certificate_report_write_json(struct buffer *to, const struct http_server *server);

/* Appends when each certificate, stapled response and list of revoked ones ends, and what became of
 * reloading them. */
void certificate_report_write_metrics(struct buffer *to, const struct http_server *server);

#endif
