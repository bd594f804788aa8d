#include "common/buffer.h"
#include "proxy/routing/auth_edits.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/fields_text.h"

#include <string.h>

enum { EDITS_MAX = 8 };

/* "=name=value;..." where what stands in front of a name is '=' when it replaces, '+' appends, '?'
 * adds where there is none, and '!' replaces where there is one. */
static struct auth_edit_list parse(const char *text, struct auth_edit items[EDITS_MAX])
{
    static const char signs[] = "=+?!";
    struct auth_edit_list list = {.items = items};
    while (*text != '\0') {
        const char *equals = strchr(text + 1, '=');
        size_t length = strcspn(equals, ";");
        items[list.count].action = (enum auth_edit_action)(strchr(signs, *text) - signs);
        items[list.count].header.name = slice_of(text + 1, (size_t)(equals - text) - 1);
        items[list.count++].header.value = slice_of(equals + 1, length - 1);
        text = equals + length;
        text += *text == ';';
    }
    return list;
}

static struct header_list fields_of(const char *text, struct arena *arena)
{
    struct header_list fields = {0};
    header_list_move(&fields, EDITS_MAX, arena);
    while (*text != '\0') {
        const char *equals = strchr(text + 1, '=');
        size_t length = strcspn(equals, ";");
        struct slice name = slice_of(text, (size_t)(equals - text));
        header_list_add(&fields, name, slice_of(equals + 1, length - 1), header_name_id(name));
        text = equals + length;
        text += *text == ';';
    }
    return fields;
}

static void expect_request(const char *before, const char *edits, const char *removed,
                           const char *after)
{
    struct arena arena = {0};
    struct auth_edit items[EDITS_MAX];
    struct slice name = slice_from_string(removed);
    struct header_list fields = fields_of(before, &arena);
    const struct auth_edits all = {
        .request_headers = parse(edits, items),
        .removed_headers = &name,
        .removed_header_count = removed[0] != '\0',
    };
    auth_edits_apply_request(&all, &fields, &arena);
    fields_assert(&fields, after);
    arena_clear(&arena);
}

/* FLT-AUTH-20 */
static void what_is_replaced_is_the_services_alone(void **state)
{
    (void)state;
    expect_request("x-user=evil;a=1;X-User=evil", "=X-User=kim", "", "a=1;X-User=kim;");
    expect_request("a=1", "=x-user=kim", "", "a=1;x-user=kim;");
    expect_request("x-user=evil", "=x-user=", "", "x-user=;");
    expect_request("x-user=evil", "=x-user=a;=x-user=b", "", "x-user=a;x-user=b;");
}

/* FLT-AUTH-20 */
static void what_services_read_alike_goes_too(void **state)
{
    (void)state;
    expect_request("x.user=evil;x!user=evil;xuser=a", "=x-user=kim", "", "xuser=a;x-user=kim;");
    expect_request("x.user=evil;x-user=a", "+x-user=kim", "", "x-user=a;x-user=kim;");
    expect_request("x.user=evil", "?x-user=kim", "", "x-user=kim;");
    expect_request("x.user=evil;x-user=evil", "", "X-User", "");
}

/* FLT-AUTH-20 */
static void actions_look_at_what_was_there(void **state)
{
    (void)state;
    expect_request("a=1", "+a=2", "", "a=1;a=2;");
    expect_request("", "+a=2", "", "a=2;");
    expect_request("a=1", "?a=2", "", "a=1;");
    expect_request("", "?a=2", "", "a=2;");
    expect_request("a=1", "!a=2", "", "a=2;");
    expect_request("", "!a=2", "", "");
}

/* FLT-AUTH-20 */
static void what_is_removed_may_be_written_anew(void **state)
{
    (void)state;
    expect_request("authorization=s;a=1", "", "authorization", "a=1;");
    expect_request("authorization=s;a=1", "=Authorization=t", "Authorization",
                   "a=1;Authorization=t;");
    expect_request("a=1", "?a=2", "a", "a=2;");
    expect_request("a=1", "", "b", "a=1;");
}

