#include "common/buffer.h"
#include "common/event_loop.h"
#include "control/explain_service.h"
#include "control/shadow_index.h"
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

/* What becomes of the request: the status of the proxy's own answer, 0 when it is forwarded. */
static unsigned status_of(const Pointsman__V1__Outcome *outcome)
{
    assert_non_null(outcome);
    return outcome->kind_case == POINTSMAN__V1__OUTCOME__KIND_ANSWER ? outcome->answer->status : 0;
}

static void explain_fails(struct services_fixture *fixture,
                          const Pointsman__V1__ExplainRequest *request, enum grpc_status status,
                          const char *message)
{
    struct grpc_call *call = fake_call_new();
    explain_service_explain(fixture->services.explain, call, request);
    while (!fake_call_has_ended(call))
        event_loop_run_once(fixture->loop, 0);
    assert_int_equal(fake_call_status(call), status);
    assert_non_null(strstr(fake_call_message(call), message));
    fake_call_free(call);
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
    assert_null(response->outcome);
    assert_int_equal(status_of(response->winner->backends[0]->outcome), 500);
    message_free(&response->base);
}

static void a_rule_that_goes_nowhere_goes_nowhere(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_true(response->winner->goes_nowhere);
    assert_int_equal(status_of(response->outcome), 500);
    message_free(&response->base);
}

