#include "proxy/upstream/app_protocol.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/upstream/backend_maker.h"

#include <string.h>

static struct endpoint_registry *endpoints;

static int set_up(void **state)
{
    (void)state;
    endpoints = endpoint_registry_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    endpoint_registry_free(endpoints);
    return 0;
}

static struct endpoint *endpoint_of(struct backend_maker *maker, struct backend **backend)
{
    *backend = backend_new(&maker->message, 0, NULL, endpoints, NULL);
    assert_non_null(*backend);
    return (*backend)->endpoints[0].endpoint;
}

static void each_name_says_what_is_spoken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum endpoint_protocol protocol;
        enum app_protocol_security security;
    } cases[] = {
        {"", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
        {"http", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
        {"https", ENDPOINT_HTTP1, SECURITY_ALWAYS},
        {"h2", ENDPOINT_HTTP2, SECURITY_ALWAYS},
        {"h2c", ENDPOINT_HTTP2, SECURITY_NEVER},
        {"kubernetes.io/h2c", ENDPOINT_HTTP2, SECURITY_NEVER},
        {"grpc", ENDPOINT_HTTP2, SECURITY_AS_CONFIGURED},
        {"kubernetes.io/ws", ENDPOINT_HTTP1, SECURITY_AS_CONFIGURED},
        {"kubernetes.io/wss", ENDPOINT_HTTP1, SECURITY_ALWAYS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct app_protocol *found = app_protocol_find(cases[i].name);
        assert_non_null(found);
        assert_int_equal(found->protocol, cases[i].protocol);
        assert_int_equal(found->security, cases[i].security);
        assert_non_null(strstr(app_protocol_names, cases[i].name));
    }
    assert_null(app_protocol_find("H2C"));
    assert_null(app_protocol_find("spdy"));
}

static void what_a_port_says_comes_before_what_the_backend_says(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 0);
    maker_add_port(&maker, 80, 8080);
    maker_add_port(&maker, 81, 8080);
    maker.message.app_protocol = (char *)"h2c";
    maker.ports[1].app_protocol = (char *)"http";

    assert_string_equal(app_protocol_of(&maker.message, 80)->name, "h2c");
    assert_string_equal(app_protocol_of(&maker.message, 81)->name, "http");
    assert_string_equal(app_protocol_of(&maker.message, 0)->name, "h2c");
}

static void one_address_that_speaks_two_protocols_is_two_endpoints(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 8080);
    struct backend *plain, *http2, *again;

    struct endpoint *plain_endpoint = endpoint_of(&maker, &plain);
    maker.message.app_protocol = (char *)"h2c";
    struct endpoint *http2_endpoint = endpoint_of(&maker, &http2);
    struct endpoint *same_endpoint = endpoint_of(&maker, &again);

    assert_int_equal(plain_endpoint->protocol, ENDPOINT_HTTP1);
    assert_int_equal(http2_endpoint->protocol, ENDPOINT_HTTP2);
    assert_null(http2_endpoint->tls);
    assert_ptr_equal(http2_endpoint, same_endpoint);
    backend_release(&plain);
    backend_release(&http2);
    backend_release(&again);
}

static void grpc_is_secured_when_the_backend_is(void **state)
{
    (void)state;
    struct backend_maker maker;
    maker_init(&maker);
    maker_add(&maker, "10.0.0.1", 8080);
    maker.message.app_protocol = (char *)"grpc";
    Pointsman__V1__EndpointTls tls = POINTSMAN__V1__ENDPOINT_TLS__INIT;
    struct backend *clear, *secured, *always;

    struct endpoint *clear_endpoint = endpoint_of(&maker, &clear);
    maker.message.tls = &tls;
    tls.enabled = true;
    struct endpoint *secured_endpoint = endpoint_of(&maker, &secured);
    maker.message.tls = NULL;
    maker.message.app_protocol = (char *)"h2";
    struct endpoint *always_endpoint = endpoint_of(&maker, &always);

    assert_null(clear_endpoint->tls);
    assert_non_null(secured_endpoint->tls);
    assert_ptr_equal(always_endpoint, secured_endpoint);
    backend_release(&clear);
    backend_release(&secured);
    backend_release(&always);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_says_what_is_spoken),
        cmocka_unit_test(what_a_port_says_comes_before_what_the_backend_says),
        cmocka_unit_test(one_address_that_speaks_two_protocols_is_two_endpoints),
        cmocka_unit_test(grpc_is_secured_when_the_backend_is),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
