/* Hostile requests: what clients send to make us and the service behind us disagree.
 *
 * One proxy, one service that records what reaches it. Each case is sent in several ways: whole, in
 * two parts, byte by byte, and with a second request right behind it. What is refused must be
 * answered and end the connection, and neither it nor what was smuggled behind it may reach the
 * service; what is served must arrive in its one canonical form. */
#include "common/buffer.h"
#include "tests/integration/hostile/cases.h"
#include "tests/support/escape.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct pointsman *pointsman;
    struct fake_upstream *upstream;
    pid_t proxy_pid;
};

static struct stage stage;

static int set_the_stage(void **state)
{
    (void)state;
    stage.upstream = fake_upstream_start("recorder");
    stage.pointsman = pointsman_start(NULL);
    stage.proxy_pid = process_id(pointsman_proxy(stage.pointsman));
    pointsman_routectl_ok(stage.pointsman, "add", "all", "--path-prefix", "/", "--to",
                          fake_upstream_url(stage.upstream), NULL);
    return 0;
}

static int clear_the_stage(void **state)
{
    (void)state;
    pointsman_free(stage.pointsman);
    fake_upstream_free(stage.upstream);
    return 0;
}

/* --- sending --------------------------------------------------------------------------------- */

enum manner { WHOLE, IN_TWO_PARTS, BYTE_BY_BYTE, WITH_ANOTHER_BEHIND, MANNER_COUNT };

static const char *const manners[] = {"whole", "in two parts", "byte by byte", "with another"};

/* One case on its way. */
struct attempt {
    const struct hostile_case *hostile;
    enum manner manner;
    size_t requests_before; /* that the service had got */
    struct http_connection *connection;
    struct http_message response;
};

static void fail_attempt(const struct attempt *attempt, const char *why)
{
    struct buffer text = BUFFER_EMPTY;
    struct buffer reason = BUFFER_EMPTY;
    escape_bytes(&text, attempt->hostile->bytes, attempt->hostile->length);
    escape_bytes(&reason, why, strlen(why));
    fail_msg("%s, sent %s:\n%s", buffer_string(&reason), manners[attempt->manner],
             buffer_string(&text));
}

/* The proxy may have answered and closed before it has everything. */
static void send_bytes(struct http_connection *connection, const struct hostile_case *hostile,
                       enum manner manner)
{
    size_t first = manner == IN_TWO_PARTS ? hostile->length / 2 : hostile->length;
    if (manner != BYTE_BY_BYTE) {
        http_connection_send(connection, hostile->bytes, first);
        http_connection_send(connection, hostile->bytes + first, hostile->length - first);
    }
    for (size_t i = 0; manner == BYTE_BY_BYTE && i < hostile->length; i++)
        http_connection_send(connection, hostile->bytes + i, 1);
    if (manner == WITH_ANOTHER_BEHIND)
        http_connection_send_text(connection, SMUGGLED);
}

static void start_attempt(struct attempt *attempt, const struct hostile_case *hostile,
                          enum manner manner)
{
    *attempt = (struct attempt){
        .hostile = hostile,
        .manner = manner,
        .requests_before = fake_upstream_request_count(stage.upstream),
        .connection = http_connection_open(pointsman_port(stage.pointsman)),
    };
    assert_non_null(attempt->connection);
    send_bytes(attempt->connection, hostile, manner);

    enum http_outcome outcome;
    do {
        http_message_clear(&attempt->response);
        outcome = http_connection_receive(attempt->connection, &attempt->response, WAIT_MS);
    } while (outcome == HTTP_COMPLETE && attempt->response.status == 100);
    if (outcome != HTTP_COMPLETE)
        fail_attempt(attempt, http_outcome_name(outcome));
    if (attempt->response.status != hostile->status)
        fail_attempt(attempt, attempt->response.head.at);
}

static void end_attempt(struct attempt *attempt)
{
    http_message_clear(&attempt->response);
    http_connection_close(attempt->connection);
}

/* --- the client's view ----------------------------------------------------------------------- */

static void check_closed(struct attempt *attempt)
{
    char *field = http_message_field(&attempt->response, "Connection");
    if (field == NULL || strcmp(field, "close") != 0)
        fail_attempt(attempt, "the answer does not say that it closes");
    if (!http_connection_is_closed_within(attempt->connection, WAIT_MS))
        fail_attempt(attempt, "the connection stays open");
    free(field);
}

/* What came behind is a request of its own, and answered as such. */
static void check_goes_on(struct attempt *attempt)
{
    http_message_clear(&attempt->response);
    if (attempt->manner != WITH_ANOTHER_BEHIND)
        http_connection_send_text(attempt->connection, SMUGGLED);
    if (http_connection_receive(attempt->connection, &attempt->response, WAIT_MS) !=
            HTTP_COMPLETE ||
        strstr(attempt->response.body.at, "GET /smuggled HTTP/1.1\r\n") !=
            attempt->response.body.at)
        fail_attempt(attempt, "the request behind it was not served");
}

