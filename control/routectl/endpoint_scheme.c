#include "control/routectl/endpoint_scheme.h"

#include <stddef.h>
#include <string.h>

static const struct endpoint_scheme http = {"http", 80, false, ""};
static const struct endpoint_scheme https = {"https", 443, true, ""};
static const struct endpoint_scheme h2c = {"h2c", 80, false, "h2c"};
static const struct endpoint_scheme h2 = {"h2", 443, true, "h2"};
static const struct endpoint_scheme *const schemes[] = {&http, &https, &h2c, &h2};

const struct endpoint_scheme *endpoint_scheme_of_url(struct slice url, size_t *length)
{
    static const struct slice unix_scheme = SLICE("unix:"), separator = SLICE("://");
    if (slice_has_prefix(url, unix_scheme)) {
        *length = unix_scheme.length;
        return &http;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice name = slice_from_string(schemes[i]->name);
        if (!slice_has_prefix(url, name) ||
            !slice_has_prefix(slice_of(url.at + name.length, url.length - name.length), separator))
            continue;
        *length = name.length + separator.length;
        return schemes[i];
    }
    return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

const struct endpoint_scheme *endpoint_scheme_of_backend(const BackendMessage *backend)
{
    static const char *const secure[] = {"https", "kubernetes.io/wss", "h2", NULL};
    static const char *const http2[] = {"h2", "h2c", "kubernetes.io/h2c", "grpc", NULL};
    bool is_tls =
        (backend->tls != NULL && backend->tls->enabled) || is_among(backend->app_protocol, secure);
    if (is_among(backend->app_protocol, http2))
        return is_tls ? &h2 : &h2c;
    return is_tls ? &https : &http;
}
