#include "common/buffer.h"
#include "control/commit_group.h"
#include "control/proxy_registry.h"
#include "control/read_service.h"
#include "control/store.h"
#include "tests/support/fault_vfs.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>

static void missing_route_is_not_found(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    request.name = (char *)"a";
    struct grpc_call *call = fake_call_new();

    read_service_get_route(&fixture->services, call, &request.base);

    assert_int_equal(fake_call_status(call), GRPC_NOT_FOUND);
    fake_call_free(call);
}

/* --- lists ---------------------------------------------------------------------------------- */

/* The names of a page, "a b c"; its token goes to `token`. Borrowed until the next call. */
static const char *list(struct services_fixture *fixture,
                        const Pointsman__V1__ListRoutesRequest *request, char token[64])
{
    static char names[4096];
    struct grpc_call *call = fake_call_new();
    read_service_list_routes(&fixture->services, call, &request->base);
    Pointsman__V1__ListRoutesResponse *response =
        (Pointsman__V1__ListRoutesResponse *)fake_call_answer(
            call, &pointsman__v1__list_routes_response__descriptor);
    assert_non_null(response);
    names[0] = '\0';
    for (size_t i = 0; i < response->n_routes; i++) {
        strcat(names, i == 0 ? "" : " ");
        strcat(names, response->routes[i]->name);
    }
    snprintf(token, 64, "%s", response->next_page_token);
    message_free(&response->base);
    fake_call_free(call);
    return names;
}

static void put_routes(struct services_fixture *fixture)
{
    MutationMessage *b = put_route("b", "");
    MutationMessage *d = put_route("d", "");
    static LabelMessage label;
    static LabelMessage *labels[] = {&label};
    pointsman__v1__label__init(&label);
    label.key = (char *)"team";
    label.value = (char *)"x";
    b->put_route->n_labels = d->put_route->n_labels = 1;
    b->put_route->labels = d->put_route->labels = labels;
    apply_ok(fixture,
             make_apply(put_route("c", ""), put_route("a", ""), b, d, put_backend("e", 1), NULL));
}

static void pages_go_by_name_to_the_end(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    char token[64];
    put_routes(fixture);

    request.page_size = 3;
    assert_string_equal(list(fixture, &request, token), "a b c");
    request.page_token = token;
    assert_string_equal(list(fixture, &request, token), "d");

    assert_string_equal(token, "");
}

static void pages_stay_at_the_revision_of_the_first(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    char token[64];
    put_routes(fixture);

    request.page_size = 2;
    assert_string_equal(list(fixture, &request, token), "a b");
    apply_ok(fixture, make_apply(delete_route("c"), put_route("cc", ""), NULL));
    request.page_token = token;
    assert_string_equal(list(fixture, &request, token), "c d");

    assert_string_equal(token, "");
}

static void lists_show_a_revision_of_the_past(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    char token[64];
    put_routes(fixture);
    apply_ok(fixture, make_apply(delete_route("a"), put_route("x", ""), NULL));

    assert_string_equal(list(fixture, &request, token), "b c d x");
    request.at_revision = 1;
    assert_string_equal(list(fixture, &request, token), "a b c d");
    request.at_revision = 0;
    request.at_time_ms = UINT64_MAX;
    assert_string_equal(list(fixture, &request, token), "b c d x");
}

/* The status of a call for route "a". */
static enum grpc_status get_status(struct services_fixture *fixture,
                                   const Pointsman__V1__GetRouteRequest *request)
{
    struct grpc_call *call = fake_call_new();
    read_service_get_route(&fixture->services, call, &request->base);
    enum grpc_status status = fake_call_status(call);
    fake_call_free(call);
    return status;
}

static void removed_route_is_still_there_in_the_past(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    request.name = (char *)"a";
    put_routes(fixture);
    apply_ok(fixture, make_apply(delete_route("a"), NULL));

    assert_int_equal(get_status(fixture, &request), GRPC_NOT_FOUND);
    request.at_revision = 1;
    assert_int_equal(get_status(fixture, &request), GRPC_OK);
    request.at_revision = 3;
    assert_int_equal(get_status(fixture, &request), GRPC_OUT_OF_RANGE);
    request.at_revision = 1;
    request.at_time_ms = 1;
    assert_int_equal(get_status(fixture, &request), GRPC_INVALID_ARGUMENT);
}

static void selector_takes_every_label(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    LabelMessage team = POINTSMAN__V1__LABEL__INIT;
    LabelMessage other = POINTSMAN__V1__LABEL__INIT;
    LabelMessage *selector[] = {&team, &other};
    char token[64];
    put_routes(fixture);
    team.key = (char *)"team";
    team.value = (char *)"x";
    other.key = (char *)"other";
    request.selector = selector;

    request.n_selector = 1;
    assert_string_equal(list(fixture, &request, token), "b d");
    request.n_selector = 2;
    assert_string_equal(list(fixture, &request, token), "");
    assert_string_equal(token, "");
}

