#include "common/buffer.h"
#include "common/event_loop.h"
#include "control/explain_service.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>

static Pointsman__V1__ExplainRequest make_request(const char *url)
{
    Pointsman__V1__ExplainRequest request = POINTSMAN__V1__EXPLAIN_REQUEST__INIT;
    request.url = (char *)url;
    return request;
}

/* Free with message_free. */
static Pointsman__V1__ExplainResponse *explain(struct services_fixture *fixture,
                                               const Pointsman__V1__ExplainRequest *request)
{
    struct grpc_call *call = fake_call_new();
    explain_service_explain(fixture->services.explain, call, request);
    while (!fake_call_has_ended(call))
        event_loop_run_once(fixture->loop, 0);
    assert_string_equal(fake_call_message(call), "");
    Pointsman__V1__ExplainResponse *response = (Pointsman__V1__ExplainResponse *)fake_call_answer(
        call, &pointsman__v1__explain_response__descriptor);
    assert_non_null(response);
    fake_call_free(call);
    return response;
}

static MutationMessage *put_route_for(const char *name, char **hostname, const char *backend)
{
    MutationMessage *mutation = put_route(name, backend);
    mutation->put_route->n_hostnames = 1;
    mutation->put_route->hostnames = hostname;
    return mutation;
}

static void the_rule_of_the_host_wins_and_its_backends_are_told(void **state)
{
    struct services_fixture *fixture = *state;
    char *shop[] = {(char *)"shop.internal"};
    char *other[] = {(char *)"other.internal"};
    apply_ok(fixture, make_apply(put_route_for("shop", shop, "b"), put_route_for("o", other, "b"),
                                 put_route("every", "gone"), put_backend("b", 1), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://SHOP.internal:80/%7ea?b=c");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_string_equal(response->host, "shop.internal");
    assert_string_equal(response->path, "/~a");
    assert_string_equal(response->query, "b=c");
    assert_string_equal(response->method, "GET");
    assert_int_equal(response->revision, 1);
    assert_int_equal(response->other_host_routes, 1);
    assert_int_equal(response->n_considered, 0);
    assert_string_equal(response->winner->rule->route, "shop");
    assert_string_equal(response->winner->rule->hostname, "shop.internal");
    assert_int_equal(response->winner->n_backends, 1);
    assert_string_equal(response->winner->backends[0]->backend, "b");
    assert_int_equal(response->winner->backends[0]->weight, 1);
    assert_false(response->winner->backends[0]->missing);
    message_free(&response->base);
}

static void a_missing_backend_is_marked(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", "gone"), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_true(response->winner->backends[0]->missing);
    assert_false(response->winner->goes_nowhere);
    message_free(&response->base);
}

static void a_rule_that_goes_nowhere_goes_nowhere(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_true(response->winner->goes_nowhere);
    message_free(&response->base);
}

static void what_does_not_match_is_told_with_its_condition(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *mutation = put_route("a", "b");
    HeaderMatchMessage header = POINTSMAN__V1__HEADER_MATCH__INIT, *headers[] = {&header};
    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT, *matches[] = {&match};
    header.name = (char *)"version";
    header.value = (char *)"two";
    match.n_headers = 1;
    match.headers = headers;
    mutation->put_route->rules[0]->n_matches = 1;
    mutation->put_route->rules[0]->matches = matches;
    apply_ok(fixture, make_apply(mutation, NULL));
    Pointsman__V1__HttpHeader sent = POINTSMAN__V1__HTTP_HEADER__INIT, *sent_list[] = {&sent};
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    sent.name = (char *)"x_version";
    sent.value = (char *)"two";
    request.n_headers = 1;
    request.headers = sent_list;

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_null(response->winner);
    assert_int_equal(response->n_considered, 1);
    assert_int_equal(response->considered[0]->reason,
                     POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HEADER);
    assert_string_equal(response->considered[0]->condition, "version");
    assert_string_equal(response->considered[0]->match->headers[0]->value, "two");
    assert_int_equal(response->n_notes, 1);
    assert_non_null(strstr(response->notes[0], "x_version"));
    message_free(&response->base);
}

static void a_listener_that_nobody_has_is_noted(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    request.listener = (char *)"web";

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_string_equal(response->listener, "web");
    assert_int_equal(response->n_notes, 1);
    assert_null(response->winner);
    message_free(&response->base);
}

static void a_bad_url_is_invalid(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ExplainRequest request = make_request("http://h/../");
    struct grpc_call *call = fake_call_new();

    explain_service_explain(fixture->services.explain, call, &request);

    assert_int_equal(fake_call_status(call), GRPC_INVALID_ARGUMENT);
    assert_memory_equal(fake_call_message(call), "url: ", 5);
    fake_call_free(call);
}

enum { MANY = 20000, BATCH = 10 };

/* More routes than are read in one piece. */
static void put_many(struct services_fixture *fixture)
{
    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    static MutationMessage mutations[MANY], *list[MANY];
    static RouteMessage routes[MANY];
    static char names[MANY][16];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "r%zu", i);
        pointsman__v1__route__init(&routes[i]);
        pointsman__v1__mutation__init(&mutations[i]);
        routes[i].name = names[i];
        mutations[i].operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        mutations[i].put_route = &routes[i];
        list[i] = &mutations[i];
    }
    for (size_t i = 0; i < MANY; i += MANY / BATCH) {
        apply.n_mutations = MANY / BATCH;
        apply.mutations = list + i;
        apply_ok(fixture, &apply);
    }
}

static void others_are_served_while_many_routes_are_read(void **state)
{
    struct services_fixture *fixture = *state;
    put_many(fixture);
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    struct grpc_call *calls[5];

    for (size_t i = 0; i < 5; i++) {
        calls[i] = fake_call_new();
        explain_service_explain(fixture->services.explain, calls[i], &request);
    }

    assert_false(fake_call_has_ended(calls[0]));
    assert_int_equal(fake_call_status(calls[4]), GRPC_RESOURCE_EXHAUSTED);
    fake_call_cancel(calls[1]);
    while (!fake_call_has_ended(calls[0]))
        event_loop_run_once(fixture->loop, 0);
    Pointsman__V1__ExplainResponse *response = (Pointsman__V1__ExplainResponse *)fake_call_answer(
        calls[0], &pointsman__v1__explain_response__descriptor);
    assert_string_equal(response->winner->rule->route, "r0");
    message_free(&response->base);
    for (size_t i = 0; i < 5; i++)
        fake_call_free(calls[i]);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rule_of_the_host_wins_and_its_backends_are_told),
        TEST(a_missing_backend_is_marked),
        TEST(a_rule_that_goes_nowhere_goes_nowhere),
        TEST(what_does_not_match_is_told_with_its_condition),
        TEST(a_listener_that_nobody_has_is_noted),
        TEST(a_bad_url_is_invalid),
        TEST(others_are_served_while_many_routes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
