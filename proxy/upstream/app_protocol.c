#include "proxy/upstream/app_protocol.h"

#include <string.h>

static const struct app_protocol protocols[] = {
    {"", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
    {"http", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
    {"https", ENDPOINT_HTTP1, SECURITY_ALWAYS},
    {"kubernetes.io/ws", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
    {"kubernetes.io/wss", ENDPOINT_HTTP1, SECURITY_ALWAYS},
    {"kubernetes.io/h2c", ENDPOINT_HTTP2, SECURITY_NEVER},
    {"h2c", ENDPOINT_HTTP2, SECURITY_NEVER},
    {"h2", ENDPOINT_HTTP2, SECURITY_ALWAYS},
    {"grpc", ENDPOINT_HTTP2, SECURITY_AS_CONFIGURED},
};

const char app_protocol_names[] =
    "http, https, h2, h2c, grpc, kubernetes.io/ws, kubernetes.io/wss, kubernetes.io/h2c";

const struct app_protocol *app_protocol_find(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    }
    return NULL;
}

/* Without a port in the reference only a single one is meant. */
static const char *port_says(const BackendMessage *backend, uint32_t ref_port)
{
    for (size_t i = 0; i < backend->n_ports; i++) {
        const Pointsman__V1__BackendPort *port = backend->ports[i];
        if (port->port == ref_port || (ref_port == 0 && backend->n_ports == 1))
            return port->app_protocol;
    }
    return "";
}

const struct app_protocol *app_protocol_of(const BackendMessage *backend, uint32_t ref_port)
{
    const char *name = port_says(backend, ref_port);
    const struct app_protocol *found =
        app_protocol_find(name[0] != '\0' ? name : backend->app_protocol);
    return found == NULL ? &protocols[0] : found;
}
