/* The other half of route_validate.h: backends. */
#include "proxy/routing/route_validate.h"
#include "proxy/routing/validation.h"
#include "proxy/upstream/app_protocol.h"
#include "proxy/upstream/endpoint_list.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

enum {
    MAX_ENDPOINTS = 10000,
    MAX_PORTS = 128,
    HEALTH_SERVICE_BYTES_MAX = 1024,
    MAX_EXPECTED_STATUSES = 64,
    UNIX_PATH_MAX_LENGTH = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

/* --- endpoints ------------------------------------------------------------------------------ */

static void validate_unix_path(struct validation *validation, const EndpointMessage *endpoint)
{
    size_t length = strlen(endpoint->unix_path);
    if (endpoint->unix_path[0] != '/' || length > UNIX_PATH_MAX_LENGTH)
        validation_problem(validation, "unix_path",
                           "must be an absolute path of at most %d characters",
                           (int)UNIX_PATH_MAX_LENGTH);
    if (endpoint->port != 0)
        validation_problem(validation, "port",
                           "does not go together with the path of a Unix socket");
}

static void validate_address(struct validation *validation, const char *address)
{
    unsigned char binary[16];
    if (inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1)
        return;
    /* A name whose last label is a number would be a mistyped IPv4 address. */
    const char *last_dot = strrchr(address, '.');
    const char *last_label = last_dot == NULL ? address : last_dot + 1;
    if (!is_dns_subdomain(slice_from_string(address)) ||
        strspn(last_label, "0123456789") == strlen(last_label))
        validation_problem(validation, "address",
                           "must be an IPv4 or IPv6 address (without brackets) or a DNS name");
}

static void validate_endpoint(struct validation *validation, const EndpointMessage *endpoint)
{
    bool has_address = endpoint->address[0] != '\0';
    bool has_unix_path = endpoint->unix_path[0] != '\0';
    if (has_address == has_unix_path)
        validation_problem(validation, NULL,
                           "must have either an address or the path of a Unix socket");
    else if (has_unix_path)
        validate_unix_path(validation, endpoint);
    else
        validate_address(validation, endpoint->address);

    validate_port(validation, "port", endpoint->port);
    if (endpoint->weight_presence_case == POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT)
        validate_weight(validation, endpoint->weight);
}

/* --- ports ---------------------------------------------------------------------------------- */

/* An IP address can stand in a certificate, a path cannot. */
static bool has_nameless_endpoint(const BackendMessage *backend)
{
    for (size_t i = 0; i < backend->n_endpoints; i++) {
        if (backend->endpoints[i]->unix_path[0] != '\0')
            return true;
    }
    return false;
}

/* Of the backend, or of one of its ports. */
static void validate_app_protocol(struct validation *validation, const BackendMessage *backend,
                                  const char *name)
{
    bool is_tls_enabled = backend->tls != NULL && backend->tls->enabled;
    const struct app_protocol *found = app_protocol_find(name);
    if (found == NULL)
        validation_problem(validation, "app_protocol", "must be one of %s", app_protocol_names);
    else if (found->security == SECURITY_NEVER && is_tls_enabled)
        validation_problem(validation, "app_protocol",
                           "'%s' is in clear and does not go together with tls", name);
    else if (found->security == SECURITY_ALWAYS && !is_tls_enabled &&
             has_nameless_endpoint(backend))
        validation_problem(validation, "app_protocol",
                           "'%s' needs a server name for TLS to endpoints that are Unix sockets",
                           name);
}

static void validate_backend_port(struct validation *validation, const BackendMessage *backend,
                                  size_t index)
{
    const Pointsman__V1__BackendPort *port = backend->ports[index];
    if (port->name[0] != '\0' && !is_dns_label(slice_from_string(port->name)))
        validation_problem(validation, "name", "must be lower-case letters, digits and '-'");
    if (port->port == 0)
        validation_problem(validation, "port", "must be between 1 and 65535");
    validate_port(validation, "port", port->port);
    validate_port(validation, "target_port", port->target_port);
    validate_app_protocol(validation, backend, port->app_protocol);
    if (port->protocol[0] != '\0' && strcmp(port->protocol, "TCP") != 0)
        validation_problem(validation, "protocol", "must be TCP");

    for (size_t i = 0; i < index; i++) {
        if (backend->ports[i]->port == port->port) {
            validation_problem(validation, "port", "is given twice: %u", port->port);
            break;
        }
    }
}

bool backend_ref_port_check(const BackendMessage *backend, uint32_t ref_port, struct error *err)
{
    return endpoint_list_check_port(backend, ref_port, err);
}

bool backend_ref_speaks_http2(const BackendMessage *backend, uint32_t ref_port)
{
    return app_protocol_of(backend, ref_port)->protocol == ENDPOINT_HTTP2;
}

/* --- policies ------------------------------------------------------------------------------- */

static void validate_hash_on(struct validation *validation,
                             const Pointsman__V1__LoadBalancing *balancing)
{
    switch (balancing->hash_on_case) {
    case POINTSMAN__V1__LOAD_BALANCING__HASH_ON__NOT_SET:
        return;
    case POINTSMAN__V1__LOAD_BALANCING__HASH_ON_HEADER:
        validate_header_name(validation, "header", balancing->header);
        break;
    case POINTSMAN__V1__LOAD_BALANCING__HASH_ON_COOKIE:
        validate_header_name(validation, "cookie", balancing->cookie);
        break;
    case POINTSMAN__V1__LOAD_BALANCING__HASH_ON_SOURCE_ADDRESS:
    case _POINTSMAN__V1__LOAD_BALANCING__HASH_ON__CASE_IS_INT_SIZE:
        break;
    }
    if (balancing->policy !=
        POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH)
        validation_problem(validation, NULL, "hashes on something without being ConsistentHash");
}

static void validate_load_balancing(struct validation *validation,
                                    const Pointsman__V1__LoadBalancing *balancing)
{
    if (protobuf_c_enum_descriptor_get_value(&pointsman__v1__load_balancing_policy__descriptor,
                                             (int)balancing->policy) == NULL)
        validation_problem(validation, "policy", "is unknown: %d", (int)balancing->policy);
    validate_hash_on(validation, balancing);
    validate_duration(validation, "slow_start", balancing->slow_start);
}

/* What a check of another type would not look at. */
static void validate_health_check_type(struct validation *validation,
                                       const Pointsman__V1__HealthCheck *check)
{
    bool is_grpc = check->type == POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_GRPC;
    if (is_grpc && check->path[0] != '\0')
        validation_problem(validation, "path", "does not go with the type GRPC");
    if (is_grpc && check->n_expected_statuses > 0)
        validation_problem(validation, "expected_statuses", "does not go with the type GRPC");
    if (!is_grpc && check->service[0] != '\0')
        validation_problem(validation, "service", "goes with the type GRPC alone");
    if (strlen(check->service) > HEALTH_SERVICE_BYTES_MAX)
        validation_problem(validation, "service", "must be at most %d bytes",
                           HEALTH_SERVICE_BYTES_MAX);
}

static void validate_health_check(struct validation *validation,
                                  const Pointsman__V1__HealthCheck *check)
{
    validate_health_check_type(validation, check);
    if (protobuf_c_enum_descriptor_get_value(&pointsman__v1__health_check_type__descriptor,
                                             (int)check->type) == NULL)
        validation_problem(validation, "type", "is unknown: %d", (int)check->type);
    if (check->path[0] != '\0' && check->path[0] != '/')
        validation_problem(validation, "path", "must start with '/'");
    for (const char *at = check->path; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            validation_problem(validation, "path", "must not have spaces or control characters");
            break;
        }
    }
    if (check->host[0] != '\0' && !is_dns_subdomain(slice_from_string(check->host)))
        validation_problem(validation, "host", "must be a DNS name");

