#include "proxy/http/proxy_header.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- version 1: a line of text --------------------------------------------------------------- */

/* Section 2.1: the longest is "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n". */
enum { TEXT_MAX_BYTES = 107 };

static const struct slice text_start = {"PROXY ", 6};

/* Takes what stands up to the next space, or the end, out of `line`. */
static struct slice take_word(struct slice *line)
{
    const char *space = line->length == 0 ? NULL : memchr(line->at, ' ', line->length);
    size_t length = space == NULL ? line->length : (size_t)(space - line->at);
    struct slice word = slice_of(line->at, length);
    size_t used = space == NULL ? length : length + 1;
    *line = slice_of(line->at + used, line->length - used);
    return word;
}

static bool parse_port(struct slice word, in_port_t *port)
{
    unsigned number = 0;
    if (word.length == 0 || word.length > 5 || (word.at[0] == '0' && word.length > 1))
        return false;
    for (size_t i = 0; i < word.length; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        number = number * 10 + (unsigned)(word.at[i] - '0');
    }
    *port = htons((uint16_t)number);
    return number <= UINT16_MAX;
}

static bool parse_ip(int family, struct slice word, void *to)
{
    char text[INET6_ADDRSTRLEN];
    if (word.length >= sizeof(text) || memchr(word.at, '\0', word.length) != NULL)
        return false;
    memcpy(text, word.at, word.length);
    text[word.length] = '\0';
    return inet_pton(family, text, to) == 1;
}

/* SOURCE DESTINATION PORT PORT, and nothing else. */
static bool parse_endpoints(struct slice line, int family, void *source, in_port_t *port)
{
    unsigned char destination[16];
    in_port_t destination_port;
    bool is_valid = parse_ip(family, take_word(&line), source) &&
                    parse_ip(family, take_word(&line), destination) &&
                    parse_port(take_word(&line), port);
    /* Another space behind the last word would be a word more. */
    return is_valid && memchr(line.at, ' ', line.length) == NULL &&
           parse_port(line, &destination_port);
}

static bool parse_line(struct slice line, struct proxy_header *header)
{
    line = slice_of(line.at + text_start.length, line.length - text_start.length);
    struct slice family = take_word(&line);
    if (slice_equals(family, SLICE("UNKNOWN")))
        return true; /* and whatever follows */
    if (slice_equals(family, SLICE("TCP4"))) {
        struct sockaddr_in *ipv4 = &header->source.ipv4;
        ipv4->sin_family = AF_INET;
        return parse_endpoints(line, AF_INET, &ipv4->sin_addr, &ipv4->sin_port);
    }
    if (slice_equals(family, SLICE("TCP6"))) {
        struct sockaddr_in6 *ipv6 = &header->source.ipv6;
        ipv6->sin6_family = AF_INET6;
        return parse_endpoints(line, AF_INET6, &ipv6->sin6_addr, &ipv6->sin6_port);
    }
    return false;
}

static enum parse_result parse_text(struct slice bytes, struct proxy_header *header)
{
    size_t length = least(bytes.length, TEXT_MAX_BYTES);
    if (memcmp(bytes.at, text_start.at, least(length, text_start.length)) != 0)
        return PARSE_REFUSED;
    const char *end = memchr(bytes.at, '\n', length);
    if (end == NULL)
        return length == TEXT_MAX_BYTES ? PARSE_REFUSED : PARSE_MORE;
    header->length = (size_t)(end - bytes.at) + 1;
    if (header->length <= text_start.length + 1 || end[-1] != '\r')
        return PARSE_REFUSED;
    struct slice line = slice_of(bytes.at, header->length - 2);
    bool is_valid = memchr(line.at, '\r', line.length) == NULL && parse_line(line, header);
    return is_valid ? PARSE_DONE : PARSE_REFUSED;
}

/* --- version 2: binary ----------------------------------------------------------------------- */

/* Section 2.2. */
static const struct slice signature = {"\r\n\r\n\0\r\nQUIT\n", 12};

enum {
    FIXED_BYTES = 16,
    IPV4_BYTES = 12,
    IPV6_BYTES = 36,
    UNIX_BYTES = 216,
    FIELD_HEAD_BYTES = 3,
    FIELD_CHECKSUM = 0x03, /* PP2_TYPE_CRC32C */
    CHECKSUM_BYTES = 4,
};

