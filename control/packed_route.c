#include "control/packed_route.h"

#include <stdint.h>

/* hostnames in proto/pointsman/v1/route.proto */
enum { HOSTNAMES_FIELD = 4 };

enum { WIRE_VARINT = 0, WIRE_64_BIT = 1, WIRE_LENGTH = 2, WIRE_32_BIT = 5, VARINT_BITS = 64 };

static bool take_varint(struct slice *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < VARINT_BITS && rest->length > 0; shift += 7) {
        unsigned char byte = (unsigned char)*rest->at;
        rest->at++;
        rest->length--;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

struct field {
    uint64_t number;
    struct slice content; /* of a length-delimited one; else empty */
};

static bool take_field(struct slice *rest, struct field *field)
{
    uint64_t tag;
    uint64_t length = 0;
    if (!take_varint(rest, &tag))
        return false;
    switch (tag & 7) {
    case WIRE_VARINT:
        if (!take_varint(rest, &(uint64_t){0}))
            return false;
        break;
    case WIRE_64_BIT:
        length = 8;
        break;
    case WIRE_32_BIT:
        length = 4;
        break;
    case WIRE_LENGTH:
        if (!take_varint(rest, &length))
            return false;
        break;
    default:
        return false;
    }
    if (length > rest->length)
        return false;
    field->number = tag >> 3;
    field->content = slice_of(rest->at, (size_t)length);
    rest->at += length;
    rest->length -= (size_t)length;
    return true;
}

static bool hostname_takes(struct slice hostname, struct slice host)
{
    if (!slice_has_prefix(hostname, SLICE("*.")))
        return slice_equals(hostname, host);
    struct slice tail = slice_of(hostname.at + 1, hostname.length - 1);
    return host.length > tail.length &&
           slice_equals(slice_of(host.at + host.length - tail.length, tail.length), tail);
}

bool packed_route_serves_host(struct slice bytes, struct slice host)
{
    bool has_hostnames = false;
    struct field field;
    while (bytes.length > 0) {
        if (!take_field(&bytes, &field))
            return true;
        if (field.number != HOSTNAMES_FIELD)
            continue;
        if (hostname_takes(field.content, host))
            return true;
        has_hostnames = true;
    }
    return !has_hostnames;
}
