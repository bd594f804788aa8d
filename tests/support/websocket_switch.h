/* WebSocket switch: a handshake and a service's answer to it (RFC 6455 section 4.2.2), made without
 * the proxy's code.
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_WEBSOCKET_SWITCH_H
#define TESTS_SUPPORT_WEBSOCKET_SWITCH_H

#include "common/buffer.h"

#include <stdbool.h>

/* The fields of a handshake, and the answer to it, with the key of RFC 6455 section 1.3. */
#define WEBSOCKET_SWITCH_FIELDS                                                                    \
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"                                                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define WEBSOCKET_SWITCH_ANSWER                                                                    \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

enum { WEBSOCKET_SWITCH_KEY_BYTES = 24 };

/* The key of the handshake in `head`, with a terminator. False when there is not exactly one. */
bool websocket_switch_find_key(const char *head, char key[WEBSOCKET_SWITCH_KEY_BYTES + 1]);

/* Appends the 101 that answers that key; `fields` are more lines of it, each with CRLF. */
void websocket_switch_put(struct buffer *to, const char *key, const char *fields);

#endif
