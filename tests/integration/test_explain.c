/* What explain says is what the proxy does: each request is explained, then sent. */
#include "common/buffer.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each is a route to an upstream of the same name. */
static const char *const names[] = {"users", "beta", "write", "search", "wild", "rest"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static struct pointsman *pointsman;
static struct fake_upstream *upstreams[NAMES];

static int start(void **state)
{
    (void)state;
    pointsman = pointsman_start(NULL);
    for (size_t i = 0; i < NAMES; i++)
        upstreams[i] = fake_upstream_start(names[i]);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    for (size_t i = 0; i < NAMES; i++)
        fake_upstream_free(upstreams[i]);
    return 0;
}

static void add_routes(void)
{
    const char *urls[NAMES];
    for (size_t i = 0; i < NAMES; i++)
        urls[i] = fake_upstream_url(upstreams[i]);
    pointsman_routectl_ok(pointsman, "add", "users", "--host", "shop.internal", "--path-prefix",
                          "/users", "--to", urls[0], NULL);
    pointsman_routectl_ok(pointsman, "add", "beta", "--host", "shop.internal", "--path-prefix",
                          "/users", "--header", "version=two", "--to", urls[1], NULL);
    pointsman_routectl_ok(pointsman, "add", "write", "--host", "shop.internal", "--path-prefix",
                          "/users", "--method", "PUT", "--to", urls[2], NULL);
    pointsman_routectl_ok(pointsman, "add", "search", "--host", "shop.internal", "--path-prefix",
                          "/users", "--query", "q=a b", "--to", urls[3], NULL);
    pointsman_routectl_ok(pointsman, "add", "wild", "--host", "*.internal", "--path-prefix", "/",
                          "--to", urls[4], NULL);
    pointsman_routectl_ok(pointsman, "add", "rest", "--path-prefix", "/~rest", "--to", urls[5],
                          NULL);
}

struct request {
    const char *method, *host, *target, *header;
    const char *taken_by; /* NULL: nobody */
};

/* Who answers: the upstream's name, or "" when the proxy does with 404. */
static void send_request(const struct request *request, char name[32])
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct buffer head = BUFFER_EMPTY;
    buffer_printf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", request->method,
                  request->target, request->host, request->header);
    int status = http_exchange(pointsman_port(pointsman), buffer_string(&head), "", &response);
    char *served_by = http_message_field(&response, "x-served-by");
    assert_int_equal(status, served_by == NULL ? 404 : 200);
    snprintf(name, 32, "%s", served_by == NULL ? "" : served_by);
    free(served_by);
    http_message_clear(&response);
    buffer_clear(&head);
}

/* Who takes it, as explain says: the route of the last line of its table. */
static void explain_request(const struct request *request, char name[32])
{
    struct buffer what = BUFFER_EMPTY;
    buffer_printf(&what, "%s http://%s%s", request->method, request->host, request->target);
    struct command command =
        pointsman_routectl(pointsman, "explain", buffer_string(&what), "-H", request->header, NULL);
    char *taken = strstr(command.out, "  takes it\n");
    assert_int_equal(command.exit_code, taken == NULL ? 3 : 0);
    name[0] = '\0';
    if (taken != NULL) {
        while (taken[-1] != '\n')
            taken--;
        sscanf(taken, "%31s", name);
    }
    command_clear(&command);
    buffer_clear(&what);
}

/* EXPLAIN-1 */
static void explain_and_the_proxy_agree(void **state)
{
    (void)state;
    static const struct request requests[] = {
        {"GET", "shop.internal", "/users/7", "Accept: a", "users"},
        {"GET", "SHOP.internal.:80", "/users", "Accept: a", "users"},
        {"GET", "shop.internal", "/users/7", "Version: two", "beta"},
        {"GET", "shop.internal", "/users/7", "Version: twos", "users"},
        {"PUT", "shop.internal", "/users/7", "version: two", "write"},
        {"GET", "shop.internal", "/users?q=a%20b&q=c", "Accept: a", "search"},
        {"GET", "shop.internal", "/users?q=c&q=a+b", "Accept: a", "users"},
        {"GET", "shop.internal", "/%75sers/%2f", "Accept: a", "users"},
        {"GET", "shop.internal", "/Users", "Accept: a", "wild"},
        {"GET", "shop.internal", "/usersx", "Accept: a", "wild"},
        {"GET", "a.b.internal", "/", "Accept: a", "wild"},
        {"GET", "internal", "/%7Erest/x", "Accept: a", "rest"},
        {"GET", "internal", "/", "Accept: a", NULL},
    };
    add_routes();

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const struct request *request = &requests[i];
        const char *expected = request->taken_by == NULL ? "" : request->taken_by;
        char explained[32], answered[32];
        explain_request(request, explained);
        send_request(request, answered);
        if (strcmp(explained, answered) != 0 || strcmp(answered, expected) != 0)
            fail_msg("%s %s%s: explained '%s', answered '%s', expected '%s'", request->method,
                     request->host, request->target, explained, answered, expected);
    }
}