    validate_duration(validation, "interval", check->interval);
    validate_duration(validation, "timeout", check->timeout);
    if (check->interval != NULL && duration_milliseconds(check->interval) == 0)
        validation_problem(validation, "interval", "must not be zero");
    if (check->timeout != NULL && duration_milliseconds(check->timeout) == 0)
        validation_problem(validation, "timeout", "must not be zero");

    if (check->n_expected_statuses > MAX_EXPECTED_STATUSES) {
        validation_problem(validation, "expected_statuses", "must be at most %d",
                           MAX_EXPECTED_STATUSES);
        return;
    }
    for (size_t i = 0; i < check->n_expected_statuses; i++) {
        if (check->expected_statuses[i] >= 100 && check->expected_statuses[i] <= 599)
            continue;
        size_t mark = validation_enter_item(validation, "expected_statuses", i);
        validation_problem(validation, NULL, "must be between 100 and 599");
        validation_leave(validation, mark);
    }
}

static void validate_passive_health(struct validation *validation,
                                    const Pointsman__V1__PassiveHealth *passive)
{
    validate_duration(validation, "base_ejection", passive->base_ejection);
    validate_duration(validation, "max_ejection", passive->max_ejection);
    if (passive->base_ejection != NULL && passive->max_ejection != NULL &&
        duration_milliseconds(passive->base_ejection) >
            duration_milliseconds(passive->max_ejection))
        validation_problem(validation, "base_ejection", "must not exceed the longest ejection");
    if (passive->max_ejected_percent_presence_case ==
            POINTSMAN__V1__PASSIVE_HEALTH__MAX_EJECTED_PERCENT_PRESENCE_MAX_EJECTED_PERCENT &&
        passive->max_ejected_percent > 100)
        validation_problem(validation, "max_ejected_percent", "must be at most 100");
    if (passive->panic_percent_presence_case ==
            POINTSMAN__V1__PASSIVE_HEALTH__PANIC_PERCENT_PRESENCE_PANIC_PERCENT &&
        passive->panic_percent > 100)
        validation_problem(validation, "panic_percent", "must be at most 100");
}

