#include "common/buffer.h"
#include "proxy/routing/regex.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"
#include "tests/unit/proxy/routing/table_fixture.h"

#include <stdlib.h>
#include <string.h>

static void a_method_goes_before_more_headers(void **state)
{
    table_fixture_add(*state, "headers @1 : prefix:/ header:a=1 header:b=2");
    table_fixture_add(*state, "method @2 : prefix:/ method:GET");

    table_fixture_expect(state, "GET h/ a: 1 | b: 2", "method");
    table_fixture_expect(state, "PUT h/ a: 1 | b: 2", "headers");
    table_fixture_expect(state, "get h/", "none");
}

/* ORDER-7; GRPCRouteRule.matches: characters of the service, of the method, header matches. */
static void of_grpc_the_service_goes_first_then_the_method_then_headers(void **state)
{
    table_fixture_add(*state, "any @1 grpc : header:a=1 header:b=2");
    table_fixture_add(*state, "method @2 grpc : grpc:Get");
    table_fixture_add(*state, "header @3 grpc : grpc:Get header:a=1");
    table_fixture_add(*state, "service @4 grpc : prefix:/s");
    table_fixture_add(*state, "both @5 grpc : exact:/s/Put");
    table_fixture_add(*state, "longer @6 grpc : grpc:GetAll");

    table_fixture_expect(state, "POST h/s/Get a: 1 | b: 2", "GRPCRoute/service");
    table_fixture_expect(state, "POST h/s/Put", "GRPCRoute/both");
    table_fixture_expect(state, "POST h/t/Get a: 1 | b: 2", "GRPCRoute/header");
    table_fixture_expect(state, "POST h/t/Get", "GRPCRoute/method");
    table_fixture_expect(state, "POST h/t/GetAll", "GRPCRoute/longer");
    table_fixture_expect(state, "POST h/t/Put a: 1 | b: 2", "GRPCRoute/any");
    table_fixture_expect(state, "POST h/t/u/Get", "none");
    table_fixture_expect(state, "POST h//Get", "none");
    table_fixture_expect(state, "POST h/Get", "none");
    table_fixture_expect(state, "POST h/t/get", "none");
}

/* TIE-2; GRPCRoute: routes of both kinds compete where they serve one hostname. */
static void of_one_name_the_http_route_goes_first(void **state)
{
    table_fixture_add(*state, "b @1 grpc : exact:/s/Get");
    table_fixture_add(*state, "b @1 : exact:/s/Get");
    table_fixture_add(*state, "a @1 grpc : exact:/s/Get");
    table_fixture_expect(state, "POST h/s/Get", "GRPCRoute/a");

    table_fixture_remove(*state, "GRPCRoute/a");
    table_fixture_expect(state, "POST h/s/Get", "b");

    table_fixture_remove(*state, "b");
    table_fixture_expect(state, "POST h/s/Get", "GRPCRoute/b");
}

static void more_headers_go_before_more_parameters(void **state)
{
    table_fixture_add(*state, "params @1 : prefix:/ query:x=1 query:y=2");
    table_fixture_add(*state, "header @2 : prefix:/ header:a=1");
    table_fixture_add(*state, "headers @3 : prefix:/ header:a=1 header:b=2");

    table_fixture_expect(state, "GET h/?x=1&y=2 a: 1 | b: 2", "headers");
    table_fixture_expect(state, "GET h/?x=1&y=2 a: 1", "header");
    table_fixture_expect(state, "GET h/?x=1&y=2", "params");
}

static void more_parameters_go_first(void **state)
{
    table_fixture_add(*state, "one @1 : prefix:/ query:x=1");
    table_fixture_add(*state, "two @2 : prefix:/ query:x=1 query:y=2");

    table_fixture_expect(state, "GET h/?x=1&y=2", "two");
    table_fixture_expect(state, "GET h/?y=3&x=1", "one");
}

static void header_names_ignore_case_and_values_do_not(void **state)
{
    table_fixture_add(*state, "header : prefix:/ header:X-Tenant=One");

    table_fixture_expect(state, "GET h/ x-tenant: One", "header");
    table_fixture_expect(state, "GET h/ X-TENANT: One", "header");
    table_fixture_expect(state, "GET h/ X-Tenant: one", "none");
    table_fixture_expect(state, "GET h/ X-Tenant: One ", "none");
}

