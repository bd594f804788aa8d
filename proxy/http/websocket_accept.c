#include "proxy/http/websocket_accept.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

enum { NONCE_BYTES = 16, SHA1_BYTES = 20 };

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void websocket_key_make(char key[WEBSOCKET_KEY_BYTES])
{
    unsigned char nonce[NONCE_BYTES];
    unsigned char text[WEBSOCKET_KEY_BYTES + 1];
    if (RAND_bytes(nonce, sizeof(nonce)) != 1)
        abort(); /* as whenever the system lacks what everything depends on */
    EVP_EncodeBlock(text, nonce, sizeof(nonce));
    memcpy(key, text, WEBSOCKET_KEY_BYTES);
}

void websocket_accept_make(struct slice key, char accept[WEBSOCKET_ACCEPT_BYTES])
{
    char text[WEBSOCKET_KEY_BYTES + sizeof(guid) - 1];
    memcpy(text, key.at, WEBSOCKET_KEY_BYTES);
    memcpy(text + WEBSOCKET_KEY_BYTES, guid, sizeof(guid) - 1);
    unsigned char digest[SHA1_BYTES];
    if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1)
        abort(); /* as whenever the system lacks what everything depends on */

    unsigned char encoded[WEBSOCKET_ACCEPT_BYTES + 1];
    EVP_EncodeBlock(encoded, digest, SHA1_BYTES);
    memcpy(accept, encoded, WEBSOCKET_ACCEPT_BYTES);
}

bool websocket_accept_answers(struct slice key, struct slice accept)
{
    if (key.length != WEBSOCKET_KEY_BYTES || accept.length != WEBSOCKET_ACCEPT_BYTES)
        return false;
    char expected[WEBSOCKET_ACCEPT_BYTES];
    websocket_accept_make(key, expected);
    return memcmp(expected, accept.at, WEBSOCKET_ACCEPT_BYTES) == 0;
}
