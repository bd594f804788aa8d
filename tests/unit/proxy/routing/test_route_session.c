/* How a rule keeps sessions: what is accepted, and what a route is compiled to. */
#include "common/buffer.h"
#include "proxy/routing/route_validate.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"
#include "tests/unit/proxy/routing/session_text.h"

#include <stdio.h>
#include <string.h>

static void gather(void *context, const char *field, const char *message)
{
    buffer_printf(context, "%s: %s\n", field, message);
}

/* The route of a text, whose rules all have this session. */
static RouteMessage *parse(const char *text, const char *session)
{
    RouteMessage *message = route_text_parse(text);
    for (size_t i = 0; i < message->n_rules; i++)
        message->rules[i]->session_persistence = session_text_parse(session);
    return message;
}

/* Once as an HTTPRoute and once as a GRPCRoute; no problem: it is valid. */
static void expect(const char *session, const char *problem)
{
    static const char *const texts[] = {"shop : prefix:/ -> a1", "shop grpc : -> a1"};
    for (size_t i = 0; i < 2; i++) {
        struct buffer problems = BUFFER_EMPTY;
        RouteMessage *message = parse(texts[i], session);
        bool is_valid = route_validate(message, gather, &problems);
        if (is_valid != (*problem == '\0') || strcmp(buffer_string(&problems), problem) != 0)
            fail_msg("'%s': wanted '%s', got '%s'", session, problem, buffer_string(&problems));
        route_text_free(message);
        buffer_clear(&problems);
    }
}

/* --- what is accepted ----------------------------------------------------------------------- */

/* SESSION-13 */
static void what_the_types_allow_is_accepted(void **state)
{
    (void)state;
    expect("kept", "");
    expect("cookie", "");
    expect("type:Cookie", "");
    expect("type:Cookie cookie:JSESSIONID path:/a/b session", "");
    expect("cookie:a!#$%&'*+-.^_`|~9 path:/", "");
    expect("permanent timeout:1", "");
    expect("timeout:300000", "");
    expect("type:Header header:X-Session timeout:1", "");
}

/* SESSION-13 */
static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    expect("permanent", "rules[0].session_persistence.cookie.lifetime_type: is Permanent, which "
                        "needs an absolute timeout\n");
    expect("type:Header header:x cookie", "rules[0].session_persistence.cookie: goes together with "
                                          "the type Cookie alone\n");
    expect("header:x", "rules[0].session_persistence.header: goes together with the type Header "
                       "alone\n");
    expect("type:Cookie header:x", "rules[0].session_persistence.header: goes together with the "
                                   "type Header alone\n");
    expect("type:Header", "rules[0].session_persistence.header: must be given: the type is "
                          "Header\n");
    expect("timeout:0", "rules[0].session_persistence.absolute_timeout: must be longer than 0s; "
                        "without one, there is no limit\n");
    expect("timeout:-1000", "rules[0].session_persistence.absolute_timeout: must not be "
                            "negative\n");
}

static void expect_bad_cookie(const char *session, const char *field)
{
    struct buffer problem = BUFFER_EMPTY;
    buffer_printf(&problem, "rules[0].session_persistence.cookie.%s: must %s\n", field,
                  *field == 'n' ? "be a token (RFC 6265 section 4.1.1), at most 256 characters"
                                : "start with '/' and be printable ASCII without ';', at most 1024 "
                                  "characters");
    expect(session, buffer_string(&problem));
    buffer_clear(&problem);
}

/* SESSION-13 */
static void names_and_paths_that_no_cookie_can_have_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"a=b", "a;b", "a\"b", "a,b", "a\tb", "\xc3\xa4", "a\x7f"};
    static const char *const paths[] = {"a", "/a;b", "/\x01", "/\x7f", "/\xc3\xa4", "/a\r\nb:"};
    char session[2048];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(session, sizeof(session), "cookie:%s", names[i]);
        expect_bad_cookie(session, "name");
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        snprintf(session, sizeof(session), "path:%s", paths[i]);
        expect_bad_cookie(session, "path");
    }
    snprintf(session, sizeof(session), "cookie:%0256d", 0);
    expect(session, "");
    snprintf(session, sizeof(session), "cookie:%0257d", 0);
    expect_bad_cookie(session, "name");
    snprintf(session, sizeof(session), "path:/%01023d", 0);
    expect(session, "");
    snprintf(session, sizeof(session), "path:/%01024d", 0);
    expect_bad_cookie(session, "path");
}

/* SESSION-13 */
static void headers_that_mean_something_else_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"Host",          "Set-Cookie",        "cookie",
                                        "Connection",    "Transfer-Encoding", "Content-Length",
                                        "Authorization", "X-Forwarded-For",   "X-Forwarded-Mine",
                                        "X-Request-ID",  "Upgrade",           "TE"};
    char session[256], problem[256];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(session, sizeof(session), "type:Header header:%s", names[i]);
        snprintf(problem, sizeof(problem),
                 "rules[0].session_persistence.header.name: must not be '%s', which has a meaning "
                 "of its own\n",
                 names[i]);
        expect(session, problem);
    }
    expect("type:Header header:my_session",
           "rules[0].session_persistence.header.name: must not be 'my_session': requests lose "
           "headers of such a name\n");
    expect("type:Header header:", "rules[0].session_persistence.header.name: must not be empty\n");
}

