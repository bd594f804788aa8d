/* gRPC reply: what the proxy itself tells a client of gRPC, where others get a status and a
 * sentence.
 *
 * An answer without a message is one head that is trailers already ("Trailers-Only" in gRPC over
 * HTTP/2); an answer that breaks off ends with trailers that say so. The HTTP status it stands for
 * is what the access log and the counters have.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_GRPC_REPLY_H
#define PROXY_HTTP_GRPC_REPLY_H

#include "common/slice.h"

#include <stdbool.h>

struct exchange;
struct header_list;

/* Whether who sends these fields over HTTP/2, of a request or of an answer, speaks gRPC: a
 * content-type of application/grpc, alone or with a suffix (application/grpc+proto). gRPC-Web is
 * another protocol. */
bool grpc_reply_is_wanted(const struct header_list *fields);

/* Adds the fields of a trailers-only answer to an empty response: `status` is HTTP's, `sentence` a
 * constant. A service that has reset the stream is heard: its error is mapped as a client of gRPC
 * does that itself ("Errors" in gRPC over HTTP/2). */
void grpc_reply(struct exchange *exchange, unsigned status, struct slice sentence);

/* Ends the response body, whose rest will never come, with trailers that say as much. False when
 * that is not possible: it has ended, or has a length that it will not reach. */
bool grpc_reply_break_off(struct exchange *exchange);

#endif
