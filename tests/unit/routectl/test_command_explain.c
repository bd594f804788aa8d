#include "control/routectl/command.h"
#include "control/routectl/session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/fake_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the verb printed and its exit code. */
static struct {
    int code;
    char *out;
    size_t out_bytes;
} ran;

static int reset(void **state)
{
    (void)state;
    const struct option *options = command_explain.groups[0].options;
    for (; options->name != NULL; options++) {
        if (options->kind == OPTION_LIST)
            *(struct option_list *)options->value = (struct option_list){0};
        else if (options->kind == OPTION_FLAG)
            *(bool *)options->value = false;
        else
            *(const char **)options->value = "";
    }
    session_options.output = "table";
    fake_client_reset();
    free(ran.out);
    memset(&ran, 0, sizeof(ran));
    return 0;
}

static void run_words(int count, char **words)
{
    struct error err = {0};
    struct option_list operands;
    struct session session;
    assert_true(command_parse(&command_explain, count, words, &operands, &err));
    assert_true(session_init(&session, &err));
    session.sink.to = open_memstream(&ran.out, &ran.out_bytes);
    ran.code = (int)command_explain.run(&session, &operands);
    fclose(session.sink.to);
    session_clear(&session);
}

#define RUN(...)                                                                                   \
    run_words((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]){__VA_ARGS__})

static const Pointsman__V1__ExplainRequest *asked(void)
{
    return (const Pointsman__V1__ExplainRequest *)fake_client_request(0);
}

/* Two rules, one of which takes it. */
static void answer_winner(void)
{
    PathMatchMessage path = POINTSMAN__V1__PATH_MATCH__INIT;
    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT;
    Pointsman__V1__ConsideredRule first = POINTSMAN__V1__CONSIDERED_RULE__INIT, *list[] = {&first};
    Pointsman__V1__ConsideredRule rule = POINTSMAN__V1__CONSIDERED_RULE__INIT;
    Pointsman__V1__BackendShare v1 = POINTSMAN__V1__BACKEND_SHARE__INIT;
    Pointsman__V1__BackendShare v2 = POINTSMAN__V1__BACKEND_SHARE__INIT, *shares[] = {&v1, &v2};
    Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
    DurationMessage duration = GOOGLE__PROTOBUF__DURATION__INIT;
    Pointsman__V1__ExplainedRule winner = POINTSMAN__V1__EXPLAINED_RULE__INIT;
    Pointsman__V1__ExplainResponse response = POINTSMAN__V1__EXPLAIN_RESPONSE__INIT;
    Pointsman__V1__Outcome goes_on = POINTSMAN__V1__OUTCOME__INIT;
    Pointsman__V1__Outcome fails = POINTSMAN__V1__OUTCOME__INIT;
    Pointsman__V1__ProxyAnswer refusal = POINTSMAN__V1__PROXY_ANSWER__INIT;
    Pointsman__V1__ForwardedRequest forwarded = POINTSMAN__V1__FORWARDED_REQUEST__INIT;
    Pointsman__V1__HttpHeader header = POINTSMAN__V1__HTTP_HEADER__INIT, *headers[] = {&header};
    Pointsman__V1__MirrorShare mirror = POINTSMAN__V1__MIRROR_SHARE__INIT, *mirrors[] = {&mirror};
    Pointsman__V1__Question question = POINTSMAN__V1__QUESTION__INIT;
    Pointsman__V1__Retry retry = POINTSMAN__V1__RETRY__INIT;
    SessionPersistenceMessage session = POINTSMAN__V1__SESSION_PERSISTENCE__INIT;
    uint32_t code = 503;
    static char *notes[] = {(char *)"header x_y: dropped"};
    path.value = (char *)"/users";
    match.path = &path;
    first.route = (char *)"beta";
    first.hostname = (char *)"*.internal";
    first.match = &match;
    first.reason = POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HEADER;
    first.condition = (char *)"version";
    rule.route = (char *)"users";
    rule.rule = 1;
    v1.backend = (char *)"users-v1";
    v1.port = 80;
    v1.weight = 9;
    v1.session_endpoint = (char *)"10.0.0.7:80";
    v2.backend = (char *)"users-v2";
    v2.weight = 1;
    v2.missing = true;
    v1.outcome = &goes_on;
    v2.outcome = &fails;
    forwarded.method = (char *)"GET";
    forwarded.target = (char *)"/users/7?x=1";
    forwarded.host = (char *)"inner";
    forwarded.n_headers = 1;
    forwarded.headers = headers;
    header.name = (char *)"x-forwarded-proto";
    header.value = (char *)"http";
    forwarded.n_mirrors = 1;
    forwarded.mirrors = mirrors;
    mirror.backend = (char *)"audit";
    mirror.numerator = 1;
    mirror.denominator = 100;
    question.backend = (char *)"gate";
    question.port = 80;
    question.method = (char *)"GET";
    question.target = (char *)"/check/users/7?x=1";
    question.host = (char *)"shop.internal";
    question.n_headers = 1;
    question.headers = headers;
    question.max_body = 1024;
    winner.question = &question;
    goes_on.kind_case = POINTSMAN__V1__OUTCOME__KIND_FORWARDED;
    goes_on.forwarded = &forwarded;
    fails.kind_case = POINTSMAN__V1__OUTCOME__KIND_ANSWER;
    fails.answer = &refusal;
    refusal.status = 500;
    refusal.reason = (char *)"there is no backend 'users-v2'";
    retry.n_codes = 1;
    retry.codes = &code;
    winner.retry = &retry;
    winner.session_persistence = &session;
    winner.session_name = (char *)"session-1";
    duration.seconds = 5;
    timeouts.request = &duration;
    winner.rule = &rule;
    winner.n_backends = 2;
    winner.backends = shares;
    winner.timeouts = &timeouts;
    response.revision = 7;
    response.method = (char *)"GET";
    response.host = (char *)"shop.internal";
    response.path = (char *)"/users/7";
    response.query = (char *)"x=1";
    response.listener = (char *)"web";
    response.n_notes = 1;
    response.notes = notes;
    response.n_considered = 1;
    response.considered = list;
    response.left_out = 3;
    response.other_host_routes = 1;
    response.winner = &winner;
    fake_client_answer(&response.base);
}

