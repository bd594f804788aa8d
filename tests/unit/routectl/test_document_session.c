#include "control/routectl/document_json.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

#include <stdio.h>
#include <string.h>

/* The text of a route whose rule has this session, on one line. */
static const char *route_of(const char *session)
{
    static char text[1024];
    snprintf(text, sizeof(text), ROUTE_HEAD "spec:\n  rules:\n  - sessionPersistence: %s\n",
             session);
    return text;
}

static const SessionPersistenceMessage *read_session(const char *session)
{
    documents_reset(NULL);
    documents_read_ok(route_of(session));
    return documents_draft.request.mutations[0]->put_route->rules[0]->session_persistence;
}

/* What is read is written so. */
static void expect_written(const char *session, const char *expected)
{
    read_session(session);
    struct buffer text = BUFFER_EMPTY;
    documents_write_route(&text, documents_draft.request.mutations[0]->put_route);
    const char *found = strstr(buffer_string(&text), "sessionPersistence:");
    assert_non_null(found);
    assert_string_equal(found, expected);
    buffer_clear(&text);
}

static void the_form_of_today_is_read(void **state)
{
    (void)state;
    const SessionPersistenceMessage *session =
        read_session("{absoluteTimeout: 1h30m, type: Cookie, cookie: {name: sid, path: /a, "
                     "lifetimeType: Permanent}}");
    assert_int_equal(session->absolute_timeout->seconds, 5400);
    assert_int_equal(session->type,
                     POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_COOKIE);
    assert_string_equal(session->cookie->name, "sid");
    assert_string_equal(session->cookie->path, "/a");
    assert_int_equal(session->cookie->lifetime_type,
                     POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT);

    session = read_session("{type: Header, header: {name: X-Session}}");
    assert_int_equal(session->type,
                     POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER);
    assert_string_equal(session->header->name, "X-Session");
}

static void a_grpc_route_has_them_too(void **state)
{
    (void)state;
    documents_read_ok("apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\n"
                      "metadata: {name: users}\n"
                      "spec: {rules: [{sessionPersistence: {type: Header, header: {name: x}}}]}\n");
    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    assert_string_equal(route->rules[0]->session_persistence->header->name, "x");
}

/* DOC-6 */
static void what_was_given_is_written_and_nothing_else(void **state)
{
    (void)state;
    expect_written("{}", "sessionPersistence: {}\n");
    expect_written("{type: Cookie}", "sessionPersistence:\n      type: Cookie\n");
    expect_written("{cookie: {}}", "sessionPersistence:\n      cookie: {}\n");
    expect_written("{type: Header, header: {name: x}}",
                   "sessionPersistence:\n      type: Header\n      header:\n        name: x\n");
}

/* SESSION-14 */
static void the_older_form_is_read_as_that_of_today(void **state)
{
    (void)state;
    expect_written("{sessionName: sid}", "sessionPersistence:\n      cookie:\n        name: sid\n");
    expect_written("{sessionName: sid, absoluteTimeout: 1h, cookieConfig: {lifetimeType: "
                   "Permanent}, type: Cookie}",
                   "sessionPersistence:\n      absoluteTimeout: 1h\n      type: Cookie\n"
                   "      cookie:\n        name: sid\n        lifetimeType: Permanent\n");
    expect_written("{cookieConfig: {lifetimeType: Session}}",
                   "sessionPersistence:\n      cookie:\n        lifetimeType: Session\n");
    expect_written("{sessionName: X-Session, type: Header}",
                   "sessionPersistence:\n      type: Header\n      header:\n"
                   "        name: X-Session\n");
    expect_written("{sessionName: null, cookieConfig: ~, cookie: {name: a}}",
                   "sessionPersistence:\n      cookie:\n        name: a\n");
}

#define AT "spec.rules[0].sessionPersistence"

/* SESSION-14 */
static void both_forms_together_are_refused(void **state)
{
    (void)state;
    assert_documents_refused(route_of("{sessionName: sid, cookie: {path: /}}"),
                             "a.yaml:6:39: " AT ".sessionName: is of an older form, and excludes "
                             "'cookie' and 'header', which are given\n");
    assert_documents_refused(
        route_of("{header: {name: x}, type: Header, cookieConfig: {}, sessionName: y}"),
        "a.yaml:6:73: " AT ".cookieConfig: is of an older form, and excludes 'cookie' and "
        "'header', which are given\n"
        "a.yaml:6:90: " AT ".sessionName: is of an older form, and excludes 'cookie' and "
        "'header', which are given\n");
}

static void what_is_wrong_names_its_place(void **state)
{
    (void)state;
    assert_documents_refused(route_of("{idleTimeout: 1h, sessionname: x}"),
                             "a.yaml:6:26: " AT
                             ": 'idleTimeout' is not supported: absoluteTimeout limits a session; "
                             "the Gateway API has dropped this one\n"
                             "a.yaml:6:43: " AT ": unknown field 'sessionname'\n");
    assert_documents_refused(route_of("{type: Magic}"),
                             "a.yaml:6:32: " AT ".type: 'Magic' is none of Cookie, Header\n");
    assert_documents_refused(route_of("{cookie: {name: '', path: '', lifetimeType: Ever}}"),
                             "a.yaml:6:41: " AT ".cookie.name: must not be empty; leave it out\n"
                             "a.yaml:6:51: " AT ".cookie.path: must not be empty; leave it out\n"
                             "a.yaml:6:69: " AT
                             ".cookie.lifetimeType: 'Ever' is none of Permanent, Session\n");
    assert_documents_refused(route_of("{sessionName: ''}"),
                             "a.yaml:6:39: " AT ".sessionName: must not be empty; leave it out\n");
    assert_documents_refused(route_of("{sessionName: [a]}"),
                             "a.yaml:6:39: " AT ".sessionName: is not a text\n");
    assert_documents_refused(route_of("{cookieConfig: {name: a}}"),
                             "a.yaml:6:40: " AT
                             ".cookieConfig: has 'lifetimeType' alone; 'cookie' has 'name' and "
                             "'path' too\n");
    assert_documents_refused(route_of("{cookieConfig: {lifetimeType: Ever}}"),
                             "a.yaml:6:55: " AT ".cookieConfig.lifetimeType: 'Ever' is none of "
                             "Permanent, Session\n");
    assert_documents_refused(route_of("{absoluteTimeout: 5}"),
                             "a.yaml:6:43: " AT ".absoluteTimeout: '5' is not a duration such as "
                             "250ms, 10s or 1h30m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(the_form_of_today_is_read),
        DOCUMENT_TEST(a_grpc_route_has_them_too),
        DOCUMENT_TEST(what_was_given_is_written_and_nothing_else),
        DOCUMENT_TEST(the_older_form_is_read_as_that_of_today),
        DOCUMENT_TEST(both_forms_together_are_refused),
        DOCUMENT_TEST(what_is_wrong_names_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