/* --- the service's view ---------------------------------------------------------------------- */

/* Takes out a line that the proxy adds; it must be there, and once. */
static void take_out(struct attempt *attempt, struct buffer *head, const char *name,
                     const char *value)
{
    char line[512];
    int length = snprintf(line, sizeof(line), "\r\n%s: %s", name, value);
    char *at = strstr(buffer_string(head), line);
    char *end = at == NULL ? NULL : strstr(at + 2, "\r\n");
    if (end == NULL || (*value != '\0' && end != at + length))
        return fail_attempt(attempt, head->at);

    memmove(at, end, head->length - (size_t)(end - head->at));
    head->length -= (size_t)(end - at);
    snprintf(line, sizeof(line), "\r\n%s:", name);
    if (strcasestr(buffer_string(head), line) != NULL)
        fail_attempt(attempt, head->at);
}

static void check_arrived(struct attempt *attempt)
{
    const struct http_message *arrived =
        fake_upstream_request(stage.upstream, attempt->requests_before);
    char *host = http_message_field(arrived, "host");
    struct buffer seen = BUFFER_EMPTY;

    buffer_append_slice(&seen, buffer_slice(&arrived->head));
    take_out(attempt, &seen, "x-forwarded-for", "127.0.0.1");
    take_out(attempt, &seen, "x-forwarded-proto", "http");
    take_out(attempt, &seen, "x-forwarded-host", host);
    if (strcasestr(attempt->hostile->bytes, "x-request-id") == NULL)
        take_out(attempt, &seen, "x-request-id", "");
    take_out(attempt, &seen, "cdn-loop", "");
    buffer_append_slice(&seen, buffer_slice(&arrived->body));
    buffer_append_slice(&seen, buffer_slice(&arrived->trailers));

    if (strcmp(buffer_string(&seen), attempt->hostile->arrives) != 0)
        fail_attempt(attempt, buffer_string(&seen));
    free(host);
    buffer_clear(&seen);
}

/* --- cases ----------------------------------------------------------------------------------- */

static void check_case(const struct hostile_case *hostile, enum manner manner)
{
    struct attempt attempt;
    start_attempt(&attempt, hostile, manner);
    size_t expected = attempt.requests_before;

    if (hostile->closes) {
        check_closed(&attempt);
    } else {
        check_goes_on(&attempt);
        expected++;
    }
    if (hostile->arrives != NULL) {
        check_arrived(&attempt);
        expected++;
    }
    if (fake_upstream_request_count(stage.upstream) != expected)
        fail_attempt(&attempt, "something else reached the service");
    end_attempt(&attempt);
}

static void check_theme(const struct hostile_theme *theme)
{
    for (size_t i = 0; i < theme->count; i++) {
        for (int manner = 0; manner < MANNER_COUNT; manner++)
            check_case(&theme->cases[i], (enum manner)manner);
    }
    print_message("%zu cases\n", theme->count);
    assert_int_equal(process_id(pointsman_proxy(stage.pointsman)), stage.proxy_pid);
    assert_true(process_is_running(pointsman_proxy(stage.pointsman)));
}

#define THEME_TEST(claim, name)                                                                    \
    static void claim(void **state)                                                                \
    {                                                                                              \
        (void)state;                                                                               \
        check_theme(&name##_theme);                                                                \
    }

THEME_TEST(a_body_ends_in_one_place_or_is_refused, framing)
THEME_TEST(a_chunk_ends_in_one_place_or_is_refused, chunks)
THEME_TEST(a_line_ends_in_one_place_or_is_refused, lines)
THEME_TEST(a_field_is_a_name_and_a_value_or_is_refused, fields)
THEME_TEST(methods_and_versions_are_known_or_refused, versions)
THEME_TEST(targets_are_canonical_or_refused, targets)
THEME_TEST(an_absolute_target_agrees_with_host_or_is_refused, absolute)
THEME_TEST(hosts_are_one_host_or_refused, hosts)
THEME_TEST(headers_of_one_hop_and_false_claims_do_not_pass, hops)
THEME_TEST(only_a_whole_handshake_upgrades, upgrades)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_ends_in_one_place_or_is_refused),
        cmocka_unit_test(a_chunk_ends_in_one_place_or_is_refused),
        cmocka_unit_test(a_line_ends_in_one_place_or_is_refused),
        cmocka_unit_test(a_field_is_a_name_and_a_value_or_is_refused),
        cmocka_unit_test(methods_and_versions_are_known_or_refused),
        cmocka_unit_test(targets_are_canonical_or_refused),
        cmocka_unit_test(an_absolute_target_agrees_with_host_or_is_refused),
        cmocka_unit_test(hosts_are_one_host_or_refused),
        cmocka_unit_test(headers_of_one_hop_and_false_claims_do_not_pass),
        cmocka_unit_test(only_a_whole_handshake_upgrades),
    };
    return cmocka_run_group_tests(tests, set_the_stage, clear_the_stage);
}
