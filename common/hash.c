#include "common/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* SipHash (Aumasson and Bernstein, 2012) with one round for each word and three at the end. */

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate(s->b, 17) ^ s->c;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c = rotate(s->c, 32);
}

static struct sip sip_start(uint64_t key_low, uint64_t key_high)
{
    return (struct sip){
        .a = key_low ^ UINT64_C(0x736f6d6570736575),
        .b = key_high ^ UINT64_C(0x646f72616e646f6d),
        .c = key_low ^ UINT64_C(0x6c7967656e657261),
        .d = key_high ^ UINT64_C(0x7465646279746573),
    };
}

static inline void sip_add(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

/* `tail` holds the bytes behind the last whole word. */
static uint64_t sip_finish(struct sip s, uint64_t tail, size_t length)
{
    sip_add(&s, tail | (uint64_t)length << 56);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

static inline uint64_t read_tail(const unsigned char *at, size_t length)
{
    uint64_t tail = 0;
    for (size_t i = 0; i < length; i++)
        tail |= (uint64_t)at[i] << (8 * i);
    return tail;
}

static uint64_t sip_hash(const void *bytes, size_t length, uint64_t key_low, uint64_t key_high)
{
    struct sip s = sip_start(key_low, key_high);
    const unsigned char *at = bytes;
    size_t left = length;

    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sip_add(&s, word);
    }
    return sip_finish(s, read_tail(at, left), length);
}

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void make_process_key(void)
{
    /* Up to 256 bytes never come short, and only an early boot could make it wait. */
    if (getrandom(process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
        abort();
}

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    pthread_once(&process_key_once, make_process_key);
    return sip_hash(bytes, length, process_key[0] ^ seed, process_key[1]);
}

void hash_start(struct hash_state *state, uint64_t seed)
{
    pthread_once(&process_key_once, make_process_key);
    struct sip s = sip_start(process_key[0] ^ seed, process_key[1]);
    *state = (struct hash_state){.words = {s.a, s.b, s.c, s.d}};
}

void hash_add(struct hash_state *state, const void *bytes, size_t length)
{
    struct sip s = {state->words[0], state->words[1], state->words[2], state->words[3]};
    const unsigned char *at = bytes;
    size_t left = length;

    while (left > 0) {
        size_t held = state->length % 8;
        if (held == 0 && left >= 8) {
            uint64_t word;
            memcpy(&word, at, 8);
            sip_add(&s, word);
            at += 8;
            left -= 8;
            state->length += 8;
            continue;
        }
        size_t taken = left < 8 - held ? left : 8 - held;
        state->tail |= read_tail(at, taken) << (8 * held);
        at += taken;
        left -= taken;
        state->length += taken;
        if (held + taken == 8) {
            sip_add(&s, state->tail);
            state->tail = 0;
        }
    }
    memcpy(state->words, (uint64_t[4]){s.a, s.b, s.c, s.d}, sizeof(state->words));
}

uint64_t hash_value(const struct hash_state *state)
{
    struct sip s = {state->words[0], state->words[1], state->words[2], state->words[3]};
    return sip_finish(s, state->tail, state->length);
}

uint64_t hash_stable(const void *bytes, size_t length)
{
    return sip_hash(bytes, length, UINT64_C(0x706f696e74736d61), UINT64_C(0x6e2d666565642d31));
}
