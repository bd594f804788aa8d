#include "control/endpoint_lint.h"
#include "control/proxy_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdlib.h>
#include <string.h>

enum { PORT = 8080 };

/* A proxy with one listener, as proxies describe theirs. */
static struct proxy *add_proxy(struct proxy_registry *registry, const char *id, const char *address,
                               uint32_t port)
{
    static char something;
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    Pointsman__V1__Listener listener = POINTSMAN__V1__LISTENER__INIT;
    Pointsman__V1__Listener *listeners[] = {&listener};
    listener.name = (char *)"web";
    listener.port = port;
    listener.address = (char *)address;
    request.proxy_id = (char *)id;
    request.n_listeners = 1;
    request.listeners = listeners;
    struct proxy *proxy = proxy_registry_admit(registry, &request);
    proxy->watcher = (struct watcher *)&something;
    return proxy;
}

/* How many warnings a backend with that endpoint gets, with one proxy that listens there. */
static size_t warnings_of(const char *listener, uint32_t listener_port, EndpointMessage *endpoint,
                          uint32_t backend_port)
{
    struct proxy_registry *registry = proxy_registry_new();
    struct proxy *proxy = add_proxy(registry, "p1", listener, listener_port);
    struct endpoint_lint *lint = endpoint_lint_new(registry);
    AnswerMessage *answer = answer_new();
    BackendMessage backend = POINTSMAN__V1__BACKEND__INIT;
    Pointsman__V1__BackendPort port = POINTSMAN__V1__BACKEND_PORT__INIT, *ports[] = {&port};
    backend.name = (char *)"shop";
    backend.endpoints = &endpoint;
    backend.n_endpoints = 1;
    port.port = 80;
    port.target_port = backend_port;
    backend.ports = ports;
    backend.n_ports = backend_port == 0 ? 0 : 1;

    endpoint_lint_warn(lint, &backend, answer);

    size_t count = answer->n_warnings;
    answer_free(answer);
    endpoint_lint_free(lint);
    proxy->watcher = NULL;
    proxy_registry_free(registry);
    return count;
}

static bool is_warned_of(const char *listener, const char *address)
{
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    endpoint.address = (char *)address;
    endpoint.port = PORT;
    return warnings_of(listener, PORT, &endpoint, 0) == 1;
}

/* LOOP-9 */
static void the_address_of_a_listener_is_warned_of(void **state)
{
    (void)state;
    assert_true(is_warned_of("web=127.0.0.1:8080", "127.0.0.1"));
    assert_true(is_warned_of("web=10.0.0.7:8080", "10.0.0.7"));
    assert_true(is_warned_of("web=[2001:db8::1]:8080", "2001:db8:0::1"));
    assert_true(is_warned_of("web=127.0.0.1:8080", "::ffff:127.0.0.1"));
}

/* LOOP-9 */
static void loopback_leads_to_a_listener_on_every_address(void **state)
{
    (void)state;
    assert_true(is_warned_of("web=0.0.0.0:8080", "127.0.0.1"));
    assert_true(is_warned_of("web=0.0.0.0:8080", "127.8.8.8"));
    assert_true(is_warned_of("web=[::]:8080", "127.0.0.1"));
    assert_true(is_warned_of("web=[::]:8080", "::1"));
    assert_true(is_warned_of("web=0.0.0.0:8080", "localhost"));
    assert_true(is_warned_of("web=[::1]:8080", "localhost"));
    assert_false(is_warned_of("web=0.0.0.0:8080", "::1"));
}

/* LOOP-9 */
static void no_address_in_particular_is_loopback(void **state)
{
    (void)state;
    assert_true(is_warned_of("web=127.0.0.1:8080", "0.0.0.0"));
    assert_true(is_warned_of("web=[::1]:8080", "::"));
}

