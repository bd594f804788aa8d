/* Endpoint schemes: how a URL says what an endpoint speaks.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_ENDPOINT_SCHEME_H
#define CONTROL_ROUTECTL_ENDPOINT_SCHEME_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct endpoint_scheme {
    const char *name;
    uint32_t port; /* where a URL names none */
    /* what its backend says */
    bool is_tls;
    const char *app_protocol;
};

/* "http://...", "https://...", "h2c://..." or "h2://...", and http for "unix:...". NULL when it is
 * another one. `*length`: of the scheme and what stands between it and the rest. */
const struct endpoint_scheme *endpoint_scheme_of_url(struct slice url, size_t *length);

/* What the endpoints of a backend speak that no port says otherwise of. */
const struct endpoint_scheme *endpoint_scheme_of_backend(const BackendMessage *backend);

#endif
