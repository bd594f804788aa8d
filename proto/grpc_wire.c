#include "proto/grpc_wire.h"

#include "common/character.h"
#include "common/hex.h"

#include <inttypes.h>
#include <stdio.h>

enum { TIMEOUT_DIGITS = 8 };

/* --- messages ------------------------------------------------------------------------------- */

bool grpc_frame_read(struct slice bytes, struct grpc_frame *frame)
{
    if (bytes.length < GRPC_FRAME_BYTES)
        return false;
    const unsigned char *at = (const unsigned char *)bytes.at;
    frame->is_compressed = at[0] != 0;
    frame->length = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    return true;
}

void grpc_frame_begin(struct buffer *to)
{
    buffer_append(to, "\0\0\0\0", GRPC_FRAME_BYTES);
}

void grpc_frame_end(struct buffer *to, size_t begun)
{
    uint32_t length = (uint32_t)(to->length - begun - GRPC_FRAME_BYTES);
    char *at = to->at + begun;
    at[1] = (char)(length >> 24);
    at[2] = (char)(length >> 16);
    at[3] = (char)(length >> 8);
    at[4] = (char)length;
}

/* --- grpc-timeout ---------------------------------------------------------------------------- */

static const struct timeout_unit {
    char letter;
    uint64_t microseconds;
} timeout_units[] = {
    {'m', 1000}, {'S', 1000000}, {'M', 60 * UINT64_C(1000000)}, {'H', 3600 * UINT64_C(1000000)},
    {'u', 1},
};

enum { TIMEOUT_UNITS = sizeof(timeout_units) / sizeof(timeout_units[0]) };

bool grpc_timeout_parse(struct slice text, uint64_t *timeout_ms)
{
    if (text.length < 2 || text.length > TIMEOUT_DIGITS + 1)
        return false;

    uint64_t number = 0;
    for (size_t i = 0; i < text.length - 1; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = 10 * number + (uint64_t)(text.at[i] - '0');
    }

    char letter = text.at[text.length - 1];
    if (letter == 'n') {
        *timeout_ms = (number + 999999) / 1000000;
        return true;
    }
    for (size_t i = 0; i < TIMEOUT_UNITS; i++) {
        if (timeout_units[i].letter == letter) {
            *timeout_ms = (number * timeout_units[i].microseconds + 999) / 1000;
            return true;
        }
    }
    return false;
}

void grpc_timeout_format(uint64_t timeout_ms, char to[GRPC_TIMEOUT_BYTES])
{
    const uint64_t largest = 99999999;

    /* Milliseconds, seconds, minutes, hours: the first in which it fits. */
    for (size_t i = 0; i < 4; i++) {
        uint64_t unit_ms = timeout_units[i].microseconds / 1000;
        uint64_t number = timeout_ms / unit_ms + (timeout_ms % unit_ms != 0);
        if (number <= largest) {
            snprintf(to, GRPC_TIMEOUT_BYTES, "%" PRIu64 "%c", number, timeout_units[i].letter);
            return;
        }
    }
    snprintf(to, GRPC_TIMEOUT_BYTES, "%" PRIu64 "H", largest);
}

/* --- grpc-message ---------------------------------------------------------------------------- */

void grpc_message_encode(struct slice text, struct buffer *to)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
            buffer_append_char(to, (char)byte);
            continue;
        }
        char escape[PERCENT_ESCAPE_BYTES];
        hex_write_escape(escape, byte);
        buffer_append(to, escape, sizeof(escape));
    }
}

void grpc_message_decode(struct slice text, char *to, size_t to_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < text.length && used + 1 < to_bytes; i++) {
        char c = text.at[i];
        int byte = c == '%' && text.length - i > 2 ? character_hex_byte(text.at + i + 1) : -1;
        if (byte >= 0) {
            c = (char)byte;
            i += 2;
        }
        if (c == '\0')
            c = '?';
        to[used++] = c;
    }
    to[used] = '\0';
}

/* --- binary headers -------------------------------------------------------------------------- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void grpc_binary_encode(struct slice bytes, struct buffer *to)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        unsigned group = (unsigned)at[i] << 16;
        group |= left > 1 ? (unsigned)at[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)at[i + 2] : 0;

        buffer_append_char(to, base64[group >> 18]);
        buffer_append_char(to, base64[group >> 12 & 63]);
        if (left > 1)
            buffer_append_char(to, base64[group >> 6 & 63]);
        if (left > 2)
            buffer_append_char(to, base64[group & 63]);
    }
}

bool grpc_binary_decode(struct slice text, struct buffer *to)
{
    while (text.length > 0 && text.at[text.length - 1] == '=')
        text.length--;
    if (text.length % 4 == 1)
        return false;

    unsigned bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.length; i++) {
        const char *digit = memchr(base64, text.at[i], sizeof(base64) - 1);
        if (digit == NULL)
            return false;
        bits = bits << 6 | (unsigned)(digit - base64);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buffer_append_char(to, (char)(bits >> bit_count & 0xff));
        }
    }
    return true;
}
