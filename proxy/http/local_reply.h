/* Local reply: an answer of the proxy's own, with a sentence that says what happened.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_LOCAL_REPLY_H
#define PROXY_HTTP_LOCAL_REPLY_H

#include "proxy/http/exchange.h"

/* Answers the exchange, unless a response has been started: then that is cut, so that the client
 * does not take it for complete. `sentence` is a constant without a line end. */
void local_reply(struct exchange *exchange, unsigned status, const char *sentence);

/* The same without a body, with these headers. Their texts are constants, or as old as the
 * exchange. */
void local_reply_headers(struct exchange *exchange, unsigned status, const struct header *headers,
                         size_t count);

#endif
