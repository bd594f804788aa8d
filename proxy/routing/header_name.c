#include "proxy/routing/header_name.h"

#include "common/character.h"

/* Names are found by a perfect hash of first letter, last letter and length. A name that is added
 * and collides is a warning of the compiler (an initializer that overrides another): then other
 * factors must be found. */
#define SLOT_COUNT 128
#define SLOT(first, last, length)                                                                  \
    (((unsigned)(first)*12 + (unsigned)(last)*8 + (unsigned)(length)) % SLOT_COUNT)

enum {
    PER_HOP = HEADER_IS_PER_HOP | HEADER_IS_NO_TRAILER,
    /* About this hop, but read by us before Connection could take it away. */
    FRAMING = HEADER_IS_PER_HOP | HEADER_IS_END_TO_END | HEADER_IS_NO_TRAILER,
    END_TO_END = HEADER_IS_END_TO_END | HEADER_IS_NO_TRAILER,
    CLAIM = HEADER_IS_CLAIM | HEADER_IS_END_TO_END | HEADER_IS_NO_TRAILER,
};

/* name, first letter, last letter, identifier, traits */
#define KNOWN_HEADERS(X)                                                                           \
    X("authorization", 'a', 'n', HEADER_AUTHORIZATION, END_TO_END)                                 \
    X("cache-control", 'c', 'l', HEADER_CACHE_CONTROL, END_TO_END)                                 \
    X("cdn-loop", 'c', 'p', HEADER_CDN_LOOP, END_TO_END)                                           \
    X("client-cert", 'c', 't', HEADER_CLIENT_CERT, CLAIM)                                          \
    X("client-cert-chain", 'c', 'n', HEADER_CLIENT_CERT_CHAIN, CLAIM)                              \
    X("connection", 'c', 'n', HEADER_CONNECTION, PER_HOP)                                          \
    X("content-encoding", 'c', 'g', HEADER_CONTENT_ENCODING, END_TO_END)                           \
    X("content-length", 'c', 'h', HEADER_CONTENT_LENGTH, FRAMING)                                  \
    X("content-type", 'c', 'e', HEADER_CONTENT_TYPE, END_TO_END)                                   \
    X("cookie", 'c', 'e', HEADER_COOKIE, END_TO_END)                                               \
    X("expect", 'e', 't', HEADER_EXPECT, PER_HOP)                                                  \
    X("forwarded", 'f', 'd', HEADER_FORWARDED, CLAIM)                                              \
    X("host", 'h', 't', HEADER_HOST, FRAMING)                                                      \
    X("http2-settings", 'h', 's', HEADER_HTTP2_SETTINGS, PER_HOP)                                  \
    X("keep-alive", 'k', 'e', HEADER_KEEP_ALIVE, PER_HOP)                                          \
    X("origin", 'o', 'n', HEADER_ORIGIN, END_TO_END)                                               \
    X("proxy", 'p', 'y', HEADER_PROXY, PER_HOP)                                                    \
    X("proxy-authenticate", 'p', 'e', HEADER_PROXY_AUTHENTICATE, PER_HOP)                          \
    X("proxy-authorization", 'p', 'n', HEADER_PROXY_AUTHORIZATION, PER_HOP)                        \
    X("proxy-connection", 'p', 'n', HEADER_PROXY_CONNECTION, PER_HOP)                              \
    X("sec-websocket-accept", 's', 't', HEADER_SEC_WEBSOCKET_ACCEPT, END_TO_END)                   \
    X("sec-websocket-key", 's', 'y', HEADER_SEC_WEBSOCKET_KEY, END_TO_END)                         \
    X("sec-websocket-version", 's', 'n', HEADER_SEC_WEBSOCKET_VERSION, END_TO_END)                 \
    X("set-cookie", 's', 'e', HEADER_SET_COOKIE, END_TO_END)                                       \
    X("te", 't', 'e', HEADER_TE, PER_HOP)                                                          \
    X("trailer", 't', 'r', HEADER_TRAILER, HEADER_IS_NO_TRAILER)                                   \
    X("transfer-encoding", 't', 'g', HEADER_TRANSFER_ENCODING, FRAMING)                            \
    X("upgrade", 'u', 'e', HEADER_UPGRADE, PER_HOP)                                                \
    X("via", 'v', 'a', HEADER_VIA, END_TO_END)                                                     \
    X("x-forwarded-for", 'x', 'r', HEADER_X_FORWARDED_FOR, CLAIM)                                  \
    X("x-forwarded-host", 'x', 't', HEADER_X_FORWARDED_HOST, CLAIM)                                \
    X("x-forwarded-proto", 'x', 'o', HEADER_X_FORWARDED_PROTO, CLAIM)                              \
    X("x-request-id", 'x', 'd', HEADER_X_REQUEST_ID, END_TO_END)

