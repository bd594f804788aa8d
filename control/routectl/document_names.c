#include "control/routectl/document_names.h"

#include "common/slice.h"

#include <stdio.h>
#include <string.h>

/* --- what does not follow by rule ------------------------------------------------------------- */

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const char *field;
    const char *key;
} odd_keys[] = {{&pointsman__v1__endpoint__descriptor, "unix_path", "unix"}};

static const struct {
    const char *field;
    const char *name;
} odd_types[] = {{"url_rewrite", "URLRewrite"}, {"cors", "CORS"}};

/* Abbreviations, in enum names. */
static const char *const upper_names[] = {"GRPC", "HTTP", "TCP"};

enum { ODD_KEYS = sizeof(odd_keys) / sizeof(odd_keys[0]) };
enum { ODD_TYPES = sizeof(odd_types) / sizeof(odd_types[0]) };
enum { UPPER_NAMES = sizeof(upper_names) / sizeof(upper_names[0]) };

/* --- keys ----------------------------------------------------------------------------------- */

static const char *copy(const char *name, char *to)
{
    snprintf(to, DOCUMENT_NAME_BYTES, "%s", name);
    return to;
}

/* "backend_refs" as "backendRefs", or as "BackendRefs". */
static const char *camel_case(const char *name, bool starts_upper, char *to)
{
    size_t used = 0;
    bool is_upper = starts_upper;
    for (; *name != '\0' && used + 1 < DOCUMENT_NAME_BYTES; name++) {
        if (*name == '_') {
            is_upper = true;
            continue;
        }
        to[used++] = (char)(is_upper ? ascii_upper(*name) : ascii_lower(*name));
        is_upper = false;
    }
    to[used] = '\0';
    return to;
}

const char *document_key(const ProtobufCMessageDescriptor *descriptor,
                         const ProtobufCFieldDescriptor *field, char to[static DOCUMENT_NAME_BYTES])
{
    for (size_t i = 0; i < ODD_KEYS; i++) {
        if (odd_keys[i].descriptor == descriptor && strcmp(odd_keys[i].field, field->name) == 0)
            return copy(odd_keys[i].key, to);
    }
    return camel_case(field->name, false, to);
}

const ProtobufCFieldDescriptor *document_find_field(const ProtobufCMessageDescriptor *descriptor,
                                                    const char *key)
{
    char name[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (strcmp(document_key(descriptor, field, name), key) == 0)
            return field;
    }
    return NULL;
}

bool document_is_outside_spec(const ProtobufCMessageDescriptor *descriptor,
                              const ProtobufCFieldDescriptor *field)
{
    static const char *const names[] = {"name",          "labels",           "kind",
                                        "created_order", "created_revision", "revision"};
    if (descriptor != &pointsman__v1__route__descriptor &&
        descriptor != &pointsman__v1__backend__descriptor)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], field->name) == 0)
            return true;
    }
    return false;
}

bool document_is_required(const ProtobufCMessageDescriptor *descriptor,
                          const ProtobufCFieldDescriptor *field)
{
    return descriptor == &pointsman__v1__fraction__descriptor &&
           strcmp(field->name, "numerator") == 0;
}

/* --- enums ---------------------------------------------------------------------------------- */

/* How many letters of each value's name repeat the enum's: "PATH_MATCH_TYPE_". */
static size_t prefix_length(const ProtobufCEnumDescriptor *descriptor)
{
    static const char unspecified[] = "UNSPECIFIED";
    const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(descriptor, 0);
    return strlen(zero->name) - (sizeof(unspecified) - 1);
}

/* A GRPCRoute says it in other words. */
static bool is_unnamed(const ProtobufCEnumDescriptor *descriptor, const ProtobufCEnumValue *value)
{
    return descriptor == &pointsman__v1__path_match_type__descriptor &&
           value->value == POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_GRPC_METHOD;
}

const char *document_enum_name(const ProtobufCEnumDescriptor *descriptor,
                               const ProtobufCEnumValue *value, char to[static DOCUMENT_NAME_BYTES])
{
    const char *name = value->name + prefix_length(descriptor);
    to[0] = '\0';
    if (value->value == 0 || is_unnamed(descriptor, value))
        return to;
    for (size_t i = 0; i < UPPER_NAMES; i++) {
        if (strcmp(upper_names[i], name) == 0)
            return copy(name, to);
    }
    return camel_case(name, true, to);
}

const ProtobufCEnumValue *document_find_enum(const ProtobufCEnumDescriptor *descriptor,
                                             const char *name)
{
    char known[DOCUMENT_NAME_BYTES];
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *value = &descriptor->values[i];
        document_enum_name(descriptor, value, known);
        if (known[0] != '\0' && strcmp(known, name) == 0)
            return value;
    }
    return NULL;
}

/* --- types ---------------------------------------------------------------------------------- */

bool document_has_type(const ProtobufCMessageDescriptor *descriptor)
{
    return descriptor == &pointsman__v1__filter__descriptor ||
           descriptor == &pointsman__v1__path_modifier__descriptor;
}

const char *document_type_name(const ProtobufCFieldDescriptor *field,
                               char to[static DOCUMENT_NAME_BYTES])
{
    for (size_t i = 0; i < ODD_TYPES; i++) {
        if (strcmp(odd_types[i].field, field->name) == 0)
            return copy(odd_types[i].name, to);
    }
    return camel_case(field->name, true, to);
}
