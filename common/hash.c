#include "common/hash.h"

#include "common/slice.h"
#include "common/word.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* --- quick ---------------------------------------------------------------------------------- */

/* Of random bits; what words are multiplied with is odd. */
static struct {
    uint64_t start;
    uint64_t word;
    uint64_t finish;
    struct hash_key untrusted;
} process_key;
static atomic_bool has_process_key;
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void make_process_key(void)
{
    /* Up to 256 bytes never come short, and only an early boot could make it wait. */
    if (getrandom(&process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
        abort();
    process_key.word |= 1;
    process_key.finish |= 1;
    atomic_store_explicit(&has_process_key, true, memory_order_release);
}

/* Requests hash several times each: asking pthread_once every time would show. */
static inline void need_process_key(void)
{
    if (!atomic_load_explicit(&has_process_key, memory_order_acquire))
        pthread_once(&process_key_once, make_process_key);
}

/* Both halves of the product, so that every bit of either factor counts in every bit of it. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Seeds are small numbers: as they are, some text of one would hash as another text of another. */
static inline uint64_t quick_start(uint64_t seed)
{
    need_process_key();
    return process_key.start ^ seed * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t quick_add(uint64_t hash, uint64_t word)
{
    return fold(hash ^ word, process_key.word);
}

static inline uint64_t quick_finish(uint64_t hash, uint64_t tail, size_t length)
{
    return fold(quick_add(hash, tail) ^ length, process_key.finish);
}

uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    uint64_t hash = quick_start(seed);
    const char *at = bytes;
    size_t left = length;
    for (; left >= 8; at += 8, left -= 8)
        hash = quick_add(hash, word_read(at));
    return quick_finish(hash, word_read_tail(at, left), length);
}

uint64_t hash_lower(const char *text, size_t length, uint64_t seed)
{
    uint64_t hash = quick_start(seed);
    const char *at = text;
    size_t left = length;
    for (; left >= 8; at += 8, left -= 8)
        hash = quick_add(hash, ascii_lower_word(word_read(at)));
    return quick_finish(hash, ascii_lower_word(word_read_tail(at, left)), length);
}

/* --- in pieces ------------------------------------------------------------------------------ */

void hash_start(struct hash_state *state, uint64_t seed)
{
    *state = (struct hash_state){.hash = quick_start(seed)};
}

void hash_add(struct hash_state *state, const void *bytes, size_t length)
{
    uint64_t hash = state->hash;
    const char *at = bytes;
    size_t left = length;
    size_t held = state->length % 8;
    uint64_t tail = state->tail;

    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = word_read(at);
        hash = quick_add(hash, tail | word << (8 * held));
        tail = held == 0 ? 0 : word >> (64 - 8 * held);
    }
    uint64_t rest = word_read_tail(at, left);
    tail |= rest << (8 * held);
    if (held + left >= 8) {
        hash = quick_add(hash, tail);
        tail = held + left == 8 ? 0 : rest >> (64 - 8 * held);
    }
    *state = (struct hash_state){hash, tail, state->length + length};
}

uint64_t hash_value(const struct hash_state *state)
{
    return quick_finish(state->hash, state->tail, state->length);
}

/* --- prefixes ------------------------------------------------------------------------------- */

/* The top bit of each byte of `word` that is `wanted`. */
static inline uint64_t bytes_equal(uint64_t word, unsigned char wanted)
{
    const uint64_t low_bits = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t difference = word ^ wanted * UINT64_C(0x0101010101010101);
    return ~(((difference & low_bits) + low_bits) | difference | low_bits);
}

/* What prefixes go to. */
struct prefix_list {
    struct hash_prefix *prefixes;
    size_t count;
    size_t max;
    uint64_t wanted;
};

static inline bool is_wanted(const struct prefix_list *list)
{
    return (list->wanted >> (list->count < 63 ? list->count : 63) & 1) != 0;
}

/* Those that end within the word at `at`, whose bytes before it are in `so_far`. */
static inline __attribute__((always_inline)) void add_prefixes(struct prefix_list *list,
                                                               uint64_t so_far, uint64_t word,
                                                               size_t at, unsigned char separator)
{
    for (uint64_t ends = bytes_equal(word, separator); ends != 0 && list->count < list->max;
         ends &= ends - 1) {
        unsigned bits = (unsigned)__builtin_ctzll(ends) & ~7U;
        uint64_t tail = word & ((UINT64_C(1) << bits) - 1);
        size_t length = at + bits / 8;
        uint64_t hash = is_wanted(list) ? quick_finish(so_far, tail, length) : 0;
        list->prefixes[list->count++] = (struct hash_prefix){hash, length};
    }
}

size_t hash_prefixes(const void *bytes, size_t length, char separator, uint64_t seed,
                     struct hash_prefix *prefixes, size_t max, uint64_t wanted, uint64_t *whole)
{
    struct prefix_list list = {.prefixes = prefixes, .max = max, .wanted = wanted};
    uint64_t hash = quick_start(seed);
    const char *text = bytes;
    unsigned char ends = (unsigned char)separator;
    size_t at = 0;
    for (; length - at >= 8; at += 8) {
        uint64_t word = word_read(text + at);
        add_prefixes(&list, hash, word, at, ends);
        hash = quick_add(hash, word);
    }
    uint64_t tail = word_read_tail(text + at, length - at);
    add_prefixes(&list, hash, tail, at, ends);
    *whole = quick_finish(hash, tail, length);
    return list.count;
}

/* --- SipHash -------------------------------------------------------------------------------- */

/* SipHash (Aumasson and Bernstein, 2012) with one round for each word and three at the end. */

struct sip {
    uint64_t a, b, c, d;
};

static inline uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(struct sip *s)
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

static inline __attribute__((always_inline)) void sip_add(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

/* `tail` holds the bytes behind the last whole word. */
static inline __attribute__((always_inline)) uint64_t sip_finish(struct sip s, uint64_t tail,
                                                                 size_t length)
{
    sip_add(&s, tail | (uint64_t)length << 56);
    s.c ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

static inline __attribute__((always_inline)) uint64_t sip_hash(struct sip s, const void *bytes,
                                                               size_t length)
{
    const char *at = bytes;
    size_t left = length;

    for (; left >= 8; at += 8, left -= 8)
        sip_add(&s, word_read(at));
    return sip_finish(s, word_read_tail(at, left), length);
}

uint64_t hash_stable(const void *bytes, size_t length)
{
    return sip_hash(sip_start(UINT64_C(0x706f696e74736d61), UINT64_C(0x6e2d666565642d31)), bytes,
                    length);
}

uint64_t hash_keyed(const void *bytes, size_t length, const struct hash_key *key)
{
    return sip_hash(sip_start(key->words[0], key->words[1]), bytes, length);
}

uint64_t hash_untrusted(const void *bytes, size_t length)
{
    need_process_key();
    return hash_keyed(bytes, length, &process_key.untrusted);
}
