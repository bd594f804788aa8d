/* Client PROXY header: the protocol of a connection whose listener wants a PROXY header first,
 * until it has come or the connection is closed.
 *
 * Exactly the header is read: what follows, a TLS handshake say, stays in the socket. Its address
 * becomes the peer's, in everything from then on. Without a header in the head timeout, or with one
 * that is wrong, the connection is closed without a word: nobody knows who is there.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_PROXY_HEADER_H
#define PROXY_HTTP_CLIENT_PROXY_HEADER_H

struct client_connection;

/* A connection of which nothing was read. */
void client_proxy_header_start(struct client_connection *connection);

#endif
