/* Authorization: the question to the service of an ExternalAuth filter, between a request and the
 * endpoint that it would go to.
 *
 * The question is an exchange of its own, with tries, retries and outcomes of its own, so that the
 * service is balanced and watched like any other and what it does is not the backend's doing. The
 * authorization is the front of that exchange, and meanwhile the upstream of the request's: when
 * the client leaves, or the request's time is over, the question is cancelled.
 *
 *     request ──▶ upstream │ authorization │ front ──▶ question ──▶ service
 *
 * With HTTP, 200, in an answer that is complete, is the only thing that lets the request go on;
 * there is one place that says so (authorization_allow). Any other answer is the client's: a
 * redirect to where one logs in, or a 401 with its challenge. Where there is none, or one that
 * breaks HTTP, the client is told 502, 503 or 504 as by a backend, and 500 where the service does
 * not exist. The rule's request timeout is for the question too; its other timeout and its retries
 * are for its backends alone.
 *
 * With forwardBody the body is gathered first and sent along, and goes on unchanged with the
 * request; one that is longer is answered with 413. (The type's documentation says in one place
 * that it is to be refused, in another that the service gets the beginning: then it would allow
 * what it has not seen.) What is held is counted with the bodies that are kept for retries; where
 * all of these together are too many, the answer is 503.
 *
 * With GRPC the question is a call of Envoy's ext_authz (proxy/routing/auth_check.h), on a stream
 * of HTTP/2, and the answer counts once the call has ended well: a message that allows, with edits
 * of the request and of the answer to it, or one that denies, which the client is told. A call that
 * fails is a 503, or a 504 when it says that it was too slow; one that is no call, or whose message
 * is broken, a 502; and a service whose endpoints speak HTTP/1 is not asked: 500. As it only asks,
 * it is made again where a connection ends under it.
 *
 * A WebSocket is asked about as a GET without a handshake, however it was asked for.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_AUTHORIZATION_H
#define PROXY_HTTP_AUTHORIZATION_H

struct exchange;
struct route_table;

/* The request's rule has an ExternalAuth: asks, and then the request goes on
 * (request_handler_go_on), or is answered. `table` is the one the rule was found in. */
void authorization_ask(struct exchange *exchange, const struct route_table *table);

#endif
