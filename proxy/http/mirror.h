/* Mirror: copies of requests, sent to other backends by RequestMirror, whose answers nobody sees.
 *
 * A copy is an exchange of its own, and the mirror is its front: it gives the request and throws
 * the response away. The request that is copied never waits for it. A copy whose body is taken too
 * slowly is dropped, as are those beyond a number, and those of a body that was gathered for an
 * authorization and is more than a pipe holds; all are counted.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_MIRROR_H
#define PROXY_HTTP_MIRROR_H

struct exchange;
struct route_table;
struct worker;

/* The rule and the backendRef are chosen: notes who shall have a copy, for each filter that wants
 * one. `table` is the one the rule was found in, and need not be there when the copies begin. */
void mirror_choose(struct exchange *exchange, const struct route_table *table);

/* The request is ready to be forwarded, and nothing of its body is gone: the copies begin. Without
 * it, none was ever there. */
void mirror_request(struct exchange *exchange);

/* More of the request's body has just been appended, or its end was. */
void mirror_request_body(struct exchange *exchange);

/* The request is over: copies go on alone, if they are complete. */
void mirror_leave(struct exchange *exchange);

/* Ends all that still run. */
void mirrors_clear(struct worker *worker);

#endif
