/* External authorization: what the service of an ExternalAuth filter is told of a request, and what
 * the request gets from its answer (the Gateway API's HTTPExternalAuthFilter).
 *
 * With HTTP, always told are the method, the path behind the filter's own, the query, Host and
 * Authorization; beside these the headers that the filter allows. What the proxy says of the client
 * goes along as services get it (X-Forwarded-*, X-Client-Cert-*, X-Request-ID): none of it is the
 * client's word, and without it the service would take the proxy for the client. CDN-Loop goes
 * along too, so that a question which leads back to its own rule is known (loop_mark.h).
 *
 * Where the filter names headers of the answer, a request has these from the service or not at all:
 * who it is from must not be the client's to say, nor in names that some services read as one of
 * these ("X.User", which is HTTP_X_USER in PHP). Where it names none, all are taken over but for
 * Host, what is of one connection, what describes the body of the answer (that of the request is
 * another), and what the proxy has said itself.
 *
 * With GRPC a service is told all headers, or those alone that the filter allows: what the proxy
 * says of the client is in fields of the call as well (proxy/routing/auth_check.h), and so are Host
 * and the length of the body. What it answers says of each header what becomes of the client's
 * (proxy/routing/auth_edits.h).
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_EXTERNAL_AUTH_H
#define PROXY_ROUTING_EXTERNAL_AUTH_H

#include "common/arena.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/header_list.h"
#include "proxy/routing/request_head.h"

/* The most of a body that may be sent along: one is kept whole until the answer is there. */
enum { EXTERNAL_AUTH_BODY_MAX_BYTES = 1024 * 1024 };

/* The head that is asked about, its headers left out: as a rewrite makes it that these filters,
 * which have an ExternalAuth, list in front of that, and behind the path of that. */
struct request_head external_auth_head(const struct filter_list *filters,
                                       const struct request_head *head, struct arena *arena);

/* Those of the request's fields that the service gets; their texts are borrowed. */
struct header_list external_auth_fields(const struct external_auth *auth,
                                        const struct header_list *fields, struct arena *arena);

/* The request is allowed: it gets what is taken over of the answer's fields, which are copied, and
 * loses what it has no right to. Moves the fields where there is room for that. */
void external_auth_take(const struct external_auth *auth, const struct header_list *answer,
                        struct header_list *fields, struct arena *arena);

/* Whether a service may write this header of a request: not when it is Host, of one connection, of
 * a form that requests do not have, or the proxy's own word. */
bool external_auth_may_write(struct slice name, enum header_id id);

#endif
