/* WebSocket accept: the key of a handshake, and the value by which a 101 answers the very handshake
 * that was sent (RFC 6455 section 4.1).
 *
 * A service that can be talked into answering 101 to something else must not turn its connection
 * into a tunnel behind which nobody looks.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_WEBSOCKET_ACCEPT_H
#define PROXY_HTTP_WEBSOCKET_ACCEPT_H

#include "common/slice.h"

#include <stdbool.h>

enum { WEBSOCKET_KEY_BYTES = 24, WEBSOCKET_ACCEPT_BYTES = 28 };

/* A new value of Sec-WebSocket-Key, at random. No terminator. */
void websocket_key_make(char key[WEBSOCKET_KEY_BYTES]);

/* The value of Sec-WebSocket-Accept for a key of WEBSOCKET_KEY_BYTES. No terminator. */
void websocket_accept_make(struct slice key, char accept[WEBSOCKET_ACCEPT_BYTES]);

/* The values of Sec-WebSocket-Key and Sec-WebSocket-Accept. */
bool websocket_accept_answers(struct slice key, struct slice accept);

#endif