static void bad_page_is_invalid(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListBackendsRequest request = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    struct grpc_call *large = fake_call_new();
    struct grpc_call *token = fake_call_new();

    request.page_size = 1001;
    read_service_list_backends(&fixture->services, large, &request.base);
    request.page_size = 1;
    request.page_token = (char *)"No Name";
    read_service_list_backends(&fixture->services, token, &request.base);

    assert_int_equal(fake_call_status(large), GRPC_INVALID_ARGUMENT);
    assert_int_equal(fake_call_status(token), GRPC_INVALID_ARGUMENT);
    fake_call_free(large);
    fake_call_free(token);
}

static void info_says_why_no_writes_are_taken(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__GetInfoRequest request = POINTSMAN__V1__GET_INFO_REQUEST__INIT;
    fault_vfs_fail(FAULT_DISK_FULL, 0);
    struct grpc_call *put = start_apply(fixture, make_apply(put_route("a", ""), NULL));
    commit_group_flush(fixture->services.commits);
    fault_vfs_fail(FAULT_NONE, 0);
    struct grpc_call *call = fake_call_new();

    read_service_get_info(&fixture->services, call, &request.base);

    Pointsman__V1__GetInfoResponse *response = (Pointsman__V1__GetInfoResponse *)fake_call_answer(
        call, &pointsman__v1__get_info_response__descriptor);
    assert_string_equal(response->read_only_reason, "the disk of the database is full");
    assert_string_equal(response->epoch, store_epoch(fixture->services.store));
    message_free(&response->base);
    fake_call_free(put);
    fake_call_free(call);
}

/* --- waiting -------------------------------------------------------------------------------- */

/* A proxy as the feed would leave it. `watcher` only has to be something. */
static struct proxy *add_proxy(struct services_fixture *fixture, const char *id, uint64_t revision)
{
    static char something;
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    request.proxy_id = (char *)id;
    struct proxy *proxy = proxy_registry_admit(fixture->services.proxies, &request);
    proxy->watcher = (struct watcher *)&something;
    proxy->revision = revision;
    proxy->digest_matches = true;
    return proxy;
}

static void lose_proxy(struct services_fixture *fixture, struct proxy *proxy)
{
    proxy->watcher = NULL;
    proxy->lost_ms = fixture->now_ms;
}

static struct grpc_call *start_wait(struct services_fixture *fixture, uint64_t revision)
{
    Pointsman__V1__WaitAppliedRequest request = POINTSMAN__V1__WAIT_APPLIED_REQUEST__INIT;
    request.revision = revision;
    struct grpc_call *call = fake_call_new();
    read_service_wait_applied(&fixture->services, call, &request.base);
    return call;
}

/* Ends the call and checks who is where: "applied pending rejected disconnected" as counts. */
static void expect_waited(struct grpc_call *call, const char *counts)
{
    Pointsman__V1__WaitAppliedResponse *response =
        (Pointsman__V1__WaitAppliedResponse *)fake_call_answer(
            call, &pointsman__v1__wait_applied_response__descriptor);
    char found[64];
    assert_non_null(response);
    snprintf(found, sizeof(found), "%zu %zu %zu %zu", response->n_applied, response->n_pending,
             response->n_rejected, response->n_disconnected);
    assert_string_equal(found, counts);
    message_free(&response->base);
    fake_call_free(call);
}

static void without_proxies_nothing_is_waited_for(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));

    expect_waited(start_wait(fixture, 0), "0 0 0 0");
}

static void wait_ends_when_the_last_proxy_has_applied(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    struct proxy *first = add_proxy(fixture, "p1", 1);
    struct proxy *second = add_proxy(fixture, "p2", 0);
    struct grpc_call *call = start_wait(fixture, 1);

    services_fixture_pass(fixture, 1000);
    assert_false(fake_call_has_ended(call));
    second->revision = 1;
    services_fixture_pass(fixture, 1000);

    expect_waited(call, "2 0 0 0");
    lose_proxy(fixture, first);
    lose_proxy(fixture, second);
}

static void wait_ends_with_its_time(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    struct proxy *proxy = add_proxy(fixture, "p1", 0);
    struct grpc_call *call = start_wait(fixture, 1);

    for (int i = 0; i < 10; i++) {
        assert_false(fake_call_has_ended(call));
        services_fixture_pass(fixture, 1000);
    }

    expect_waited(call, "0 1 0 0");
    lose_proxy(fixture, proxy);
}

static void lost_proxy_is_waited_for_for_a_minute(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__WaitAppliedRequest request = POINTSMAN__V1__WAIT_APPLIED_REQUEST__INIT;
    DurationMessage timeout = GOOGLE__PROTOBUF__DURATION__INIT;
    struct proxy *proxy = add_proxy(fixture, "p1", 0);
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    lose_proxy(fixture, proxy);
    timeout.seconds = 0;
    request.timeout = &timeout;
    struct grpc_call *impatient = fake_call_new();
    read_service_wait_applied(&fixture->services, impatient, &request.base);
    expect_waited(impatient, "0 0 0 1");

    timeout.seconds = 100;
    struct grpc_call *call = fake_call_new();
    read_service_wait_applied(&fixture->services, call, &request.base);
    services_fixture_pass(fixture, 59000);
    assert_false(fake_call_has_ended(call));
    services_fixture_pass(fixture, 1000);

    expect_waited(call, "0 0 0 0");
}

