/* Forwarded head: what the endpoint is told of the request's head.
 *
 * The parser has marked what belongs to the client's connection alone, and left out what only a
 * trusted peer may claim. What is added here: X-Forwarded-For, -Proto, -Host, X-Request-ID, the
 * mark of the rule in CDN-Loop, Via where we have a name (via.h), and where the listener asks
 * clients for certificates, X-Client-Cert-Verified (SUCCESS, or NONE when none was shown) and
 * X-Client-Cert-Subject (RFC 4514).
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FORWARDED_HEAD_H
#define PROXY_HTTP_FORWARDED_HEAD_H

struct exchange;

/* Completes exchange->request.fields; once, after routing. */
void forwarded_head_prepare(struct exchange *exchange);

#endif