static unsigned read_16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* CRC-32C (RFC 3720 appendix B.4), a bit at a time: a header is short, and seldom has one. */
static uint32_t crc32c_add(uint32_t crc, unsigned char byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
    return crc;
}

/* Of the whole header, as if the checksum itself were zero. */
static bool checksum_is_right(const unsigned char *bytes, size_t length, size_t place)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++)
        crc = crc32c_add(crc, i >= place && i < place + CHECKSUM_BYTES ? 0 : bytes[i]);
    uint32_t said = (uint32_t)read_16(bytes + place) << 16 | read_16(bytes + place + 2);
    return ~crc == said;
}

static bool check_fields(const unsigned char *bytes, size_t length, size_t at)
{
    size_t checksum = 0;
    while (at < length) {
        if (length - at < FIELD_HEAD_BYTES)
            return false;
        size_t value = read_16(bytes + at + 1);
        if (length - at - FIELD_HEAD_BYTES < value)
            return false;
        if (bytes[at] == FIELD_CHECKSUM) {
            if (value != CHECKSUM_BYTES || checksum != 0)
                return false;
            checksum = at + FIELD_HEAD_BYTES;
        }
        at += FIELD_HEAD_BYTES + value;
    }
    return checksum == 0 || checksum_is_right(bytes, length, checksum);
}

/* Family and transport, of streams alone: nothing else can have come over this connection. */
static bool parse_address(const unsigned char *bytes, size_t length, struct proxy_header *header)
{
    const unsigned char *address = bytes + FIXED_BYTES;
    size_t there = length - FIXED_BYTES;
    switch (bytes[13]) {
    case 0x00: /* unspecified */
        return check_fields(bytes, length, FIXED_BYTES);
    case 0x11: /* IPv4 */
        if (there < IPV4_BYTES)
            return false;
        header->source.ipv4.sin_family = AF_INET;
        memcpy(&header->source.ipv4.sin_addr, address, 4);
        memcpy(&header->source.ipv4.sin_port, address + 8, 2);
        return check_fields(bytes, length, FIXED_BYTES + IPV4_BYTES);
    case 0x21: /* IPv6 */
        if (there < IPV6_BYTES)
            return false;
        header->source.ipv6.sin6_family = AF_INET6;
        memcpy(&header->source.ipv6.sin6_addr, address, 16);
        memcpy(&header->source.ipv6.sin6_port, address + 32, 2);
        return check_fields(bytes, length, FIXED_BYTES + IPV6_BYTES);
    case 0x31: /* Unix */
        if (there < UNIX_BYTES)
            return false;
        header->source.any.sa_family = AF_UNIX;
        return check_fields(bytes, length, FIXED_BYTES + UNIX_BYTES);
    default:
        return false;
    }
}

static enum parse_result parse_binary(struct slice bytes, struct proxy_header *header)
{
    enum { LOCAL = 0x20, PROXIED = 0x21 };
    const unsigned char *at = (const unsigned char *)bytes.at;
    if (memcmp(bytes.at, signature.at, least(bytes.length, signature.length)) != 0)
        return PARSE_REFUSED;
    if (bytes.length > signature.length && at[12] != LOCAL && at[12] != PROXIED)
        return PARSE_REFUSED;
    if (bytes.length < FIXED_BYTES)
        return PARSE_MORE;
    header->length = FIXED_BYTES + read_16(at + 14);
    if (header->length > PROXY_HEADER_MAX_BYTES)
        return PARSE_REFUSED;
    if (bytes.length < header->length)
        return PARSE_MORE;
    /* What LOCAL says of addresses is to be discarded. */
    if (at[12] == LOCAL)
        return PARSE_DONE;
    return parse_address(at, header->length, header) ? PARSE_DONE : PARSE_REFUSED;
}

/* --- either ---------------------------------------------------------------------------------- */

enum parse_result proxy_header_parse(struct slice bytes, struct proxy_header *header)
{
    memset(header, 0, sizeof(*header)); /* AF_UNSPEC is 0 */
    if (bytes.length == 0)
        return PARSE_MORE;
    return bytes.at[0] == '\r' ? parse_binary(bytes, header) : parse_text(bytes, header);
}