static void rejection_ends_the_wait(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    struct proxy *proxy = add_proxy(fixture, "p1", 0);
    proxy_set_rejection(proxy, 1, "no", NULL, 0);

    expect_waited(start_wait(fixture, 1), "0 0 1 0");

    lose_proxy(fixture, proxy);
}

static void revision_ahead_of_the_head_is_out_of_range(void **state)
{
    struct services_fixture *fixture = *state;

    struct grpc_call *call = start_wait(fixture, 1);

    assert_int_equal(fake_call_status(call), GRPC_OUT_OF_RANGE);
    fake_call_free(call);
}

static void cancelled_wait_is_forgotten(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_route("a", ""), NULL));
    struct proxy *proxy = add_proxy(fixture, "p1", 0);
    struct grpc_call *call = start_wait(fixture, 1);

    fake_call_cancel(call);
    services_fixture_pass(fixture, 20000);

    assert_int_equal(fake_call_status(call), GRPC_CANCELLED);
    fake_call_free(call);
    lose_proxy(fixture, proxy);
}

/* --- proxies -------------------------------------------------------------------------------- */

static void proxies_are_listed_with_how_long_they_are_behind(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ListProxiesRequest request = POINTSMAN__V1__LIST_PROXIES_REQUEST__INIT;
    struct proxy *proxy = add_proxy(fixture, "p1", 3);
    proxy->behind_since_ms = fixture->now_ms - 250;
    struct grpc_call *call = fake_call_new();

    read_service_list_proxies(&fixture->services, call, &request.base);

    Pointsman__V1__ListProxiesResponse *response =
        (Pointsman__V1__ListProxiesResponse *)fake_call_answer(
            call, &pointsman__v1__list_proxies_response__descriptor);
    assert_int_equal(response->n_proxies, 1);
    assert_string_equal(response->proxies[0]->id, "p1");
    assert_true(response->proxies[0]->connected);
    assert_int_equal(response->proxies[0]->behind_ms, 250);
    message_free(&response->base);
    fake_call_free(call);
    lose_proxy(fixture, proxy);
}

static void longest_lost_proxy_makes_room(void **state)
{
    struct services_fixture *fixture = *state;
    struct proxy_registry *registry = fixture->services.proxies;
    char id[16];
    for (int i = 0; i < PROXIES_MAX; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        lose_proxy(fixture, add_proxy(fixture, id, 0));
        fixture->now_ms++;
    }
    proxy_registry_find(registry, "p0", "")->lost_ms = fixture->now_ms;

    lose_proxy(fixture, add_proxy(fixture, "new", 0));

    assert_int_equal(proxy_registry_count(registry), PROXIES_MAX);
    assert_null(proxy_registry_find(registry, "p1", ""));
    assert_non_null(proxy_registry_find(registry, "p0", ""));
}

static void listeners_of_connected_proxies_are_known(void **state)
{
    struct services_fixture *fixture = *state;
    struct proxy_registry *registry = fixture->services.proxies;
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    Pointsman__V1__Listener listener = POINTSMAN__V1__LISTENER__INIT;
    Pointsman__V1__Listener *listeners[] = {&listener};
    listener.name = (char *)"web";
    listener.port = 80;
    request.proxy_id = (char *)"p1";
    request.n_listeners = 1;
    request.listeners = listeners;

    struct proxy *proxy = proxy_registry_admit(registry, &request);
    assert_false(proxy_registry_has_listener(registry, "web", 0));
    proxy->watcher = (struct watcher *)fixture;

    assert_true(proxy_registry_has_listener(registry, "web", 0));
    assert_true(proxy_registry_has_listener(registry, "", 80));
    assert_false(proxy_registry_has_listener(registry, "web", 81));
    assert_false(proxy_registry_has_listener(registry, "admin", 0));
    lose_proxy(fixture, proxy);
}

#define test(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        test(missing_route_is_not_found),
        test(pages_go_by_name_to_the_end),
        test(pages_stay_at_the_revision_of_the_first),
        test(lists_show_a_revision_of_the_past),
        test(removed_route_is_still_there_in_the_past),
        test(selector_takes_every_label),
        test(bad_page_is_invalid),
        test(info_says_why_no_writes_are_taken),
        test(without_proxies_nothing_is_waited_for),
        test(wait_ends_when_the_last_proxy_has_applied),
        test(wait_ends_with_its_time),
        test(lost_proxy_is_waited_for_for_a_minute),
        test(rejection_ends_the_wait),
        test(revision_ahead_of_the_head_is_out_of_range),
        test(cancelled_wait_is_forgotten),
        test(proxies_are_listed_with_how_long_they_are_behind),
        test(longest_lost_proxy_makes_room),
        test(listeners_of_connected_proxies_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
