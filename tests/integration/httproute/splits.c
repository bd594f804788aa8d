/* Splits: which backend gets which share, and who answers for what is not there. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static const char host[] = "splits.test";

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("splits.yaml");
    return 0;
}

static void what_is_not_there_answers_500(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"ANSWER-1", "GET /missing", .answer = "500",
         .answered = "content-type: text/plain; charset=utf-8"},
        {"ANSWER-2", "GET /omitted", .answer = "500"},
        {"ANSWER-2", "GET /empty", .answer = "500"},
        {"ANSWER-2", "GET /filtered", .answer = "500"},
        {"ANSWER-2 MATCH-3", "GET /any\nHost: no-rules.splits.test", .answer = "500"},
        {"BACKEND-5", "GET /kind", .answer = "500"},
        {"BACKEND-5", "GET /service", .answer = "one"},
        {"BACKEND-2", "GET /wrong-port", .answer = "500"},
        {"WEIGHT-3", "GET /zero", .answer = "500"},
        {"ANSWER-3", "GET /no-endpoint", .answer = "503"},
        {"WEIGHT-2", "GET /weightless-missing", .answer = "one"},
        {"MATCH-1", "GET /named", .answer = "one"},
    };
    CHECK_CASES(host, cases);
}

static void names_are_looked_up_in_the_routes_namespace(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"BACKEND-4 BACKEND-3", "GET /own", .answer = "one"},
        {"BACKEND-4", "GET /other", .answer = "two"},
        {"BACKEND-4", "GET /shared", .answer = "two"},
        {"BACKEND-4", "GET /missing", .answer = "500"},
    };
    CHECK_CASES("spaced.splits.test", cases);
}

static void explain_names_the_backend_that_serves(void **state)
{
    (void)state;
    struct command explained = pointsman_routectl(acceptance_pointsman(), "explain",
                                                  "GET http://spaced.splits.test/shared", NULL);

    assert_int_equal(explained.exit_code, 0);
    CHECK(strstr(explained.out, "everywhere") != NULL &&
              strstr(explained.out, "team/everywhere") == NULL,
          "%s", explained.out);
    command_clear(&explained);
}

/* BACKEND-4 CLI-4 */
static void a_backend_for_all_namespaces_is_looked_for_by_name(void **state)
{
    (void)state;
    struct command tried =
        acceptance_try("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
                       "metadata: {name: spaced, namespace: other}\n"
                       "spec: {rules: [{backendRefs: [{name: everywhere}, {name: nowhere}]}]}\n");
    struct command removed = pointsman_routectl(acceptance_pointsman(), "backend", "remove",
                                                "everywhere", "--dry-run", NULL);

    CHECK(strstr(tried.err, "there is no backend 'other/nowhere'") != NULL &&
              strstr(tried.err, "everywhere") == NULL,
          "%s", tried.err);
    CHECK(removed.exit_code == 4 && strstr(removed.err, "team/spaced") != NULL, "%d: %s",
          removed.exit_code, removed.err);
    command_clear(&tried);
    command_clear(&removed);
}

/* How many of `requests` for `path` were answered so. */
static int count_answers(const char *path, const char *wanted, int requests)
{
    struct buffer request = BUFFER_EMPTY;
    int found = 0;
    buffer_printf(&request, "GET %s", path);
    for (int i = 0; i < requests; i++) {
        char *answer = acceptance_ask(host, buffer_string(&request));
        found += strcmp(answer, wanted) == 0;
        free(answer);
    }
    buffer_clear(&request);
    return found;
}

/* With 400 requests, a share that is right is farther off than 0.13 once in a million runs. */
static void shares_are_as_the_weights_say(void **state)
{
    (void)state;
    enum { REQUESTS = 400, MARGIN = REQUESTS * 13 / 100 };
    static const struct {
        const char *rules, *path, *answer;
        int percent;
    } shares[] = {
        {"WEIGHT-1", "/weights", "one", 70}, {"WEIGHT-2", "/weights", "three", 0},
        {"WEIGHT-1", "/equal", "one", 50},   {"WEIGHT-1", "/largest", "two", 50},
        {"ANSWER-1", "/half", "500", 50},
    };
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        int found = count_answers(shares[i].path, shares[i].answer, REQUESTS);
        int expected = REQUESTS * shares[i].percent / 100;
        int margin = shares[i].percent == 0 ? 0 : MARGIN;
        CHECK(abs(found - expected) <= margin, "%s: %s: %d of %d by '%s'", shares[i].rules,
              shares[i].path, found, REQUESTS, shares[i].answer);
    }
}

/* WEIGHT-5: of 60 requests on one connection, none for one of two happens never. */
static void the_split_is_made_for_each_request(void **state)
{
    (void)state;
    enum { REQUESTS = 60 };
    size_t served_by_one = 0;
    struct http_connection *client = http_connection_open(pointsman_port(acceptance_pointsman()));
    for (int i = 0; i < REQUESTS; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        http_connection_send_text(client, "GET /equal HTTP/1.1\r\nHost: splits.test\r\n\r\n");
        CHECK(http_connection_receive(client, &response, WAIT_MS) == HTTP_COMPLETE, "no answer");
        char *name = http_message_field(&response, "X-Served-By");
        served_by_one += strcmp(name, "one") == 0;
        free(name);
        http_message_clear(&response);
    }
    http_connection_close(client);

    assert_true(served_by_one > 0 && served_by_one < REQUESTS);
}

int splits_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_answers_500),
        cmocka_unit_test(names_are_looked_up_in_the_routes_namespace),
        cmocka_unit_test(explain_names_the_backend_that_serves),
        cmocka_unit_test(a_backend_for_all_namespaces_is_looked_for_by_name),
        cmocka_unit_test(shares_are_as_the_weights_say),
        cmocka_unit_test(the_split_is_made_for_each_request),
    };
    return cmocka_run_group_tests_name("splits", tests, apply, NULL);
}