static void the_listener_is_that_of_the_proxy(void **state)
{
    (void)state;
    struct command command =
        pointsman_routectl(pointsman, "explain", "http://shop.internal/users", NULL);

    assert_int_equal(command.exit_code, 0);
    assert_non_null(strstr(command.out, "listener    default\n"));
    assert_non_null(strstr(command.out, "header version"));
    assert_non_null(strstr(command.out, "query parameter q"));
    assert_non_null(strstr(command.out, "other method"));
    command_clear(&command);
}

static void a_url_that_the_proxy_refuses_is_refused(void **state)
{
    (void)state;
    struct command command =
        pointsman_routectl(pointsman, "explain", "http://shop.internal/users/../x", NULL);

    assert_int_equal(command.exit_code, 5);
    assert_non_null(strstr(command.err, "the proxy refuses it"));
    command_clear(&command);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "shop.internal", "/users/../x"),
                     400);
}

/* --- other routes than those of now, and rules that no request reaches ------------------------ */

static void expect_out(struct command command, int exit_code, const char *in_out,
                       const char *in_err)
{
    assert_int_equal(command.exit_code, exit_code);
    assert_non_null(strstr(command.out, in_out));
    assert_non_null(strstr(command.err, in_err));
    command_clear(&command);
}

static const char candidate[] = "apiVersion: gateway.networking.k8s.io/v1\n"
                                "kind: HTTPRoute\n"
                                "metadata: {name: candidate}\n"
                                "spec:\n"
                                "  hostnames: [shop.internal]\n"
                                "  rules:\n"
                                "  - matches: [{path: {type: Exact, value: /users/7}}]\n"
                                "    filters:\n"
                                "    - type: RequestRedirect\n"
                                "      requestRedirect: {hostname: elsewhere, statusCode: 301}\n"
                                "  - matches: [{path: {type: Exact, value: /users/7}}]\n";

static void candidates_are_laid_over_the_live_routes_or_asked_alone(void **state)
{
    (void)state;
    char *path = temp_dir_write(pointsman_dir(pointsman), "candidate.yaml", candidate);

    expect_out(
        pointsman_routectl(pointsman, "explain", "http://shop.internal/users/7", "-f", path, NULL),
        0, "answer      301: a filter redirects\n  header    location: http://elsewhere", "");
    expect_out(
        pointsman_routectl(pointsman, "explain", "http://shop.internal/users/8", "-f", path, NULL),
        0, "  header    x-forwarded-host: shop.internal\n", "");
    expect_out(pointsman_routectl(pointsman, "explain", "http://shop.internal/users/8", "-f", path,
                                  "--only", NULL),
               3, "answer      404: no rule matches\n", "");
    expect_out(pointsman_routectl(pointsman, "diff", "-f", path, NULL), 1, "candidate",
               "no request reaches it: rules[0] of this route always wins");
    free(path);
}

static void the_past_is_asked_as_it_was(void **state)
{
    (void)state;
    expect_out(pointsman_routectl(pointsman, "explain", "http://shop.internal/users/7", "--at", "1",
                                  "-H", "version: two", NULL),
               0, "revision    1\n", "");
    expect_out(pointsman_routectl(pointsman, "explain", "http://shop.internal/users/7", "--at",
                                  "4711", NULL),
               3, "", "ahead of the head");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explain_and_the_proxy_agree),
        cmocka_unit_test(the_listener_is_that_of_the_proxy),
        cmocka_unit_test(a_url_that_the_proxy_refuses_is_refused),
        cmocka_unit_test(candidates_are_laid_over_the_live_routes_or_asked_alone),
        cmocka_unit_test(the_past_is_asked_as_it_was),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
