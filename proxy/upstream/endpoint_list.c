#include "proxy/upstream/endpoint_list.h"

#include "common/buffer.h"
#include "proxy/upstream/app_protocol.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_registry.h"
#include "proxy/upstream/endpoint_tls.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* --- ports ---------------------------------------------------------------------------------- */

static uint32_t target_port_of(const Pointsman__V1__BackendPort *port)
{
    return port->target_port != 0 ? port->target_port : port->port;
}

/* Where endpoints without a port of their own are reached; 0: they must have one. */
static bool find_default_port(const BackendMessage *message, uint32_t ref_port,
                              uint32_t *default_port, struct error *err)
{
    *default_port = ref_port;
    if (message->n_ports == 0)
        return true;

    if (ref_port == 0) {
        /* Without a port in the reference only a single one is unambiguous. */
        *default_port = message->n_ports == 1 ? target_port_of(message->ports[0]) : 0;
        return true;
    }
    for (size_t i = 0; i < message->n_ports; i++) {
        if (message->ports[i]->port == ref_port) {
            *default_port = target_port_of(message->ports[i]);
            return true;
        }
    }
    return error_set(err, ERROR_INVALID, "backend '%s' has no port %u", message->name, ref_port);
}

/* Where the endpoint is reached: its own port goes before the others. Not for Unix sockets. */
static bool find_port(const EndpointMessage *endpoint, uint32_t default_port, uint16_t *port,
                      struct error *err)
{
    uint32_t found = endpoint->port != 0 ? endpoint->port : default_port;
    if (found == 0)
        return error_set(err, ERROR_INVALID, "no port, and the reference gives none");
    if (found > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "port %u is too large", found);
    *port = (uint16_t)found;
    return true;
}

bool endpoint_list_check_port(const BackendMessage *message, uint32_t ref_port, struct error *err)
{
    uint32_t default_port;
    uint16_t port;
    if (!find_default_port(message, ref_port, &default_port, err))
        return false;
    for (size_t i = 0; i < message->n_endpoints; i++) {
        const EndpointMessage *endpoint = message->endpoints[i];
        if (endpoint->unix_path[0] == '\0' && !find_port(endpoint, default_port, &port, err))
            return error_prefix(err, "endpoints[%zu] of backend '%s': ", i, message->name);
    }
    return true;
}

/* --- TLS ------------------------------------------------------------------------------------ */

/* What the certificate must be for where the settings name nobody: `host`, or for "" the address.
 * NULL: connections are clear. Caller releases. */
static struct endpoint_tls *acquire_tls(const BackendMessage *message, bool is_always,
                                        const char *host, struct endpoint_registry *registry)
{
    struct tls_registry *all = endpoint_registry_tls(registry);
    const Pointsman__V1__EndpointTls *tls = message->tls;
    if (tls != NULL && tls->enabled)
        return endpoint_tls_acquire(all, tls->server_name[0] != '\0' ? tls->server_name : host,
                                    tls->ca_file, tls->skip_verification);
    return is_always ? endpoint_tls_acquire(all, host, "", false) : NULL;
}

/* --- endpoints ------------------------------------------------------------------------------ */

/* What is the same for all endpoints. */
struct filling {
    struct endpoint_list *list;
    const BackendMessage *message;
    const struct app_protocol *app_protocol;
    uint32_t default_port; /* 0: each must have one */
    struct endpoint_registry *registry;
};

static uint32_t weight_of(const EndpointMessage *message)
{
    return message->weight_presence_case == POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT
               ? message->weight
               : 1;
}

static void add(struct filling *filling, const EndpointMessage *message,
                const struct endpoint_address *address, const char *host)
{
    struct endpoint_list *list = filling->list;
    struct endpoint_tls *tls =
        acquire_tls(filling->message, filling->app_protocol->security == SECURITY_ALWAYS, host,
                    filling->registry);
    list->endpoints =
        memory_reallocate(list->endpoints, (list->count + 1) * sizeof(list->endpoints[0]));
    list->endpoints[list->count++] = (struct listed_endpoint){
        .endpoint = endpoint_registry_acquire(filling->registry, address,
                                              filling->app_protocol->protocol, tls),
        .weight = weight_of(message),
    };
    endpoint_tls_release(&tls);
}

static void add_name(struct filling *filling, const EndpointMessage *message, uint16_t port)
{
    struct endpoint_list *list = filling->list;
    struct listed_name used = {
        .name = dns_name_use(endpoint_registry_names(filling->registry), message->address)};
    size_t count;
    struct endpoint_address *addresses = dns_name_addresses(used.name, &count, &used.version);
    for (size_t i = 0; i < count; i++) {
        endpoint_address_set_port(&addresses[i], port);
        add(filling, message, &addresses[i], message->address);
    }
    free(addresses);
    list->names = memory_reallocate(list->names, (list->name_count + 1) * sizeof(list->names[0]));
    list->names[list->name_count++] = used;
}

static bool add_endpoint(struct filling *filling, const EndpointMessage *message, struct error *err)
{
    struct endpoint_address address;
    if (message->unix_path[0] != '\0') {
        if (!endpoint_address_set_unix(&address, message->unix_path, err))
            return false;
        add(filling, message, &address, "");
        return true;
    }

    uint16_t port;
    if (!find_port(message, filling->default_port, &port, err))
        return false;
    if (endpoint_address_set_ip(&address, message->address, port))
        add(filling, message, &address, "");
    else
        add_name(filling, message, port);
    return true;
}

bool endpoint_list_fill(struct endpoint_list *list, const BackendMessage *message,
                        uint32_t ref_port, struct endpoint_registry *registry, struct error *err)
{
    struct filling filling = {
        .list = list,
        .message = message,
        .app_protocol = app_protocol_of(message, ref_port),
        .registry = registry,
    };
    if (!find_default_port(message, ref_port, &filling.default_port, err))
        return false;
    for (size_t i = 0; i < message->n_endpoints; i++) {
        if (!add_endpoint(&filling, message->endpoints[i], err))
            return error_prefix(err, "endpoints[%zu]: ", i);
    }
    return true;
}

void listed_names_free(struct listed_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dns_name_leave(&names[i].name);
    free(names);
}

void endpoint_list_clear(struct endpoint_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        endpoint_release(&list->endpoints[i].endpoint);
    free(list->endpoints);
    listed_names_free(list->names, list->name_count);
    *list = (struct endpoint_list){0};
}
