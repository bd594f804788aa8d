#include "tests/support/websocket_switch.h"

#include <string.h>

#include <openssl/evp.h>

enum { ACCEPT_BYTES = 28 };

bool websocket_switch_find_key(const char *head, char key[WEBSOCKET_SWITCH_KEY_BYTES + 1])
{
    static const char name[] = "\r\nsec-websocket-key: ";
    const char *at = strstr(head, name);
    if (at == NULL || strlen(at) < sizeof(name) + WEBSOCKET_SWITCH_KEY_BYTES ||
        strstr(at + 1, name) != NULL)
        return false;
    memcpy(key, at + sizeof(name) - 1, WEBSOCKET_SWITCH_KEY_BYTES);
    key[WEBSOCKET_SWITCH_KEY_BYTES] = '\0';
    return true;
}

void websocket_switch_put(struct buffer *to, const char *key, const char *fields)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char accept[ACCEPT_BYTES + 1];
    unsigned length = 0;
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    EVP_Digest(text.at, text.length, digest, &length, EVP_sha1(), NULL);
    EVP_EncodeBlock(accept, digest, (int)length);
    buffer_clear(&text);
    buffer_printf(to,
                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                  (const char *)accept, fields);
}