static void a_repeated_header_is_joined(void **state)
{
    table_fixture_add(*state, "joined : prefix:/ header~accept=text,.json");
    table_fixture_add(*state, "exact : prefix:/x header:cookie=a,b");

    table_fixture_expect(state, "GET h/ accept: text | x: y | Accept: json", "joined");
    table_fixture_expect(state, "GET h/ accept: text,-json", "joined");
    table_fixture_expect(state, "GET h/ accept: text | accept: json | accept: xml", "none");
    table_fixture_expect(state, "GET h/x cookie: a,b", "exact");
    table_fixture_expect(state, "GET h/x cookie: a | cookie: b", "none");
}

static void joined_values_are_matched_whole(void **state)
{
    RouteMessage *message = route_text_parse("joined : prefix:/ header:accept=?");
    free(message->rules[0]->matches[0]->headers[0]->value);
    message->rules[0]->matches[0]->headers[0]->value = strdup("text, json, xml");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    table_fixture_expect(state, "GET h/ accept: text | accept: json | accept: xml", "joined");
    table_fixture_expect(state, "GET h/ accept: text, json | accept: xml", "joined");
    table_fixture_expect(state, "GET h/ accept: text | accept: json", "none");
    table_fixture_expect(state, "GET h/ accept: text | accept: json | accept: xml | accept: y",
                         "none");
    table_fixture_expect(state, "GET h/ accept: text, json, xml", "joined");
}

static void set_cookie_is_never_joined(void **state)
{
    table_fixture_add(*state, "cookie : prefix:/ header~set-cookie=a");

    table_fixture_expect(state, "GET h/ set-cookie: a | set-cookie: b", "cookie");
    table_fixture_expect(state, "GET h/ set-cookie: b | set-cookie: a", "none");
}

static void of_equal_header_names_the_first_counts(void **state)
{
    table_fixture_add(*state, "twice @1 : prefix:/ header:v=1 header:V=2");
    table_fixture_add(*state, "pair @2 : prefix:/ header:v=1 header:w=1");

    table_fixture_expect(state, "GET h/ v: 1", "twice");
    table_fixture_expect(state, "GET h/ v: 1 | w: 1", "pair");
}

static void query_is_compared_decoded(void **state)
{
    table_fixture_add(*state, "query : prefix:/ query:name=a&b");

    table_fixture_expect(state, "GET h/?name=a%26b", "query");
    table_fixture_expect(state, "GET h/?n%61me=%61%26b", "query");
    table_fixture_expect(state, "GET h/?name=a&b", "none");
    table_fixture_expect(state, "GET h/?Name=a%26b", "none");
}

static void a_plus_is_a_space_and_a_lone_percent_itself(void **state)
{
    RouteMessage *message = route_text_parse("query : prefix:/ query:q=?");
    free(message->rules[0]->matches[0]->query_params[0]->value);
    message->rules[0]->matches[0]->query_params[0]->value = strdup("a b%");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    table_fixture_expect(state, "GET h/?q=a+b%", "query");
    table_fixture_expect(state, "GET h/?q=a%20b%25", "query");
    table_fixture_expect(state, "GET h/?q=a%2bb%", "none");
}

static void the_first_of_a_repeated_parameter_counts(void **state)
{
    table_fixture_add(*state, "query : prefix:/ query:x=1");

    table_fixture_expect(state, "GET h/?x=1&x=2", "query");
    table_fixture_expect(state, "GET h/?x=2&x=1", "none");
    table_fixture_expect(state, "GET h/?&&x=1", "query");
    table_fixture_expect(state, "GET h/?x", "none");
}