static const uint8_t slots[SLOT_COUNT] = {
#define X(name, first, last, id, traits) [SLOT(first, last, sizeof(name) - 1)] = (id),
    KNOWN_HEADERS(X)
#undef X
};

static const struct slice texts[HEADER_ID_COUNT] = {
#define X(name, first, last, id, traits) [id] = {name, sizeof(name) - 1},
    KNOWN_HEADERS(X)
#undef X
        [HEADER_OTHER] = {"", 0},
    [HEADER_X_CLIENT_CERT] = {"", 0},
    [HEADER_X_FORWARDED_OTHER] = {"", 0},
};

static const uint8_t all_traits[HEADER_ID_COUNT] = {
#define X(name, first, last, id, traits) [id] = (traits),
    KNOWN_HEADERS(X)
#undef X
        [HEADER_X_CLIENT_CERT] = CLAIM,
    [HEADER_X_FORWARDED_OTHER] = CLAIM,
};

/* `length` bytes of a token and of a name in lower case. Setting one bit lowers every letter, and
 * makes no other character of a token into one that stands in a known name. */
static bool equals_ignoring_case(const char *token, const char *lower, size_t length)
{
    const uint64_t lowering = UINT64_C(0x2020202020202020);
    uint64_t a;
    uint64_t b;

    if (length < 8) {
        for (size_t i = 0; i < length; i++) {
            if ((token[i] | 0x20) != lower[i])
                return false;
        }
        return true;
    }
    for (size_t i = 0; i + 8 < length; i += 8) {
        memcpy(&a, token + i, 8);
        memcpy(&b, lower + i, 8);
        if ((a | lowering) != b)
            return false;
    }
    memcpy(&a, token + length - 8, 8);
    memcpy(&b, lower + length - 8, 8);
    return (a | lowering) == b;
}

static bool starts_with(struct slice token, struct slice lower)
{
    return token.length >= lower.length && equals_ignoring_case(token.at, lower.at, lower.length);
}

enum header_id header_name_id(struct slice name)
{
    if (name.length < 2)
        return HEADER_OTHER;

    char first = ascii_lower(name.at[0]);
    char last = ascii_lower(name.at[name.length - 1]);
    enum header_id id = slots[SLOT((unsigned char)first, (unsigned char)last, name.length)];
    if (id != HEADER_OTHER && texts[id].length == name.length &&
        equals_ignoring_case(name.at, texts[id].at, name.length))
        return id;

    if (first != 'x')
        return HEADER_OTHER;
    if (starts_with(name, SLICE("x-forwarded-")))
        return HEADER_X_FORWARDED_OTHER;
    if (starts_with(name, SLICE("x-client-cert-")))
        return HEADER_X_CLIENT_CERT;
    return HEADER_OTHER;
}

unsigned header_name_traits(enum header_id id)
{
    return all_traits[id];
}

bool header_name_is_token(struct slice text)
{
    return text.length > 0 && character_token_span(text.at, text.length) == text.length;
}

/* Letters in lower case, digits, and '-' for all others. */
static char read_character(char c)
{
    char lower = ascii_lower(c);
    bool is_kept = (lower >= 'a' && lower <= 'z') || character_is(c, CHARACTER_DIGIT);
    return is_kept ? lower : '-';
}

static bool reads_as_start(struct slice name, struct slice start)
{
    return name.length >= start.length &&
           header_name_reads_as(slice_of(name.at, start.length), start);
}

/* The claims whose names have a character that could be another one. */
static bool reads_as_claim(struct slice name)
{
    char first = name.length == 0 ? '\0' : ascii_lower(name.at[0]);
    if (first == 'x')
        return reads_as_start(name, SLICE("x-forwarded-")) ||
               reads_as_start(name, SLICE("x-client-cert-"));
    return first == 'c' && (header_name_reads_as(name, SLICE("client-cert")) ||
                            header_name_reads_as(name, SLICE("client-cert-chain")));
}

bool header_name_is_visible(struct slice name, enum header_id id, bool peer_is_trusted)
{
    if (id == HEADER_PROXY)
        return false;
    if ((header_name_traits(id) & HEADER_IS_CLAIM) && !peer_is_trusted)
        return false;
    if (id == HEADER_OTHER && reads_as_claim(name))
        return false;
    return memchr(name.at, '_', name.length) == NULL;
}

bool header_name_reads_as(struct slice name, struct slice other)
{
    if (name.length != other.length)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (read_character(name.at[i]) != read_character(other.at[i]))
            return false;
    }
    return true;
}

struct slice header_name_text(enum header_id id)
{
    return texts[id];
}
