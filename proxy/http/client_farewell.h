/* Client farewell: the last protocol of a connection, when everything is said and the client may
 * not have noticed yet.
 *
 * Closing with something unread would reset the connection, and a reset can overtake the answer. So
 * we say that it is over, and read on until the client agrees, or for the linger timeout.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CLIENT_FAREWELL_H
#define PROXY_HTTP_CLIENT_FAREWELL_H

struct client_connection;

/* All output is with the socket. The protocol that was spoken is over. */
void client_farewell_start(struct client_connection *connection);

#endif