static void numbers_of_no_type_are_refused(void **state)
{
    (void)state;
    struct buffer problems = BUFFER_EMPTY;
    RouteMessage *message = parse("shop : -> a1", "cookie");
    message->rules[0]->session_persistence->type = 9;
    message->rules[0]->session_persistence->cookie->lifetime_type = 8;

    assert_false(route_validate(message, gather, &problems));

    assert_string_equal(buffer_string(&problems),
                        "rules[0].session_persistence.type: is unknown: 9\n"
                        "rules[0].session_persistence.cookie.lifetime_type: is unknown: 8\n");
    route_text_free(message);
    buffer_clear(&problems);
}

/* --- what it becomes ------------------------------------------------------------------------ */

static struct route *compile(const char *text, const char *session)
{
    RouteMessage *message = parse(text, session);
    struct route *route = route_text_compile_message(message, false);
    route_text_free(message);
    return route;
}

static void a_rule_keeps_no_sessions_unless_it_says_so(void **state)
{
    (void)state;
    struct route *route = route_text_compile("shop : prefix:/ -> a1");
    assert_null(route->rules[0].policy->session);
    route_release(&route);
}

static void what_is_given_is_kept(void **state)
{
    (void)state;
    struct route *route =
        compile("shop : prefix:/ -> a1", "cookie:JSESSIONID path:/app permanent timeout:5250");
    const struct session_policy *session = route->rules[0].policy->session;
    assert_true(slice_equals(session->name, SLICE("JSESSIONID")));
    assert_true(slice_equals(session->path, SLICE("/app")));
    assert_true(session->is_permanent && !session->is_header);
    assert_int_equal(session->absolute_timeout_ms, 5250);
    assert_true(route->rules[0].policy->request_timeout_ms == TIMEOUT_UNSET);
    route_release(&route);

    route = compile("shop : prefix:/ -> a1", "type:Header header:X-Session");
    session = route->rules[0].policy->session;
    assert_true(session->is_header && slice_equals(session->name, SLICE("X-Session")));
    assert_int_equal(session->absolute_timeout_ms, 0);
    route_release(&route);
}

/* SESSION-4 */
static void what_is_not_given_has_a_default(void **state)
{
    (void)state;
    struct route *route = compile("shop : prefix:/ -> a1", "kept");
    const struct session_policy *session = route->rules[0].policy->session;
    assert_true(slice_equals(session->path, SLICE("/")));
    assert_true(!session->is_permanent && !session->is_header);
    assert_int_equal(session->name.length, 24);
    assert_true(slice_has_prefix(session->name, SLICE("session-")));
    route_release(&route);
}

/* SESSION-3: clients hold it, so it is the same in the next version too. */
static void a_name_that_was_not_given_is_always_the_same(void **state)
{
    (void)state;
    struct route *route = compile("ns/shop host=a.b : exact:/a -> a1; prefix:/b -> a1,b2", "kept");
    assert_true(
        slice_equals(route->rules[0].policy->session->name, SLICE("session-94355c578ae32689")));
    assert_true(
        slice_equals(route->rules[1].policy->session->name, SLICE("session-cde40bbb7b82dfe9")));
    route_release(&route);

    struct route *changed = compile("ns/shop : prefix:/other -> c3; -> a1", "cookie timeout:9");
    assert_true(
        slice_equals(changed->rules[0].policy->session->name, SLICE("session-94355c578ae32689")));
    route_release(&changed);
}

/* SESSION-3 */
static void a_rule_with_a_name_keeps_its_cookie_when_it_moves(void **state)
{
    (void)state;
    RouteMessage *message = parse("shop : exact:/a -> a1; exact:/b -> a1; exact:/c -> a1", "kept");
    message->rules[2]->name = memory_duplicate_string("cart");
    struct route *before = route_text_compile_message(message, false);
    RouteRuleMessage *first = message->rules[0];
    message->rules[0] = message->rules[2];
    message->rules[2] = first;
    struct route *after = route_text_compile_message(message, false);
    route_text_free(message);

    struct slice name = before->rules[2].policy->session->name;
    assert_true(slice_equals(after->rules[0].policy->session->name, name));
    assert_false(slice_equals(before->rules[0].policy->session->name, name));
    route_release(&before);
    route_release(&after);
}

/* SESSION-3 */
static void no_two_rules_have_one_name_unless_they_say_so(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "shop : prefix:/ -> a1; prefix:/ -> a1", "shop grpc : -> a1; -> a1",
        "ns/shop : prefix:/ -> a1; prefix:/ -> a1", "shop1 : prefix:/ -> a1; prefix:/ -> a1"};
    struct route *routes[4];
    struct slice names[8];
    for (size_t i = 0; i < 4; i++) {
        routes[i] = compile(texts[i], "kept");
        names[2 * i] = routes[i]->rules[0].policy->session->name;
        names[2 * i + 1] = routes[i]->rules[1].policy->session->name;
    }
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < i; j++)
            assert_false(slice_equals(names[i], names[j]));
    }
    for (size_t i = 0; i < 4; i++)
        route_release(&routes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_types_allow_is_accepted),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(names_and_paths_that_no_cookie_can_have_are_refused),
        cmocka_unit_test(headers_that_mean_something_else_are_refused),
        cmocka_unit_test(numbers_of_no_type_are_refused),
        cmocka_unit_test(a_rule_keeps_no_sessions_unless_it_says_so),
        cmocka_unit_test(what_is_given_is_kept),
        cmocka_unit_test(what_is_not_given_has_a_default),
        cmocka_unit_test(a_name_that_was_not_given_is_always_the_same),
        cmocka_unit_test(a_rule_with_a_name_keeps_its_cookie_when_it_moves),
        cmocka_unit_test(no_two_rules_have_one_name_unless_they_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
