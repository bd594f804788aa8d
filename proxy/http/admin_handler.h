/* Admin handler: pages about the proxy, for people, probes and Prometheus, on a listener of their
 * own.
 *
 * It runs on libh2o's HTTP/1 server and its own thread, so no page, however long it takes, delays
 * a request. What is on the pages is its user's business. One request for each connection.
 *
 * Threads: main starts and stops it; pages are written on its own thread. */
#ifndef PROXY_HTTP_ADMIN_HANDLER_H
#define PROXY_HTTP_ADMIN_HANDLER_H

#include "common/buffer.h"

struct admin_handler;
struct listener;

struct admin_page {
    const char *path; /* "/status"; NULL ends the table */
    const char *content_type;
    /* Appends the page; returns its HTTP status. */
    int (*write)(void *context, struct buffer *to);
};

/* Serves on the listener's first socket. `pages` and `context` outlive the handler. Takes the
 * listener. */
struct admin_handler *admin_handler_start(struct listener *listener, const struct admin_page *pages,
                                          void *context);

/* Cuts what still runs, joins the thread, closes the listener. Harmless on NULL. */
void admin_handler_stop(struct admin_handler *handler);

#endif
