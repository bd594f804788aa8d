#include "proxy/routing/route_support.h"

static const char *const unsupported_app_protocols[] = {
    "kubernetes.io/h2c",
    "h2",
};

bool route_support_has_app_protocol(struct slice app_protocol)
{
    for (size_t i = 0; i < sizeof(unsupported_app_protocols) / sizeof(char *); i++) {
        if (slice_equals(app_protocol, slice_from_string(unsupported_app_protocols[i])))
            return false;
    }
    return true;
}
