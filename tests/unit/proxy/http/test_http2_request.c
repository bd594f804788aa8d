#include "common/buffer.h"
#include "proxy/http/http2_request.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct arena arena;
static struct http2_request made;

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static struct parsed_request request_of(const char *method, const char *path)
{
    return (struct parsed_request){
        .head = {.method = slice_from_string(method),
                 .scheme = SLICE("http"),
                 .authority = SLICE("shop.example"),
                 .path = slice_from_string(path)},
    };
}

/* "name=value " for each. */
static void assert_own(const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < made.own_count; i++) {
        buffer_append_slice(&text, made.own[i].name);
        buffer_append_string(&text, "=");
        buffer_append_slice(&text, made.own[i].value);
        buffer_append_string(&text, " ");
    }
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}

static void a_head_becomes_pseudo_header_fields(void **state)
{
    (void)state;
    struct parsed_request request = request_of("GET", "/a");
    http2_request_make(&made, &request, false, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=GET :scheme=http :authority=shop.example :path=/a ");
    assert_false(made.has_body);
}

static void the_scheme_is_that_of_the_connection(void **state)
{
    (void)state;
    struct parsed_request request = request_of("GET", "/a");
    http2_request_make(&made, &request, true, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=GET :scheme=https :authority=shop.example :path=/a ");
}

static void a_request_without_an_authority_gets_the_endpoints(void **state)
{
    (void)state;
    struct parsed_request request = request_of("GET", "/");
    request.head.authority = SLICE("");
    http2_request_make(&made, &request, false, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=GET :scheme=http :authority=10.0.0.1:80 :path=/ ");
}

static void a_query_stands_behind_its_path_wherever_it_lies(void **state)
{
    (void)state;
    static const char target[] = "/a?b=c";
    struct parsed_request together = request_of("GET", "/a");
    together.head.path = slice_of(target, 2);
    together.head.query = slice_of(target + 3, 3);
    together.head.has_query = true;
    struct parsed_request apart = request_of("GET", "/x/y");
    apart.head.query = SLICE("b=c");
    apart.head.has_query = true;
    struct parsed_request empty = request_of("GET", "/x");
    empty.head.has_query = true;

    http2_request_make(&made, &together, false, SLICE("10.0.0.1:80"), &arena);
    assert_ptr_equal(made.own[3].value.at, target);
    assert_true(slice_equals(made.own[3].value, SLICE("/a?b=c")));
    http2_request_make(&made, &apart, false, SLICE("10.0.0.1:80"), &arena);
    assert_true(slice_equals(made.own[3].value, SLICE("/x/y?b=c")));
    http2_request_make(&made, &empty, false, SLICE("10.0.0.1:80"), &arena);
    assert_true(slice_equals(made.own[3].value, SLICE("/x?")));
}

static void a_length_is_said_and_an_empty_body_is_none(void **state)
{
    (void)state;
    struct parsed_request request = request_of("POST", "/");
    request.framing = BODY_LENGTH;
    request.content_length = INT64_MAX;
    http2_request_make(&made, &request, false, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=POST :scheme=http :authority=shop.example :path=/ "
               "content-length=9223372036854775807 ");
    assert_true(made.has_body);

    request.content_length = 0;
    http2_request_make(&made, &request, false, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=POST :scheme=http :authority=shop.example :path=/ content-length=0 ");
    assert_false(made.has_body);
}

static void trailers_are_asked_for_where_the_client_takes_them(void **state)
{
    (void)state;
    struct parsed_request request = request_of("POST", "/");
    request.framing = BODY_CHUNKED;
    request.accepts_trailers = true;
    http2_request_make(&made, &request, false, SLICE("10.0.0.1:80"), &arena);
    assert_own(":method=POST :scheme=http :authority=shop.example :path=/ te=trailers ");
    assert_true(made.has_body);
}

#define TEST(name) cmocka_unit_test_teardown(name, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_becomes_pseudo_header_fields),
        TEST(the_scheme_is_that_of_the_connection),
        TEST(a_request_without_an_authority_gets_the_endpoints),
        TEST(a_query_stands_behind_its_path_wherever_it_lies),
        TEST(a_length_is_said_and_an_empty_body_is_none),
        TEST(trailers_are_asked_for_where_the_client_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
