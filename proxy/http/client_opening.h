/* Client opening: from accepting a connection until it is known what the client speaks.
 *
 * On a clear connection the first bytes tell: client_opening.c, protocol_of_bytes. A client that
 * sends nothing costs no more than this, and is let go after the head timeout. To a listener with
 * certificates the handshake comes first, and tells as well: client_handshake.h. Where a PROXY
 * header is wanted it comes before either: client_proxy_header.h.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_OPENING_H
#define PROXY_HTTP_CLIENT_OPENING_H

struct client_connection;

/* A connection that has no protocol yet. */
void client_opening_start(struct client_connection *connection);

/* The same, without a PROXY header or behind it. */
void client_opening_go_on(struct client_connection *connection);

#endif
