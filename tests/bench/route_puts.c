#include "tests/bench/route_puts.h"

#include "proto/message.h"
#include "tests/support/check.h"

#include <stdio.h>

enum { APPLY_MS = 60000 };

void route_put_fill(struct route_put *put, size_t number, size_t host, const char *prefix)
{
    snprintf(put->name, sizeof(put->name), "route-%zu", number);
    snprintf(put->host, sizeof(put->host), "host-%zu.internal", host);
    snprintf(put->backend, sizeof(put->backend), "backend-%zu", number % ROUTE_PUT_BACKENDS);
    snprintf(put->prefix, sizeof(put->prefix), "%s", prefix);

    pointsman__v1__path_match__init(&put->path);
    put->path.type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
    put->path.value = put->prefix;
    pointsman__v1__route_match__init(&put->match);
    put->match.path = &put->path;
    put->matches[0] = &put->match;
    pointsman__v1__backend_ref__init(&put->ref);
    put->ref.name = put->backend;
    put->refs[0] = &put->ref;
    pointsman__v1__route_rule__init(&put->rule);
    put->rule.matches = put->matches;
    put->rule.n_matches = 1;
    put->rule.backend_refs = put->refs;
    put->rule.n_backend_refs = 1;
    put->rules[0] = &put->rule;
    put->hostnames[0] = put->host;
    pointsman__v1__route__init(&put->route);
    put->route.name = put->name;
    put->route.hostnames = put->hostnames;
    put->route.n_hostnames = 1;
    put->route.rules = put->rules;
    put->route.n_rules = 1;
    pointsman__v1__mutation__init(&put->mutation);
    put->mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    put->mutation.put_route = &put->route;
}

uint64_t route_puts_apply(struct grpc_client *client, struct route_put *puts, size_t count)
{
    MutationMessage *mutations[ROUTE_PUTS_MAX];
    Pointsman__V1__ApplyRequest request = POINTSMAN__V1__APPLY_REQUEST__INIT;
    CHECK(count <= ROUTE_PUTS_MAX, "%zu routes in one commit", count);
    for (size_t i = 0; i < count; i++)
        mutations[i] = &puts[i].mutation;
    request.mutations = mutations;
    request.n_mutations = count;
    struct grpc_result result = {0};
    Pointsman__V1__ApplyResponse *response = (Pointsman__V1__ApplyResponse *)grpc_client_call(
        client, "/pointsman.v1.RouteControl/Apply", &request.base,
        &pointsman__v1__apply_response__descriptor, APPLY_MS, &result);
    CHECK(response != NULL, "Apply: %s", result.message);
    uint64_t revision = response->revision;
    message_free(&response->base);
    grpc_result_clear(&result);
    return revision;
}
