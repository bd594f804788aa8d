/* Request handler: what happens to a request. Read request_handler.c first.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_REQUEST_HANDLER_H
#define PROXY_HTTP_REQUEST_HANDLER_H

struct exchange;

/* The head of exchange->request is complete, and what it says is acceptable (the front has seen
 * to that with request_parser and request_lint). Answers it, or sends it on its way. */
void request_handler_serve(struct exchange *exchange);

/* The authorization that the request has waited for is given. */
void request_handler_go_on(struct exchange *exchange);

#endif
