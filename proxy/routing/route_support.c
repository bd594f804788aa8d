#include "proxy/routing/route_support.h"

#include "proto/messages.h"

#include <stddef.h>
#include <string.h>

enum { ANY_VALUE = -1 };

static const struct {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    int number; /* of an enum, or ANY_VALUE */
} unsupported[] = {
    {&pointsman__v1__backend__descriptor, "tls", ANY_VALUE},
};

static const char *const unsupported_app_protocols[] = {
    "kubernetes.io/wss",
    "kubernetes.io/h2c",
    "https",
    "h2",
};

bool route_support_has_field(const ProtobufCMessageDescriptor *message,
                             const ProtobufCFieldDescriptor *field, int number)
{
    for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++) {
        if (unsupported[i].message == message && strcmp(unsupported[i].field, field->name) == 0 &&
            (unsupported[i].number == ANY_VALUE || unsupported[i].number == number))
            return false;
    }
    return true;
}

bool route_support_has_dns_names(void)
{
    return false;
}

bool route_support_has_app_protocol(struct slice app_protocol)
{
    for (size_t i = 0; i < sizeof(unsupported_app_protocols) / sizeof(char *); i++) {
        if (slice_equals(app_protocol, slice_from_string(unsupported_app_protocols[i])))
            return false;
    }
    return true;
}
