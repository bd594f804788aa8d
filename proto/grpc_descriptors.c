#include "proto/grpc_descriptors.h"

#include "common/buffer.h"

#include <stdint.h>

/* Written by embed_file.cmake from descriptors.bin. */
extern const unsigned char descriptors_bin[];
extern const size_t descriptors_bin_length;

/* Field numbers of google/protobuf/descriptor.proto; those that declare a name by `name = 1`. */
enum {
    FILES = 1,     /* in FileDescriptorSet */
    FILE_NAME = 1, /* in FileDescriptorProto */
    FILE_PACKAGE = 2,
    FILE_MESSAGES = 4,
    FILE_ENUMS = 5,
    FILE_SERVICES = 6,
    MESSAGE_NESTED = 3, /* in DescriptorProto */
    MESSAGE_ENUMS = 4,
    SERVICE_METHODS = 2, /* in ServiceDescriptorProto */
    NAME = 1,            /* in each of them */
};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static uint64_t read_varint(struct slice *from)
{
    uint64_t value = 0;
    unsigned shift = 0;
    while (from->length > 0 && shift < 64) {
        unsigned char byte = (unsigned char)*from->at;
        from->at++;
        from->length--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
        shift += 7;
    }
    from->length = 0;
    return value;
}

static void skip(struct slice *from, uint64_t bytes)
{
    size_t length = bytes < from->length ? (size_t)bytes : from->length;
    from->at += length;
    from->length -= length;
}

/* The next length-delimited field; others are passed over. False at the end. */
static bool next_field(struct slice *from, unsigned *number, struct slice *content)
{
    while (from->length > 0) {
        uint64_t tag = read_varint(from);
        *number = (unsigned)(tag >> 3);
        switch (tag & 7) {
        case WIRE_BYTES: {
            uint64_t length = read_varint(from);
            *content = slice_of(from->at, length < from->length ? (size_t)length : from->length);
            skip(from, length);
            return true;
        }
        case WIRE_VARINT:
            read_varint(from);
            break;
        case WIRE_64:
            skip(from, 8);
            break;
        case WIRE_32:
            skip(from, 4);
            break;
        default:
            return false;
        }
    }
    return false;
}

static struct slice find_field(struct slice message, unsigned wanted)
{
    unsigned number;
    struct slice content;
    while (next_field(&message, &number, &content)) {
        if (number == wanted)
            return content;
    }
    return slice_of("", 0);
}

/* Takes "name" off a full name that is no more, or "name." off the front of one that is. */
static bool take_name(struct slice *full_name, struct slice name)
{
    if (name.length == 0 || !slice_has_prefix(*full_name, name))
        return false;
    if (full_name->length == name.length) {
        *full_name = slice_of("", 0);
        return true;
    }
    if (full_name->at[name.length] != '.' || full_name->length == name.length + 1)
        return false;
    skip(full_name, name.length + 1);
    return true;
}

/* Does a declaration have this name, or hold one that does in the fields named? Messages nest, and
 * only as deep as our own files do. */
static bool declares(struct slice declaration, struct slice symbol, unsigned first_inner,
                     unsigned second_inner)
{
    if (!take_name(&symbol, find_field(declaration, NAME)))
        return false;
    if (symbol.length == 0)
        return true;

    unsigned number;
    struct slice inner;
    while (next_field(&declaration, &number, &inner)) {
        if (number != first_inner && number != second_inner)
            continue;
        bool is_message = first_inner == MESSAGE_NESTED && number == MESSAGE_NESTED;
        if (declares(inner, symbol, is_message ? MESSAGE_NESTED : 0,
                     is_message ? MESSAGE_ENUMS : 0))
            return true;
    }
    return false;
}

static bool file_declares(struct slice file, struct slice symbol)
{
    if (!take_name(&symbol, find_field(file, FILE_PACKAGE)))
        return false;

    unsigned number;
    struct slice declaration;
    while (next_field(&file, &number, &declaration)) {
        if (number == FILE_MESSAGES && declares(declaration, symbol, MESSAGE_NESTED, MESSAGE_ENUMS))
            return true;
        if (number == FILE_ENUMS && declares(declaration, symbol, 0, 0))
            return true;
        if (number == FILE_SERVICES && declares(declaration, symbol, SERVICE_METHODS, 0))
            return true;
    }
    return false;
}

static bool next_file(struct slice *set, struct slice *file)
{
    unsigned number;
    while (next_field(set, &number, file)) {
        if (number == FILES)
            return true;
    }
    return false;
}

static struct slice whole_set(void)
{
    return slice_of((const char *)descriptors_bin, descriptors_bin_length);
}

bool grpc_descriptors_find_file(struct slice name, struct slice *file)
{
    struct slice set = whole_set();
    while (next_file(&set, file)) {
        if (slice_equals(find_field(*file, FILE_NAME), name))
            return true;
    }
    return false;
}

bool grpc_descriptors_find_symbol(struct slice symbol, struct slice *file)
{
    struct slice set = whole_set();
    while (next_file(&set, file)) {
        if (file_declares(*file, symbol))
            return true;
    }
    return false;
}
