/* A change is live before routectl returns: in every worker, for every request that comes in
 * afterwards, on new connections and on old ones. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* Enough connections that each of the workers has some, with near certainty. */
enum { CONNECTIONS = 32, ROUNDS = 15 };

static struct fake_upstream *blue;
static struct fake_upstream *green;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    static const struct pointsman_options options = {.workers = "4"};
    blue = fake_upstream_start("blue");
    green = fake_upstream_start("green");
    pointsman = pointsman_start(&options);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(blue);
    fake_upstream_free(green);
    return 0;
}

static void open_all(struct http_connection *connections[CONNECTIONS])
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        connections[i] = http_connection_open(pointsman_port(pointsman));
        CHECK(connections[i] != NULL, "refused");
    }
}

static void close_all(struct http_connection *connections[CONNECTIONS])
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_connection_close(connections[i]);
}

/* Every connection asks; every answer has this status, and comes from there (NULL: from us). */
static void expect_everywhere(struct http_connection *connections[CONNECTIONS], int status,
                              const char *served_by)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_connection_send_text(connections[i], "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        enum http_outcome outcome = http_connection_receive(connections[i], &response, WAIT_MS);
        assert_int_equal(outcome, HTTP_COMPLETE);
        assert_int_equal(response.status, status);
        char *name = http_message_field(&response, "x-served-by");
        if (served_by != NULL)
            assert_string_equal(name, served_by);
        else
            assert_null(name);
        free(name);
        http_message_clear(&response);
    }
}

static void add(const char *name, const struct fake_upstream *upstream)
{
    pointsman_routectl_ok(pointsman, "add", name, "--replace", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
}

static void remove_route(const char *name)
{
    pointsman_routectl_ok(pointsman, "remove", name, NULL);
}

static void a_change_is_live_on_connections_that_stand(void **state)
{
    (void)state;
    struct http_connection *connections[CONNECTIONS];
    open_all(connections);

    for (int round = 0; round < ROUNDS; round++) {
        add("page", blue);
        expect_everywhere(connections, 200, "blue");
        add("page", green);
        expect_everywhere(connections, 200, "green");
        remove_route("page");
        expect_everywhere(connections, 404, NULL);
    }

    close_all(connections);
}

static void a_change_is_live_on_new_connections(void **state)
{
    (void)state;

    for (int round = 0; round < ROUNDS; round++) {
        struct http_connection *connections[CONNECTIONS];
        const struct fake_upstream *upstream = round % 2 == 0 ? blue : green;
        add("page", upstream);
        open_all(connections);
        expect_everywhere(connections, 200, upstream == blue ? "blue" : "green");
        close_all(connections);
    }

    remove_route("page");
}

static void a_removed_route_lets_its_running_request_end(void **state)
{
    (void)state;
    static const struct fake_step late_answer[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
        {.action = FAKE_SERVE},
    };
    struct fake_upstream *slow = fake_upstream_start("slow");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(slow, late_answer);
    add("slow", slow);
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(connection, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fake_upstream_wait_requests(slow, 1, WAIT_MS));

    remove_route("slow");
    fake_upstream_release(slow);

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_string_equal(response.body.at, "late");
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/page"), 404);
    http_connection_close(connection);
    http_message_clear(&response);
    fake_upstream_free(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_live_on_connections_that_stand),
        cmocka_unit_test(a_change_is_live_on_new_connections),
        cmocka_unit_test(a_removed_route_lets_its_running_request_end),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
