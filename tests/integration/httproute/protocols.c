/* Protocols: a Backend with the ports of a Service, and what is spoken on each. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static const char host[] = "protocols.test";

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("protocols.yaml");
    return 0;
}

static void the_port_of_the_reference_is_the_services(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"BACKEND-2", "GET /first", .answer = "one"},
        {"BACKEND-2", "GET /second", .answer = "two"},
        /* Who speaks WebSocket speaks HTTP/1. */
        {"BACKEND-2", "GET /ws", .answer = "odd"},
        {"BACKEND-2", "GET /none", .answer = "500"},
    };
    CHECK_CASES(host, cases);
}

/* BACKEND-2 */
static void a_port_that_leads_nowhere_is_warned_of(void **state)
{
    (void)state;
    static const struct {
        const char *backend_ref, *warning;
    } cases[] = {
        {"{name: many-ports, port: 8083}",
         "spec.rules[0].backendRefs[0].port: backend 'many-ports' has no port 8083: its share of "
         "requests answers 500"},
        {"{name: many-ports}", "endpoints[0] of backend 'many-ports': no port, and the reference"},
        {"{name: many-ports, port: 8081}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer route = BUFFER_EMPTY;
        buffer_printf(&route, "%s  rules: [{backendRefs: [%s]}]\n",
                      ROUTE("tried", "protocols.test"), cases[i].backend_ref);
        struct command tried = acceptance_try(buffer_string(&route));
        const char *warning = cases[i].warning == NULL ? "" : cases[i].warning;
        CHECK(tried.exit_code == 0 && strstr(tried.err, warning) != NULL &&
                  (cases[i].warning != NULL || strstr(tried.err, "warning") == NULL),
              "%s: %d: %s", cases[i].backend_ref, tried.exit_code, tried.err);
        command_clear(&tried);
        buffer_clear(&route);
    }
}

/* BACKEND-2 */
static void a_websocket_goes_through_its_port(void **state)
{
    (void)state;
    static const struct fake_step switches[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_drop_connections(acceptance_service("odd"));
    fake_upstream_script(acceptance_service("odd"), switches);
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *client = http_connection_open(pointsman_port(acceptance_pointsman()));
    http_connection_send_text(
        client, "GET /ws/chat HTTP/1.1\r\nHost: protocols.test\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n");

    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);

    assert_int_equal(response.status, 101);
    char *upgrade = http_message_field(&response, "upgrade");
    assert_string_equal(upgrade, "websocket");
    free(upgrade);
    http_message_clear(&response);
    http_connection_close(client);
}

int protocols_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_port_of_the_reference_is_the_services),
        cmocka_unit_test(a_port_that_leads_nowhere_is_warned_of),
        cmocka_unit_test(a_websocket_goes_through_its_port),
    };
    return cmocka_run_group_tests_name("protocols", tests, apply, NULL);
}