static void answer_nobody(void)
{
    Pointsman__V1__Outcome outcome = POINTSMAN__V1__OUTCOME__INIT;
    Pointsman__V1__ProxyAnswer refusal = POINTSMAN__V1__PROXY_ANSWER__INIT;
    Pointsman__V1__ExplainResponse response = POINTSMAN__V1__EXPLAIN_RESPONSE__INIT;
    response.method = (char *)"GET";
    response.host = (char *)"h";
    response.path = (char *)"/";
    response.outcome = &outcome;
    outcome.kind_case = POINTSMAN__V1__OUTCOME__KIND_ANSWER;
    outcome.answer = &refusal;
    refusal.status = 404;
    refusal.reason = (char *)"no rule matches";
    fake_client_answer(&response.base);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void method_and_url_may_be_one_word_two_or_the_url_alone(void **state)
{
    answer_winner();
    RUN((char *)"PUT http://h/a");
    assert_string_equal(fake_client_path(0), "/pointsman.v1.RouteControl/Explain");
    assert_string_equal(asked()->method, "PUT");
    assert_string_equal(asked()->url, "http://h/a");

    reset(state);
    answer_winner();
    RUN((char *)"PUT", (char *)"http://h/a");
    assert_string_equal(asked()->method, "PUT");
    assert_string_equal(asked()->url, "http://h/a");

    reset(state);
    answer_winner();
    RUN((char *)"http://h/a");
    assert_string_equal(asked()->method, "");
    assert_string_equal(asked()->url, "http://h/a");
}

static void headers_are_read_as_curl_reads_them(void **state)
{
    (void)state;
    answer_winner();

    RUN((char *)"http://h/", (char *)"-H", (char *)"version: two ", (char *)"-H", (char *)"a:b:c",
        (char *)"--listener", (char *)"web");

    assert_int_equal(asked()->n_headers, 2);
    assert_string_equal(asked()->headers[0]->name, "version");
    assert_string_equal(asked()->headers[0]->value, "two");
    assert_string_equal(asked()->headers[1]->name, "a");
    assert_string_equal(asked()->headers[1]->value, "b:c");
    assert_string_equal(asked()->listener, "web");
}

static void a_header_without_a_colon_is_wrong_usage(void **state)
{
    (void)state;
    RUN((char *)"http://h/", (char *)"-H", (char *)"version=two");

    assert_int_equal(ran.code, EXIT_USAGE);
    assert_int_equal(fake_client_connect_count(), 0);
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void the_table_ends_with_the_rule_that_takes_it(void **state)
{
    (void)state;
    answer_winner();

    RUN((char *)"http://shop.internal/users/7?x=1");

    assert_int_equal(ran.code, EXIT_OK);
    assert_string_equal(ran.out, "request     GET shop.internal/users/7?x=1\n"
                                 "listener    web\n"
                                 "revision    7\n"
                                 "note        header x_y: dropped\n"
                                 "left aside  1 route for other hosts\n"
                                 "\n"
                                 "ROUTE  RULE  HOST        MATCH     VERDICT\n"
                                 "beta   1     *.internal  /users/*  header version\n"
                                 "users  2     *           /*        takes it\n"
                                 "(3 more of this host that do not take it; --all shows them)\n"
                                 "\n"
                                 "to          users-v1:80, 9 of 10, has the client's session, "
                                 "at 10.0.0.7:80\n"
                                 "to          users-v2, 1 of 10, answered with 500: there is no "
                                 "backend 'users-v2'\n"
                                 "timeouts    request 5s\n"
                                 "retry       1 more, codes 503\n"
                                 "session     cookie, named session-1\n"
                                 "asked first gate:80\n"
                                 "  question  GET /check/users/7?x=1\n"
                                 "  host      shop.internal\n"
                                 "  header    x-forwarded-proto: http\n"
                                 "  body      up to 1024 bytes, a longer one is answered with 413\n"
                                 "forwarded   GET /users/7?x=1\n"
                                 "  host      inner\n"
                                 "  header    x-forwarded-proto: http\n"
                                 "mirrored to audit, 1 of 100\n");
}

static void when_no_rule_takes_it_that_is_exit_3(void **state)
{
    (void)state;
    answer_nobody();

    RUN((char *)"http://h/");

    assert_int_equal(ran.code, EXIT_NOT_FOUND);
    assert_string_equal(ran.out, "request     GET h/\n"
                                 "revision    0\n"
                                 "\n"
                                 "answer      404: no rule matches\n");
}

static void an_expression_that_hits_its_limit_is_said_to(void **state)
{
    (void)state;
    Pointsman__V1__ExplainResponse response = POINTSMAN__V1__EXPLAIN_RESPONSE__INIT;
    Pointsman__V1__ConsideredRule path = POINTSMAN__V1__CONSIDERED_RULE__INIT;
    Pointsman__V1__ConsideredRule header = POINTSMAN__V1__CONSIDERED_RULE__INIT;
    Pointsman__V1__ConsideredRule *list[] = {&path, &header};
    path.route = (char *)"slow";
    path.reason = POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_PATH;
    path.hit_match_limit = true;
    header.route = (char *)"slower";
    header.reason = POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HEADER;
    header.condition = (char *)"x";
    header.hit_match_limit = true;
    response.method = (char *)"GET";
    response.host = (char *)"h";
    response.path = (char *)"/";
    response.n_considered = 2;
    response.considered = list;
    fake_client_answer(&response.base);

    RUN((char *)"http://h/");

    assert_string_equal(
        ran.out, "request     GET h/\n"
                 "revision    0\n"
                 "\n"
                 "ROUTE   RULE  HOST  MATCH  VERDICT\n"
                 "slow    1     *     /*     other path: the expression hits its match limit\n"
                 "slower  1     *     /*     header x: the expression hits its match limit\n"
                 "\n");
}

static void json_is_the_response(void **state)
{
    (void)state;
    session_options.output = "json";
    answer_winner();

    RUN((char *)"http://h/");

    assert_non_null(strstr(ran.out, "\"reason\": \"MISMATCH_REASON_HEADER\""));
    assert_non_null(strstr(ran.out, "\"goesNowhere\": false"));
    assert_non_null(strstr(ran.out, "\"backend\": \"users-v1\""));
}

static void a_url_the_daemon_refuses_is_exit_5(void **state)
{
    (void)state;
    fake_client_fail(GRPC_INVALID_ARGUMENT, "url: needs a scheme");

    RUN((char *)"h/");

    assert_int_equal(ran.code, EXIT_INVALID);
    assert_string_equal(ran.out, "");
}

#define EXPLAIN_TEST(name) cmocka_unit_test_setup_teardown(name, reset, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXPLAIN_TEST(method_and_url_may_be_one_word_two_or_the_url_alone),
        EXPLAIN_TEST(headers_are_read_as_curl_reads_them),
        EXPLAIN_TEST(a_header_without_a_colon_is_wrong_usage),
        EXPLAIN_TEST(the_table_ends_with_the_rule_that_takes_it),
        EXPLAIN_TEST(when_no_rule_takes_it_that_is_exit_3),
        EXPLAIN_TEST(an_expression_that_hits_its_limit_is_said_to),
        EXPLAIN_TEST(json_is_the_response),
        EXPLAIN_TEST(a_url_the_daemon_refuses_is_exit_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
