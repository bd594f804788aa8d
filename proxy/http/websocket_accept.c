#include "proxy/http/websocket_accept.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

enum { KEY_BYTES = WEBSOCKET_KEY_BYTES, NONCE_BYTES = 16, SHA1_BYTES = 20, ACCEPT_BYTES = 28 };

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

bool websocket_accept_answers(struct slice key, struct slice accept)
{
    if (key.length != KEY_BYTES || accept.length != ACCEPT_BYTES)
        return false;

    char text[KEY_BYTES + sizeof(guid) - 1];
    memcpy(text, key.at, KEY_BYTES);
    memcpy(text + KEY_BYTES, guid, sizeof(guid) - 1);
    unsigned char digest[SHA1_BYTES];
    if (EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) != 1)
        return false;

    unsigned char expected[ACCEPT_BYTES + 1];
    EVP_EncodeBlock(expected, digest, SHA1_BYTES);
    return memcmp(expected, accept.at, ACCEPT_BYTES) == 0;
}
