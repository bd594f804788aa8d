#include "common/buffer.h"
#include "proto/message.h"
#include "proxy/routing/explain_report.h"
#include "proxy/routing/route_explain.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"
#include "tests/unit/proxy/routing/table_fixture.h"

#include <stdio.h>

static int set_up(void **state)
{
    static struct table_fixture fixture;
    table_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    table_fixture_clear(*state);
    return 0;
}

static const char *const verdict_names[] = {
    [MATCH_HOLDS] = "holds",
    [MATCH_FAILS_PATH] = "path",
    [MATCH_FAILS_LISTENER] = "listener",
    [MATCH_FAILS_METHOD] = "method",
    [MATCH_FAILS_HEADER] = "header",
    [MATCH_FAILS_QUERY] = "query",
};

static void append_considered(struct buffer *said, const struct considered_match *considered)
{
    buffer_append_slice(said, rule_route_id(considered->match->rule));
    buffer_printf(said, " %s",
                  considered->is_other_host ? "host" : verdict_names[considered->verdict]);
    if (considered->condition.length > 0)
        buffer_append_char(said, ' ');
    buffer_append_slice(said, considered->condition);
    buffer_append_string(said, considered->has_hit_limit ? " (limit)" : "");
}

static void append_list(struct buffer *said, const struct considered_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_string(said, i == 0 ? "" : ", ");
        append_considered(said, &list->items[i]);
    }
}

/* "a path, b header version and 2; c; d holds" is: a and b were considered, c takes it, d is behind
 * it, and two more are not shown. Borrowed until the next call. */
static const char *explain_with(struct table_fixture *fixture, const char *text, bool with_all)
{
    static struct buffer said;
    struct error err = {0};
    struct request_text request;
    request_text_init(&request, text);
    request.head.listener = &fixture->listener;
    struct route_explain *explain = route_explain_new(&request.head, with_all);
    for (size_t i = 0; i < fixture->route_count; i++) {
        route_acquire(fixture->routes[i]);
        route_explain_add(explain, fixture->routes[i]);
    }
    const struct route_explanation *explanation = route_explain_finish(explain, &err);
    assert_non_null(explanation);

    buffer_reset(&said);
    append_list(&said, &explanation->considered);
    if (explanation->left_out > 0)
        buffer_printf(&said, " and %zu", explanation->left_out);
    buffer_append_string(&said, "; ");
    if (explanation->winner.match == NULL)
        buffer_append_string(&said, "none");
    else
        buffer_append_slice(&said, rule_route_id(explanation->winner.match->rule));
    if (with_all)
        buffer_append_string(&said, "; ");
    append_list(&said, &explanation->behind);
    route_explain_free(explain);
    request_text_clear(&request);
    return buffer_string(&said);
}

static const char *explain(struct table_fixture *fixture, const char *text)
{
    return explain_with(fixture, text, false);
}

static void each_condition_is_named(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "path @1 : exact:/b");
    table_fixture_add(fixture, "listener @2 on=web : exact:/a method:GET header:x=1");
    table_fixture_add(fixture, "header @3 : exact:/a method:GET header:one=1 header:two=2");
    table_fixture_add(fixture, "query @4 : exact:/a method:GET query:p=1");
    table_fixture_add(fixture, "method @5 : exact:/a method:PUT");
    table_fixture_add(fixture, "taker @6 : prefix:/");

    const char *said = explain(fixture, "GET h/a?p=2 one: 1");

    assert_string_equal(said, "header header two, listener listener, query query p, "
                              "method method, path path; taker");
}

/* One that does not match for want of what it asks for has hit no limit. */
static void an_expression_that_hits_its_limit_is_named(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "path @1 : regex:/(a+)+");
    table_fixture_add(fixture,
                      "header @2 : exact:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab header~x=b+");
    table_fixture_add(fixture,
                      "slow @3 : exact:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab header~x=(a+)+");

    const char *said = explain(fixture, "GET h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab "
                                        "x: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");

    assert_string_equal(said, "header header x, slow header x (limit), path path (limit); none");
}

static void what_comes_behind_the_winner_is_not_considered(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "exact @1 : exact:/a");
    table_fixture_add(fixture, "prefix @2 : prefix:/a");
    table_fixture_add(fixture, "regex @3 : regex:/.*");

    assert_string_equal(explain(fixture, "GET h/a"), " and 2; exact");
    assert_string_equal(explain(fixture, "GET h/a/b"), "exact path and 1; regex");
}

static void with_all_what_comes_behind_is_shown_too(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "other @1 host=o : exact:/a");
    table_fixture_add(fixture, "put @1 : prefix:/a method:PUT");
    table_fixture_add(fixture, "prefix @2 : prefix:/a");
    table_fixture_add(fixture, "exact @1 : exact:/a");
    table_fixture_add(fixture, "here @1 host=h : prefix:/b");

    assert_string_equal(explain_with(fixture, "GET h/a", true),
                        "here path; exact; put method, prefix holds, other host");
}