static void expressions_match_whole_values(void **state)
{
    table_fixture_add(*state, "header : prefix:/a header~v=[0-9]+|x");
    table_fixture_add(*state, "query : prefix:/b query~v=[0-9]+|x");

    table_fixture_expect(state, "GET h/a v: 12", "header");
    table_fixture_expect(state, "GET h/a v: x", "header");
    table_fixture_expect(state, "GET h/a v: 12a", "none");
    table_fixture_expect(state, "GET h/a", "none");
    table_fixture_expect(state, "GET h/b?v=1%32", "query");
    table_fixture_expect(state, "GET h/b?v=a12", "none");
}

static void a_listener_restricts_where_a_route_applies(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(*state, "named @1 on=web : prefix:/");
    table_fixture_add(*state, "port @2 on=:9090 : prefix:/");
    table_fixture_add(*state, "pair @3 on=web:1 on=other:8443 : prefix:/");

    fixture->listener = (struct listener_identity){SLICE("web"), 80};
    table_fixture_expect(state, "GET h/", "named");
    fixture->listener = (struct listener_identity){SLICE("x"), 9090};
    table_fixture_expect(state, "GET h/", "port");
    fixture->listener = (struct listener_identity){SLICE("other"), 8443};
    table_fixture_expect(state, "GET h/", "pair");
    fixture->listener = (struct listener_identity){SLICE("other"), 8444};
    table_fixture_expect(state, "GET h/", "none");
}

static void one_reference_to_every_listener_lifts_the_others(void **state)
{
    RouteMessage *message = route_text_parse("both on=web on= : prefix:/");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    table_fixture_expect(state, "GET h/", "both");
}

/* Routes "r100" and so on, `count` of them; "#" in the format is their number. */
static void add_numbered(void **state, unsigned count, const char *format)
{
    for (unsigned i = 100; i < 100 + count; i++) {
        struct buffer text = BUFFER_EMPTY;
        buffer_printf(&text, "r%u%s : ", i, strstr(format, "grpc:") == NULL ? "" : " grpc");
        route_text_append_numbered(&text, format, i);
        table_fixture_add(*state, buffer_string(&text));
        buffer_clear(&text);
    }
}

/* How often an expression was given up for the request, which nobody takes. */
static uint64_t limit_hits_of(void **state, struct buffer *request)
{
    uint64_t before = regex_own_limit_hits();
    table_fixture_expect(state, buffer_string(request), "none");
    return regex_own_limit_hits() - before;
}

/* What takes very long not to match "(a+)+". */
#define LONG_TEXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"

/* However often its path says what expressions are found by. */
static void no_request_has_an_expression_tried_over_and_over(void **state)
{
    struct buffer request = BUFFER_EMPTY;
    add_numbered(state, 400, "regex:/.*/items/#/(a+)+");
    buffer_append_string(&request, "GET h/");
    for (int i = 0; i < 32; i++)
        buffer_append_string(&request, "/items/217");
    buffer_append_string(&request, "/" LONG_TEXT);

    assert_int_equal(limit_hits_of(state, &request), 1);
    buffer_clear(&request);
}

/* Only those are tried whose texts the value has; the last character is not what they want. */
static void expressions_for_values_are_found_by_what_they_must_contain(void **state)
{
    struct buffer request = BUFFER_EMPTY;
    add_numbered(state, 400, "prefix:/h header~tenant=.*tenant-#-(a+)+");
    add_numbered(state, 400, "prefix:/q query~p=.*tenant-#-(a+)+ query~q=.*");

    table_fixture_expect(state, "GET h/h Tenant: x | TENANT: tenant-217-aa", "r217");
    buffer_append_string(&request, "GET h/h tenant: tenant-217-" LONG_TEXT);
    assert_int_equal(limit_hits_of(state, &request), 1);

    table_fixture_expect(state, "GET h/q?q&%70=tenant-3%30%30-aa&p=2", "r300");
    buffer_reset(&request);
    buffer_append_string(&request, "GET h/q?q=1&p=ten%61nt-300-" LONG_TEXT);
    assert_int_equal(limit_hits_of(state, &request), 1);
    buffer_clear(&request);
}