static void other_addresses_are_not(void **state)
{
    (void)state;
    assert_false(is_warned_of("web=127.0.0.1:8080", "127.0.0.2"));
    assert_false(is_warned_of("web=10.0.0.7:8080", "127.0.0.1"));
    assert_false(is_warned_of("web=0.0.0.0:8080", "10.0.0.7"));
    assert_false(is_warned_of("web=0.0.0.0:8080", "shop.internal"));
    assert_false(is_warned_of("web=unix:/run/web.sock", "127.0.0.1"));
    /* From a program of another version, what is no address. */
    assert_false(is_warned_of("", "127.0.0.1"));
    assert_false(is_warned_of("web=[]:8080", "127.0.0.1"));
    assert_false(is_warned_of("web=[:8080", "127.0.0.1"));
    assert_false(is_warned_of("web=no.address:8080", "127.0.0.1"));
}

static void other_ports_are_not(void **state)
{
    (void)state;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    endpoint.address = (char *)"127.0.0.1";
    endpoint.port = PORT;
    assert_int_equal(warnings_of("web=127.0.0.1:8081", 8081, &endpoint, 0), 0);
    assert_int_equal(warnings_of("web=127.0.0.1:8079", 8079, &endpoint, 0), 0);
}

/* LOOP-9 */
static void an_endpoint_without_a_port_has_those_of_its_backend(void **state)
{
    (void)state;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    endpoint.address = (char *)"127.0.0.1";
    assert_int_equal(warnings_of("web=127.0.0.1:8080", PORT, &endpoint, PORT), 1);
    assert_int_equal(warnings_of("web=127.0.0.1:8080", PORT, &endpoint, PORT + 1), 0);
    assert_int_equal(warnings_of("web=127.0.0.1:8080", PORT, &endpoint, 0), 0);
}

/* LOOP-9 */
static void the_path_of_a_unix_listener_is_warned_of(void **state)
{
    (void)state;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    endpoint.unix_path = (char *)"/run/web.sock";
    assert_int_equal(warnings_of("web=unix:/run/web.sock", 0, &endpoint, 0), 1);
    assert_int_equal(warnings_of("web=unix:/run/other.sock", 0, &endpoint, 0), 0);
}

/* LOOP-9 */
static void the_commit_names_backend_endpoint_and_proxy(void **state)
{
    struct services_fixture *fixture = *state;
    struct proxy *first = add_proxy(fixture->services.proxies, "p1", "web=127.0.0.1:7", 7);
    struct proxy *second = add_proxy(fixture->services.proxies, "p2", "web=0.0.0.0:8080", PORT);

    AnswerMessage *answer =
        apply(fixture, make_apply(put_backend("fine", 9000), put_backend("shop", PORT), NULL));

    assert_int_equal(answer->revision, 1);
    assert_int_equal(answer->n_warnings, 1);
    assert_int_equal(answer->warnings[0]->kind, BACKEND);
    assert_string_equal(answer->warnings[0]->name, "shop");
    assert_string_equal(answer->warnings[0]->field, "endpoints[0]");
    assert_string_equal(answer->warnings[0]->message,
                        "127.0.0.1 is the listener web=0.0.0.0:8080 of proxy p2: what comes back "
                        "to its rule again and again is answered 508");
    answer_free(answer);
    first->watcher = NULL;
    second->watcher = NULL;
}

/* LOOP-9 */
static void a_proxy_that_is_gone_is_not_warned_of(void **state)
{
    struct services_fixture *fixture = *state;
    struct proxy *gone = add_proxy(fixture->services.proxies, "p1", "web=127.0.0.1:8080", PORT);
    gone->watcher = NULL;

    AnswerMessage *answer = apply(fixture, make_apply(put_backend("shop", PORT), NULL));

    assert_int_equal(answer->n_warnings, 0);
    answer_free(answer);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_of_a_listener_is_warned_of),
        cmocka_unit_test(loopback_leads_to_a_listener_on_every_address),
        cmocka_unit_test(no_address_in_particular_is_loopback),
        cmocka_unit_test(other_addresses_are_not),
        cmocka_unit_test(other_ports_are_not),
        cmocka_unit_test(an_endpoint_without_a_port_has_those_of_its_backend),
        cmocka_unit_test(the_path_of_a_unix_listener_is_warned_of),
        TEST(the_commit_names_backend_endpoint_and_proxy),
        TEST(a_proxy_that_is_gone_is_not_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