static void a_port_that_leads_to_no_backend_is_missing(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *mutation = put_backend("b", 9000);
    Pointsman__V1__BackendPort port = POINTSMAN__V1__BACKEND_PORT__INIT, *ports[] = {&port};
    port.port = 80;
    mutation->put_backend->n_ports = 1;
    mutation->put_backend->ports = ports;
    MutationMessage *route = put_route("a", "b");
    route->put_route->rules[0]->backend_refs[0]->port = 81;
    apply_ok(fixture, make_apply(route, mutation, NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_true(response->winner->backends[0]->missing);
    assert_int_equal(status_of(response->winner->backends[0]->outcome), 500);
    assert_non_null(
        strstr(response->winner->backends[0]->outcome->answer->reason, "has no port 81"));
    message_free(&response->base);
}

static void the_request_is_told_as_it_is_forwarded(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__Filter filter = POINTSMAN__V1__FILTER__INIT, *filters[] = {&filter};
    Pointsman__V1__UrlRewrite rewrite = POINTSMAN__V1__URL_REWRITE__INIT;
    MutationMessage *mutation = put_route("a", "b");
    rewrite.hostname = (char *)"inner";
    filter.kind_case = POINTSMAN__V1__FILTER__KIND_URL_REWRITE;
    filter.url_rewrite = &rewrite;
    mutation->put_route->rules[0]->n_filters = 1;
    mutation->put_route->rules[0]->filters = filters;
    apply_ok(fixture, make_apply(mutation, put_backend("b", 9000), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h:8080/%7ea?b=c");

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_int_equal(status_of(response->winner->backends[0]->outcome), 0);
    const Pointsman__V1__ForwardedRequest *forwarded =
        response->winner->backends[0]->outcome->forwarded;
    assert_string_equal(forwarded->method, "GET");
    assert_string_equal(forwarded->target, "/~a?b=c");
    assert_string_equal(forwarded->host, "inner");
    assert_int_equal(forwarded->n_headers, 5);
    assert_string_equal(forwarded->headers[0]->name, "x-forwarded-for");
    assert_string_equal(forwarded->headers[1]->value, "http");
    assert_string_equal(forwarded->headers[2]->value, "h:8080");
    assert_string_equal(forwarded->headers[3]->name, "x-request-id");
    assert_string_equal(forwarded->headers[4]->name, "cdn-loop");
    message_free(&response->base);
}

/* --- other states ---------------------------------------------------------------------------- */

static void a_past_revision_is_asked_as_it_was(void **state)
{
    struct services_fixture *fixture = *state;
    char *hosts[] = {(char *)"h"};
    uint64_t first = apply_ok(fixture, make_apply(put_route("old", "b"), put_route("kept", "b"),
                                                  put_backend("b", 1), NULL));
    apply_ok(fixture, make_apply(delete_route("old"), put_route_for("new", hosts, "b"), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");

    Pointsman__V1__ExplainResponse *now = explain(fixture, &request);
    request.at_revision = first;
    Pointsman__V1__ExplainResponse *then = explain(fixture, &request);

    assert_string_equal(now->winner->rule->route, "new");
    assert_string_equal(then->winner->rule->route, "kept");
    assert_int_equal(then->left_out, 1);
    assert_int_equal(then->revision, first);
    message_free(&now->base);
    message_free(&then->base);
}

static void a_revision_ahead_of_the_head_is_out_of_range(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    request.at_revision = 7;

    explain_fails(fixture, &request, GRPC_OUT_OF_RANGE, "revision 7 is ahead of the head");
}

static void candidates_take_the_place_of_what_is_there(void **state)
{
    struct services_fixture *fixture = *state;
    char *other[] = {(char *)"other"};
    apply_ok(fixture,
             make_apply(put_route("a", "b"), put_route("z", "b"), put_backend("b", 1), NULL));
    MutationMessage *moved[] = {put_route_for("a", other, "b"), put_route("y", "fresh"),
                                delete_backend("b"), put_backend("fresh", 2)};
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    request.n_mutations = 4;
    request.mutations = moved;

    Pointsman__V1__ExplainResponse *here = explain(fixture, &request);
    request.url = (char *)"http://other/";
    Pointsman__V1__ExplainResponse *there = explain(fixture, &request);
    request.n_mutations = 0;
    Pointsman__V1__ExplainResponse *live = explain(fixture, &request);

    assert_string_equal(here->winner->rule->route, "z"); /* older than y would be */
    assert_int_equal(here->left_out, 1);
    assert_true(here->winner->backends[0]->missing);
    assert_string_equal(there->winner->rule->route, "a");
    assert_string_equal(live->winner->rule->route, "a");
    assert_false(live->winner->backends[0]->missing);
    assert_int_equal(live->revision, 1);
    message_free(&here->base);
    message_free(&there->base);
    message_free(&live->base);
}

static void a_bad_candidate_is_named_by_its_field(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *mutations[] = {put_backend("b", 1), put_route("A", "b")};
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    request.n_mutations = 2;
    request.mutations = mutations;

    explain_fails(fixture, &request, GRPC_INVALID_ARGUMENT, "mutations[1].put_route.name");
}

static void with_all_rules_of_other_hosts_are_shown(void **state)
{
    struct services_fixture *fixture = *state;
    char *other[] = {(char *)"other"};
    apply_ok(fixture, make_apply(put_route("a", "b"), put_route("b", "b"),
                                 put_route_for("o", other, "b"), put_backend("b", 1), NULL));
    Pointsman__V1__ExplainRequest request = make_request("http://h/");
    request.all = true;

    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);

    assert_int_equal(response->left_out, 0);
    assert_int_equal(response->n_behind, 2);
    assert_string_equal(response->behind[0]->route, "b");
    assert_int_equal(response->behind[0]->reason,
                     POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_UNSPECIFIED);
    assert_string_equal(response->behind[1]->route, "o");
    assert_string_equal(response->behind[1]->hostname, "other");
    assert_int_equal(response->behind[1]->reason,
                     POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HOST);
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

/* --- what is read --------------------------------------------------------------------------- */

static void put_numbered_route(struct services_fixture *fixture, unsigned number,
                               const char *hostname)
{
    char name[32];
    char *hostnames[] = {(char *)hostname};
    snprintf(name, sizeof(name), "n%u", number);
    apply_ok(fixture, make_apply(put_route_for(name, hostnames, "b"), NULL));
}

static uint64_t reads_for(struct services_fixture *fixture, const char *url, const char *winner,
                          uint64_t others)
{
    Pointsman__V1__ExplainRequest request = make_request(url);
    uint64_t before = explain_service_read_count(fixture->services.explain);
    Pointsman__V1__ExplainResponse *response = explain(fixture, &request);
    assert_string_equal(response->winner == NULL ? "" : response->winner->rule->route, winner);
    assert_int_equal(response->other_host_routes, others);
    message_free(&response->base);
    return explain_service_read_count(fixture->services.explain) - before;
}

static void only_routes_of_the_host_are_read(void **state)
{
    struct services_fixture *fixture = *state;
    for (unsigned i = 0; i < 60; i++) {
        char hostname[32];
        snprintf(hostname, sizeof(hostname), "h%u.internal", i);
        put_numbered_route(fixture, i, hostname);
    }
    put_numbered_route(fixture, 60, "*.h7.internal");
    put_numbered_route(fixture, 61, "*.internal");
    apply_ok(fixture, make_apply(put_route("every", "b"), NULL));

    assert_int_equal(reads_for(fixture, "http://h7.internal/", "n7", 60), 3);
    assert_int_equal(reads_for(fixture, "http://a.h7.internal/", "n60", 60), 3);
    assert_int_equal(reads_for(fixture, "http://elsewhere/", "every", 62), 1);

    services_fixture_restart(fixture);
    while (!shadow_index_is_filled(fixture->services.shadows))
        event_loop_run_once(fixture->loop, 1);
    assert_int_equal(reads_for(fixture, "http://h7.internal/", "n7", 60), 3);
}

static void what_has_moved_or_gone_is_not_taken_for_what_it_was(void **state)
{
    struct services_fixture *fixture = *state;
    put_numbered_route(fixture, 1, "a.internal");
    put_numbered_route(fixture, 2, "a.internal");
    put_numbered_route(fixture, 1, "b.internal");
    apply_ok(fixture, make_apply(delete_route("n2"), NULL));

    reads_for(fixture, "http://a.internal/", "", 1);
    reads_for(fixture, "http://b.internal/", "n1", 0);
}

static void of_a_host_with_very_many_routes_all_are_read(void **state)
{
    struct services_fixture *fixture = *state;
    put_many(fixture);

    assert_in_range(reads_for(fixture, "http://a.internal/", "r0", 0), MANY, 2 * MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rule_of_the_host_wins_and_its_backends_are_told),
        TEST(a_missing_backend_is_marked),
        TEST(a_rule_that_goes_nowhere_goes_nowhere),
        TEST(a_port_that_leads_to_no_backend_is_missing),
        TEST(the_request_is_told_as_it_is_forwarded),
        TEST(a_past_revision_is_asked_as_it_was),
        TEST(a_revision_ahead_of_the_head_is_out_of_range),
        TEST(candidates_take_the_place_of_what_is_there),
        TEST(a_bad_candidate_is_named_by_its_field),
        TEST(with_all_rules_of_other_hosts_are_shown),
        TEST(what_does_not_match_is_told_with_its_condition),
        TEST(a_listener_that_nobody_has_is_noted),
        TEST(a_bad_url_is_invalid),
        TEST(others_are_served_while_many_routes_are_read),
        TEST(only_routes_of_the_host_are_read),
        TEST(what_has_moved_or_gone_is_not_taken_for_what_it_was),
        TEST(of_a_host_with_very_many_routes_all_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
