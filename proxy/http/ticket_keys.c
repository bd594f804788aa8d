#include "proxy/http/ticket_keys.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/mutex.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

enum { NAME_BYTES = 16, IV_BYTES = 16 };

struct ticket_key {
    unsigned char name[NAME_BYTES];
    unsigned char cipher[32];
    unsigned char mac[32];
    uint64_t made_ms;
    bool is_there;
};

struct ticket_keys {
    struct mutex mutex;
    /* guarded by mutex */
    struct ticket_key current;
    struct ticket_key previous;
};

/* Without randomness there is no key, and so no ticket. */
static bool make(struct ticket_key *key)
{
    key->made_ms = clock_now_ms();
    key->is_there = RAND_bytes(key->name, sizeof(key->name)) == 1 &&
                    RAND_priv_bytes(key->cipher, sizeof(key->cipher)) == 1 &&
                    RAND_priv_bytes(key->mac, sizeof(key->mac)) == 1;
    return key->is_there;
}

struct ticket_keys *ticket_keys_new(void)
{
    struct ticket_keys *keys = memory_allocate_zeroed(1, sizeof(*keys));
    mutex_init(&keys->mutex);
    make(&keys->current);
    return keys;
}

void ticket_keys_free(struct ticket_keys *keys)
{
    if (keys == NULL)
        return;
    mutex_clear(&keys->mutex);
    OPENSSL_cleanse(keys, sizeof(*keys));
    free(keys);
}

static bool is_due(const struct ticket_key *key, uint64_t now_ms)
{
    return now_ms - key->made_ms >= (uint64_t)TICKET_LIFETIME_SECONDS * 1000;
}

/* A listener that had no clients for long may be two keys behind. */
static void rotate_locked(struct ticket_keys *keys, const struct ticket_key *fresh)
    REQUIRES(keys->mutex)
{
    uint64_t lifetime_ms = (uint64_t)TICKET_LIFETIME_SECONDS * 1000;
    if (!is_due(&keys->current, fresh->made_ms))
        return; /* another worker was faster */
    keys->previous = keys->current;
    if (fresh->made_ms - keys->current.made_ms >= 2 * lifetime_ms)
        keys->previous.is_there = false;
    keys->current = *fresh;
}

static void rotate_when_due(struct ticket_keys *keys)
{
    mutex_lock(&keys->mutex);
    bool wants_fresh = is_due(&keys->current, clock_now_ms());
    mutex_unlock(&keys->mutex);
    if (!wants_fresh)
        return;

    struct ticket_key fresh;
    if (make(&fresh)) {
        mutex_lock(&keys->mutex);
        rotate_locked(keys, &fresh);
        mutex_unlock(&keys->mutex);
    }
    OPENSSL_cleanse(&fresh, sizeof(fresh));
}

static bool is_named(const struct ticket_key *key, const unsigned char *name)
{
    return key->is_there && memcmp(key->name, name, NAME_BYTES) == 0;
}

/* 1: `*key` opens it; 2: and another would seal it now; 0: none does. */
static int find(struct ticket_keys *keys, const unsigned char *name, struct ticket_key *key)
{
    int found = 0;
    mutex_lock(&keys->mutex);
    if (is_named(&keys->current, name)) {
        *key = keys->current;
        found = 1;
    } else if (is_named(&keys->previous, name)) {
        *key = keys->previous;
        found = 2;
    }
    mutex_unlock(&keys->mutex);
    return found;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int ticket_keys_use(struct ticket_keys *keys, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
    struct ticket_key key = {0};
    rotate_when_due(keys);
    int result;
    if (seals) {
        mutex_lock(&keys->mutex);
        key = keys->current;
        mutex_unlock(&keys->mutex);
        memcpy(name, key.name, NAME_BYTES);
        result = key.is_there && RAND_bytes(iv, IV_BYTES) == 1 &&
                 EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1 &&
                 set_mac(mac, &key);
    } else {
        result = find(keys, name, &key);
        if (result != 0 &&
            (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) != 1 ||
             !set_mac(mac, &key)))
            result = -1;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}
