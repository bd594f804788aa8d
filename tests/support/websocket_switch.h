/* WebSocket switch: a service's answer to a handshake (RFC 6455 section 4.2.2), made without the
 * proxy's code.
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_WEBSOCKET_SWITCH_H
#define TESTS_SUPPORT_WEBSOCKET_SWITCH_H

#include "common/buffer.h"

#include <stdbool.h>

enum { WEBSOCKET_SWITCH_KEY_BYTES = 24 };

/* The key of the handshake in `head`, with a terminator. False when there is not exactly one. */
bool websocket_switch_find_key(const char *head, char key[WEBSOCKET_SWITCH_KEY_BYTES + 1]);

/* Appends the 101 that answers that key; `fields` are more lines of it, each with CRLF. */
void websocket_switch_put(struct buffer *to, const char *key, const char *fields);

#endif
