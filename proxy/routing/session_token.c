#include "proxy/routing/session_token.h"

#include "proxy/routing/epoch_key.h"

/* Three words: when the session began, the signature of that and of the endpoint, and the endpoint
 * under a mask that the other two give. As the mask depends on the signature, no two endpoints are
 * under the same one (which is what RFC 5297 calls a synthetic initialization vector). The text is
 * that of RFC 4648 section 5, which has a text of its own for every 24 bytes. */

enum { WORDS = 3, TOKEN_BYTES = WORDS * 8 };

/* --- keys ----------------------------------------------------------------------------------- */

struct session_key session_key_of(const char *epoch)
{
    return (struct session_key){
        .seal = epoch_key_of(epoch, "session seal"),
        .signature = epoch_key_of(epoch, "session signature"),
    };
}

/* --- words ---------------------------------------------------------------------------------- */

static uint64_t hash_two(uint64_t first, uint64_t second, const struct hash_key *key)
{
    const uint64_t words[] = {first, second};
    return hash_keyed(words, sizeof(words), key);
}

static void put_word(unsigned char *to, uint64_t word)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *to++ = (unsigned char)(word >> shift);
}

static uint64_t take_word(const unsigned char *from)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++)
        word = word << 8 | from[i];
    return word;
}

/* --- text ----------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* One more than what a digit stands for; 0: it is none. A table, as every request with a token
 * reads all of its digits. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64};

static void write_text(const unsigned char bytes[static TOKEN_BYTES], char *to)
{
    for (size_t i = 0; i < TOKEN_BYTES; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[group >> shift & 63];
    }
}

static bool read_text(struct slice text, unsigned char bytes[static TOKEN_BYTES])
{
    if (text.length != SESSION_TOKEN_LENGTH)
        return false;
    for (size_t i = 0; i < SESSION_TOKEN_LENGTH; i += 4) {
        uint32_t group = 0;
        for (size_t j = i; j < i + 4; j++) {
            uint8_t value = values[(unsigned char)text.at[j]];
            if (value == 0)
                return false;
            group = group << 6 | (value - 1U);
        }
        for (int shift = 16; shift >= 0; shift -= 8)
            *bytes++ = (unsigned char)(group >> shift);
    }
    return true;
}

/* --- tokens --------------------------------------------------------------------------------- */

void session_token_write(const struct session_token *token, const struct session_key *key,
                         char to[static SESSION_TOKEN_LENGTH])
{
    uint64_t signature = hash_two(token->began_ms, token->endpoint, &key->signature);
    unsigned char bytes[TOKEN_BYTES];
    put_word(bytes, token->began_ms);
    put_word(bytes + 8, signature);
    put_word(bytes + 16, token->endpoint ^ hash_two(token->began_ms, signature, &key->seal));
    write_text(bytes, to);
}

bool session_token_read(struct slice text, const struct session_key *key,
                        struct session_token *token)
{
    unsigned char bytes[TOKEN_BYTES];
    if (!read_text(text, bytes))
        return false;
    uint64_t began_ms = take_word(bytes);
    uint64_t signature = take_word(bytes + 8);
    uint64_t endpoint = take_word(bytes + 16) ^ hash_two(began_ms, signature, &key->seal);
    if (hash_two(began_ms, endpoint, &key->signature) != signature)
        return false;
    *token = (struct session_token){.endpoint = endpoint, .began_ms = began_ms};
    return true;
}