static void validate_tls(struct validation *validation, const BackendMessage *backend)
{
    const Pointsman__V1__EndpointTls *tls = backend->tls;
    if (tls->enabled && !tls->skip_verification && tls->server_name[0] == '\0' &&
        has_nameless_endpoint(backend))
        validation_problem(validation, "server_name",
                           "must be given for endpoints that are Unix sockets");
    if (tls->server_name[0] != '\0')
        validate_precise_hostname(validation, "server_name", tls->server_name);
    if (tls->ca_file[0] != '\0' && tls->ca_file[0] != '/')
        validation_problem(validation, "ca_file", "must be an absolute path");
    if (!tls->enabled &&
        (tls->server_name[0] != '\0' || tls->skip_verification || tls->ca_file[0] != '\0'))
        validation_problem(validation, "enabled",
                           "must be true for the other fields to mean "
                           "anything");
}

/* --- the whole ------------------------------------------------------------------------------ */

static void validate_lists(struct validation *validation, const BackendMessage *backend)
{
    if (backend->n_endpoints > MAX_ENDPOINTS)
        validation_problem(validation, "endpoints", "must be at most %d", MAX_ENDPOINTS);
    else
        for (size_t i = 0; i < backend->n_endpoints; i++) {
            size_t mark = validation_enter_item(validation, "endpoints", i);
            validate_endpoint(validation, backend->endpoints[i]);
            validation_leave(validation, mark);
        }

    if (backend->n_ports > MAX_PORTS)
        validation_problem(validation, "ports", "must be at most %d", MAX_PORTS);
    else
        for (size_t i = 0; i < backend->n_ports; i++) {
            size_t mark = validation_enter_item(validation, "ports", i);
            validate_backend_port(validation, backend, i);
            validation_leave(validation, mark);
        }
}

bool backend_validate(const BackendMessage *backend, validate_report_fn *report, void *context)
{
    struct validation validation;
    validation_init(&validation, report, context);

    validate_object_name(&validation, "name", backend->name);
    validate_labels(&validation, backend->labels, backend->n_labels);
    validate_lists(&validation, backend);
    validate_app_protocol(&validation, backend, backend->app_protocol);

    size_t mark;
    if (backend->load_balancing != NULL) {
        mark = validation_enter(&validation, "load_balancing");
        validate_load_balancing(&validation, backend->load_balancing);
        validation_leave(&validation, mark);
    }
    if (backend->health_check != NULL) {
        mark = validation_enter(&validation, "health_check");
        validate_health_check(&validation, backend->health_check);
        validation_leave(&validation, mark);
    }
    if (backend->passive_health != NULL) {
        mark = validation_enter(&validation, "passive_health");
        validate_passive_health(&validation, backend->passive_health);
        validation_leave(&validation, mark);
    }
    if (backend->tls != NULL) {
        mark = validation_enter(&validation, "tls");
        validate_tls(&validation, backend);
        validation_leave(&validation, mark);
    }
    validate_duration(&validation, "connect_timeout", backend->connect_timeout);
    if (backend->connect_timeout != NULL && duration_milliseconds(backend->connect_timeout) == 0)
        validation_problem(&validation, "connect_timeout", "must not be zero");

    return validation.is_valid;
}