/* FLT-AUTH-20 */
static void what_is_not_the_services_to_say_stays(void **state)
{
    (void)state;
    static const char *const names[] = {
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "expect",
        "http2-settings",
        "proxy",
        "proxy-connection",
        "cdn-loop",
        "x_user",
        "x-forwarded-for",
        "x-client-cert-subject",
        "x-forwarded-host",
        "x.forwarded.for",
        "x-forwarded-proto",
        "x-client-cert-verified",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct buffer edit = BUFFER_EMPTY;
        buffer_printf(&edit, "=%s=evil", names[i]);
        expect_request("a=1", buffer_string(&edit), "", "a=1;");
        buffer_clear(&edit);
    }
    expect_request("x-forwarded-for=c", "", "x-forwarded-for", "x-forwarded-for=c;");
    expect_request("x-client-cert-subject=c", "", "X-Client-Cert-Subject",
                   "x-client-cert-subject=c;");
    expect_request("cdn-loop=p", "=cdn.loop=evil", "cdn!loop", "cdn-loop=p;cdn.loop=evil;");
    expect_request("a=1", "", ":authority", "a=1;");
    expect_request("a=1", "", "Host", "a=1;");
}

/* FLT-AUTH-21 */
static void responses_are_edited_but_for_their_frames(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct auth_edit items[EDITS_MAX];
    struct header_list fields = fields_of("set-cookie=a;x.user=b;x-old=c", &arena);
    const struct auth_edit_list edits = parse(
        "+set-cookie=d;=X-User=kim;=x-old=new;=content-length=9;=connection=close;=x_a=1", items);

    auth_edits_apply_response(&edits, &fields, &arena);

    fields_assert(&fields, "set-cookie=a;x.user=b;set-cookie=d;X-User=kim;x-old=new;x_a=1;");
    arena_clear(&arena);
}

/* --- queries --------------------------------------------------------------------------------- */

static void expect_query(const char *before, const char *name, const char *value,
                         const char *removed, const char *after)
{
    struct arena arena = {0};
    struct request_head head = {.has_query = before != NULL};
    head.query = before == NULL ? slice_of(NULL, 0) : slice_from_string(before);
    const struct header parameter = {slice_from_string(name), slice_from_string(value)};
    struct slice gone = slice_from_string(removed);
    const struct auth_edits edits = {
        .parameters = &parameter,
        .parameter_count = name[0] != '\0',
        .removed_parameters = &gone,
        .removed_parameter_count = removed[0] != '\0',
    };
    assert_true(auth_edits_have_query(&edits));
    auth_edits_apply_query(&edits, &head, &arena);
    assert_int_equal(head.has_query, after != NULL);
    if (after != NULL && !slice_equals(head.query, slice_from_string(after)))
        fail_msg("'%.*s' is not '%s'", (int)head.query.length, head.query.at, after);
    arena_clear(&arena);
}

/* FLT-AUTH-21 */
static void parameters_are_set_behind_the_others(void **state)
{
    (void)state;
    expect_query(NULL, "a", "1", "", "a=1");
    expect_query("", "a", "1", "", "a=1");
    expect_query("b=2", "a", "1", "", "b=2&a=1");
    expect_query("a=0&b=2&a&c", "a", "1", "", "b=2&c&a=1");
    expect_query("A=0", "a", "", "", "A=0&a=");
}

/* FLT-AUTH-21 */
static void parameters_are_removed_by_their_decoded_names(void **state)
{
    (void)state;
    expect_query("a=0", "", "", "a", NULL);
    expect_query("%61=0&a=1&b", "", "", "a", "b");
    expect_query("a+b=0&a%20b=1&ab", "", "", "a b", "ab");
    expect_query("a%20b=1", "", "", "a%20b", NULL);
    expect_query("b=2&&c=%zz&", "", "", "a", "b=2&c=%zz");
    expect_query("a=0&b=1", "a", "x", "b", "a=x");
    expect_query("ab=1&b=2", "", "", "a", "ab=1&b=2");
}

/* FLT-AUTH-21 */
static void what_may_not_stand_in_a_query_is_encoded(void **state)
{
    (void)state;
    expect_query(NULL, "a", "x y", "", "a=x%20y");
    expect_query(NULL, "a", "x&admin=1", "", "a=x%26admin=1");
    expect_query(NULL, "a=b&c", "#\r\n", "", "a%3Db%26c=%23%0D%0A");
    expect_query(NULL, "a", "x%20y%2", "", "a=x%20y%252");
    expect_query(NULL, "a", "caf\xc3\xa9", "", "a=caf%C3%A9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_replaced_is_the_services_alone),
        cmocka_unit_test(what_services_read_alike_goes_too),
        cmocka_unit_test(actions_look_at_what_was_there),
        cmocka_unit_test(what_is_removed_may_be_written_anew),
        cmocka_unit_test(what_is_not_the_services_to_say_stays),
        cmocka_unit_test(responses_are_edited_but_for_their_frames),
        cmocka_unit_test(parameters_are_set_behind_the_others),
        cmocka_unit_test(parameters_are_removed_by_their_decoded_names),
        cmocka_unit_test(what_may_not_stand_in_a_query_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
