/* Via: tells those behind us and those in front which way a message has come (RFC 9110 section
 * 7.6.3), where the operator wants that.
 *
 * To what is there a member is added: the version of HTTP that the message came to us in, and our
 * name. It is off unless a name is given, though a gateway must send it with requests: nginx and
 * others compress nothing for a request that has it, unless they are told to. A loop is known
 * without it (proxy/routing/loop_mark.h).
 *
 * It is added before filters see the message: what they say of Via counts. Answers of the proxy's
 * own have none, nor have informational ones, nor what the proxy asks itself (health checks,
 * authorization services).
 *
 * Threads: any, once it is made. */
#ifndef PROXY_HTTP_VIA_H
#define PROXY_HTTP_VIA_H

#include "common/error.h"

#include <stdbool.h>

struct exchange;
struct via;

/* Whether this is what may stand there: a token, or one with a colon and a port behind it. */
bool via_check_name(const char *name, struct error *err);

/* NULL for NULL, which adds nothing. Copies. */
struct via *via_new(const char *name);
/* Harmless on NULL. */
void via_free(struct via *via);

/* To exchange->request, which is about to be forwarded; there is room for one more field. */
void via_add_to_request(struct exchange *exchange);
/* To exchange->response, a final head that somebody else has answered with. */
void via_add_to_response(struct exchange *exchange);

#endif