/* A long value is not looked through for the few expressions there are; nor are they lost. */
static void few_expressions_among_many_are_found_by_long_values(void **state)
{
    struct buffer request = BUFFER_EMPTY;
    add_numbered(state, 60, "header:tenant=#");
    table_fixture_add(*state, "one : header~session=.*;.group=1;.*");
    table_fixture_add(*state, "two : header~session=.*;.group=2;.*");
    buffer_append_string(&request, "GET h/s/m session: ");
    for (int i = 0; i < 100; i++)
        buffer_append_string(&request, "x=1; ");
    buffer_append_string(&request, "group=2; y=2");

    table_fixture_expect(state, buffer_string(&request), "two");
    table_fixture_remove(*state, "two");
    table_fixture_expect(state, buffer_string(&request), "none");
    buffer_append_string(&request, " | tenant: 117");
    table_fixture_expect(state, buffer_string(&request), "r117");
    buffer_clear(&request);
}

/* What stands in two headers of one name is one value. */
static void a_text_may_begin_in_one_header_and_end_in_the_next(void **state)
{
    add_numbered(state, 40, "header~a=.*x,.#");
    table_fixture_expect(state, "GET h/ a: x | a: 117", "r117");
    table_fixture_expect(state, "GET h/ a: x | b: 117", "none");
    table_fixture_expect(state, "GET h/ a: 117 | a: x", "none");
}

/* One path that has what very many expressions are found by. */
static void what_takes_a_path_is_found_behind_what_many_others_ask_for(void **state)
{
    struct buffer request = BUFFER_EMPTY;
    add_numbered(state, 900, "regex:/.*/i/#");
    buffer_append_string(&request, "GET h/a");
    for (int i = 100; i < 200; i++)
        buffer_printf(&request, "/i/%d", i);

    table_fixture_expect(state, buffer_string(&request), "r199");
    buffer_append_string(&request, "/");
    table_fixture_expect(state, buffer_string(&request), "none");
    buffer_clear(&request);
}

static void a_method_of_any_service_is_found_among_many(void **state)
{
    add_numbered(state, 400, "grpc:m# header:a=1 | grpc:m#");
    table_fixture_add(*state, "late grpc : grpc:m300 header:a=1 header:b=1");
    table_fixture_add(*state, "any : prefix:/");
    table_fixture_expect(state, "POST h/s/m217", "GRPCRoute/r217");
    table_fixture_expect(state, "POST h/s/m300 a: 1", "GRPCRoute/r300");
    table_fixture_expect(state, "POST h/s/m300 a: 1 | b: 1", "GRPCRoute/late");
    table_fixture_expect(state, "POST h/s/m217/x", "any");
    table_fixture_expect(state, "POST h/m217", "any");
    table_fixture_expect(state, "POST h//m217", "any");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(a_method_goes_before_more_headers),
        TABLE_TEST(of_grpc_the_service_goes_first_then_the_method_then_headers),
        TABLE_TEST(of_one_name_the_http_route_goes_first),
        TABLE_TEST(more_headers_go_before_more_parameters),
        TABLE_TEST(more_parameters_go_first),
        TABLE_TEST(header_names_ignore_case_and_values_do_not),
        TABLE_TEST(a_repeated_header_is_joined),
        TABLE_TEST(joined_values_are_matched_whole),
        TABLE_TEST(set_cookie_is_never_joined),
        TABLE_TEST(of_equal_header_names_the_first_counts),
        TABLE_TEST(query_is_compared_decoded),
        TABLE_TEST(a_plus_is_a_space_and_a_lone_percent_itself),
        TABLE_TEST(the_first_of_a_repeated_parameter_counts),
        TABLE_TEST(expressions_match_whole_values),
        TABLE_TEST(a_listener_restricts_where_a_route_applies),
        TABLE_TEST(one_reference_to_every_listener_lifts_the_others),
        TABLE_TEST(no_request_has_an_expression_tried_over_and_over),
        TABLE_TEST(expressions_for_values_are_found_by_what_they_must_contain),
        TABLE_TEST(few_expressions_among_many_are_found_by_long_values),
        TABLE_TEST(a_text_may_begin_in_one_header_and_end_in_the_next),
        TABLE_TEST(a_method_of_any_service_is_found_among_many),
        TABLE_TEST(what_takes_a_path_is_found_behind_what_many_others_ask_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
