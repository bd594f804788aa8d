/* Via, on the real programs: two rules of one proxy, with HTTP/2 between them. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FORWARD-4 */
static void each_pass_adds_the_version_and_the_name(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--via", "edge", NULL};
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct fake_upstream *service = fake_upstream_start("service");
    struct pointsman *pointsman =
        pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    char own_url[64];
    snprintf(own_url, sizeof(own_url), "h2c://127.0.0.1:%d", pointsman_port(pointsman));
    pointsman_routectl_ok(pointsman, "add", "outer", "--path-prefix", "/outer", "--to", own_url,
                          "--rewrite-prefix", "/inner", NULL);
    pointsman_routectl_ok(pointsman, "add", "inner", "--path-prefix", "/inner", "--to",
                          fake_upstream_url(service), NULL);

    http_get(pointsman_port(pointsman), "h", "/outer", &response);

    assert_int_equal(response.status, 200);
    const char *first = strstr(response.body.at, "via: 1.1 edge\r\n");
    CHECK(first != NULL && strstr(first, "via: 2 edge\r\n") != NULL, "%s", response.body.at);
    first = strstr(response.head.at, "via: 1.1 edge\r\n");
    CHECK(first != NULL && strstr(first, "via: 2 edge\r\n") != NULL, "%s", response.head.at);
    http_message_clear(&response);
    pointsman_free(pointsman);
    fake_upstream_free(service);
}

/* FORWARD-4 */
static void without_a_name_there_is_none(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct fake_upstream *service = fake_upstream_start("service");
    struct pointsman *pointsman = pointsman_start_serving(NULL, fake_upstream_url(service));

    http_get(pointsman_port(pointsman), "h", "/", &response);

    assert_int_equal(response.status, 200);
    CHECK(strstr(response.body.at, "via") == NULL, "%s", response.body.at);
    CHECK(strstr(response.head.at, "via") == NULL, "%s", response.head.at);
    http_message_clear(&response);
    pointsman_free(pointsman);
    fake_upstream_free(service);
}

static void a_name_that_cannot_stand_there_is_refused(void **state)
{
    (void)state;
    char *program = pointsman_program("pointsman-proxy");
    const char *const arguments[] = {program, "--via", "two words", NULL};

    struct command command = command_run(arguments, NULL);

    assert_int_equal(command.exit_code, 2);
    CHECK(strstr(command.err, "--via: 'two words' must be a name") != NULL, "%s", command.err);
    command_clear(&command);
    free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pass_adds_the_version_and_the_name),
        cmocka_unit_test(without_a_name_there_is_none),
        cmocka_unit_test(a_name_that_cannot_stand_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
