/* Client handshake: the protocol of a connection to a listener with certificates, until it is
 * secured or given up.
 *
 * ALPN has settled then what the client speaks: client_handshake.c, protocol_of_alpn. A client that
 * speaks clear HTTP to this port is told so.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_HANDSHAKE_H
#define PROXY_HTTP_CLIENT_HANDSHAKE_H

struct client_connection;

/* A clear connection of which nothing of the handshake was read. */
void client_handshake_start(struct client_connection *connection);

#endif