static void hosts_go_from_the_most_specific_to_every_host(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "every @1 : prefix:/");
    table_fixture_add(fixture, "short @2 host=*.x : prefix:/ method:PUT");
    table_fixture_add(fixture, "long @3 host=*.b.x : prefix:/ method:PUT");
    table_fixture_add(fixture, "exact @4 host=a.b.x : prefix:/ method:PUT");
    table_fixture_add(fixture, "other @5 host=c.b.x : prefix:/");

    assert_string_equal(explain(fixture, "GET a.b.x/"),
                        "exact method, long method, short method; every");
    assert_string_equal(explain(fixture, "PUT a.b.x/"), " and 3; exact");
}

/* The parts of a message may be packed in any order. */
static void assert_packed_alike(struct slice parts, struct slice whole)
{
    struct buffer packed = BUFFER_EMPTY;
    ProtobufCMessage *message =
        message_unpack(&pointsman__v1__explain_response__descriptor, parts, MESSAGE_MEMORY_DEFAULT,
                       UNKNOWN_FIELDS_REFUSED, NULL);
    assert_non_null(message);
    message_pack(message, &packed);
    assert_true(slice_equals(buffer_slice(&packed), whole));
    message_free(message);
    buffer_clear(&packed);
}

/* Whoever explains may do something else after a few matches. */
static void it_is_worked_out_a_few_matches_at_a_time(void **state)
{
    enum { MATCHES = 300, AT_ONCE = 10 };
    struct table_fixture *fixture = *state;
    struct request_text request;
    struct error err = {0};
    struct explain_report report;
    request_text_init(&request, "GET h/a");
    struct route_explain *explain = route_explain_new(&request.head, true);
    for (int i = 0; i < MATCHES; i++) {
        char text[64];
        snprintf(text, sizeof(text), "r%03d @1 : exact:/a header:tenant=%d", i, i);
        table_fixture_add(fixture, text);
        route_acquire(fixture->routes[fixture->route_count - 1]);
        route_explain_add(explain, fixture->routes[fixture->route_count - 1]);
    }

    size_t turns = 1;
    while (!route_explain_go_on(explain, AT_ONCE))
        turns++;
    assert_in_range(turns, MATCHES / AT_ONCE, MATCHES / AT_ONCE + 1);

    const struct sample_request sample = {.head = request.head};
    const struct explain_facts facts = {
        .sample = &sample, .listener = "", .explanation = route_explain_finish(explain, &err)};
    assert_non_null(facts.explanation);
    assert_int_equal(facts.explanation->considered.count, MATCHES);
    explain_report_start(&report, &facts);
    for (turns = 1; !explain_report_go_on(&report, &facts, AT_ONCE); turns++)
        assert_int_equal(report.response.n_considered, turns * AT_ONCE);
    assert_int_equal(turns, MATCHES / AT_ONCE);
    assert_string_equal(report.response.considered[MATCHES - 1]->route, "r299");

    struct buffer whole = BUFFER_EMPTY;
    struct buffer taken = BUFFER_EMPTY;
    message_pack(&report.response.base, &whole);
    explain_report_clear(&report);
    explain_report_start(&report, &facts);
    bool is_done;
    do {
        is_done = explain_report_go_on(&report, &facts, AT_ONCE);
        assert_in_range(report.response.n_considered, 1, AT_ONCE);
        explain_report_take(&report, &taken);
    } while (!is_done);
    assert_packed_alike(buffer_slice(&taken), buffer_slice(&whole));
    buffer_clear(&whole);
    buffer_clear(&taken);
    explain_report_clear(&report);
    route_explain_free(explain);
    request_text_clear(&request);
}

static void no_rule_at_all_is_said(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "a @1 : exact:/a");

    assert_string_equal(explain(fixture, "GET h/b"), "a path; none");
}

static void of_many_those_of_other_paths_are_left_out_first(void **state)
{
    struct table_fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    for (int i = 0; i < 60; i++) {
        buffer_reset(&text);
        buffer_printf(&text, "far-%02d @1 : exact:/long/path/%02d", i, i);
        table_fixture_add(fixture, buffer_string(&text));
    }
    for (int i = 0; i < 49; i++) {
        buffer_reset(&text);
        buffer_printf(&text, "near-%02d @1 : exact:/a header:tenant=%d", i, i);
        table_fixture_add(fixture, buffer_string(&text));
    }
    buffer_clear(&text);

    const char *said = explain(fixture, "GET h/a");

    assert_non_null(strstr(said, "far-00 path, near-00 header tenant, near-01"));
    assert_non_null(strstr(said, "near-48 header tenant and 59; none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_condition_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_expression_that_hits_its_limit_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_comes_behind_the_winner_is_not_considered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(with_all_what_comes_behind_is_shown_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hosts_go_from_the_most_specific_to_every_host, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(it_is_worked_out_a_few_matches_at_a_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_rule_at_all_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_many_those_of_other_paths_are_left_out_first, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
