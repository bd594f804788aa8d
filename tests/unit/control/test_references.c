#include "common/buffer.h"
#include "control/references.h"
#include "tests/unit/cmocka_all.h"

static void append(void *context, const struct reference *reference)
{
    static const char *const uses[] = {[REFERENCE_FORWARD] = "",
                                       [REFERENCE_MIRROR] = " (mirror)",
                                       [REFERENCE_AUTHORIZATION] = " (authorization)"};
    char field[REFERENCE_FIELD_BYTES];
    reference_field(reference, field);
    buffer_printf(context, "%s=%s%s%s\n", field,
                  reference->backend == NULL ? "?" : reference->backend, uses[reference->use],
                  reference->needs_http2 ? " over HTTP/2" : "");
}

static void rules_and_mirrors_are_found_with_their_fields(void **state)
{
    (void)state;
    Pointsman__V1__BackendObjectReference target = POINTSMAN__V1__BACKEND_OBJECT_REFERENCE__INIT;
    Pointsman__V1__RequestMirror mirror = POINTSMAN__V1__REQUEST_MIRROR__INIT;
    FilterMessage filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage *filters[] = {&filter};
    BackendRefMessage plain = POINTSMAN__V1__BACKEND_REF__INIT;
    BackendRefMessage elsewhere = POINTSMAN__V1__BACKEND_REF__INIT;
    BackendRefMessage *references[] = {&plain, &elsewhere};
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteRuleMessage *rules[] = {&rule};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    target.name = (char *)"shadow";
    mirror.backend_ref = &target;
    filter.kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR;
    filter.request_mirror = &mirror;
    plain.name = (char *)"a";
    elsewhere.name = (char *)"b";
    elsewhere.namespace_ = (char *)"other";
    elsewhere.n_filters = 1;
    elsewhere.filters = filters;
    rule.n_filters = 1;
    rule.filters = filters;
    rule.n_backend_refs = 2;
    rule.backend_refs = references;
    route.name = (char *)"team/r";
    route.n_rules = 1;
    route.rules = rules;

    struct buffer found = BUFFER_EMPTY;
    references_each(&route, append, &found);

    assert_string_equal(
        buffer_string(&found),
        "rules[0].filters[0].request_mirror.backend_ref=team/shadow (mirror)\n"
        "rules[0].backend_refs[0]=team/a\n"
        "rules[0].backend_refs[1]=other/b\n"
        "rules[0].backend_refs[1].filters[0].request_mirror.backend_ref=team/shadow (mirror)\n");
    buffer_clear(&found);
}

static void the_authorization_service_of_a_rule_is_found(void **state)
{
    (void)state;
    Pointsman__V1__BackendObjectReference target = POINTSMAN__V1__BACKEND_OBJECT_REFERENCE__INIT;
    Pointsman__V1__ExternalAuth auth = POINTSMAN__V1__EXTERNAL_AUTH__INIT;
    FilterMessage filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage *filters[] = {&filter};
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteRuleMessage *rules[] = {&rule};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    target.name = (char *)"gate";
    auth.backend_ref = &target;
    filter.kind_case = POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH;
    filter.external_auth = &auth;
    rule.n_filters = 1;
    rule.filters = filters;
    route.name = (char *)"team/r";
    route.n_rules = 1;
    route.rules = rules;

    struct buffer found = BUFFER_EMPTY;
    references_each(&route, append, &found);

    assert_string_equal(
        buffer_string(&found),
        "rules[0].filters[0].external_auth.backend_ref=team/gate (authorization)\n");

    Pointsman__V1__GrpcAuth grpc = POINTSMAN__V1__GRPC_AUTH__INIT;
    auth.grpc = &grpc;
    buffer_reset(&found);
    references_each(&route, append, &found);
    assert_string_equal(
        buffer_string(&found),
        "rules[0].filters[0].external_auth.backend_ref=team/gate (authorization) over HTTP/2\n");
    buffer_clear(&found);
}

static void route_without_rules_names_nothing(void **state)
{
    (void)state;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    struct reference_list list = {0};

    references_collect(&route, &list);

    assert_int_equal(list.count, 0);
    reference_list_clear(&list);
}

/* That which serves in a namespace without its own must not be removed unnoticed. */
static void a_backend_for_all_namespaces_counts_as_named(void **state)
{
    (void)state;
    BackendRefMessage plain = POINTSMAN__V1__BACKEND_REF__INIT;
    BackendRefMessage *references[] = {&plain};
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteRuleMessage *rules[] = {&rule};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    struct reference_list list = {0};
    plain.name = (char *)"a";
    rule.n_backend_refs = 1;
    rule.backend_refs = references;
    route.name = (char *)"team/r";
    route.n_rules = 1;
    route.rules = rules;

    references_collect(&route, &list);

    assert_int_equal(list.count, 2);
    assert_string_equal(list.names[0], "team/a");
    assert_string_equal(list.names[1], "a");
    reference_list_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_and_mirrors_are_found_with_their_fields),
        cmocka_unit_test(the_authorization_service_of_a_rule_is_found),
        cmocka_unit_test(route_without_rules_names_nothing),
        cmocka_unit_test(a_backend_for_all_namespaces_counts_as_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
