#include "common/buffer.h"
#include "proto/envoy/external_auth.pb-c.h"
#include "proto/grpc_wire.h"
#include "proto/message.h"
#include "proxy/routing/auth_check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

typedef Envoy__Service__Auth__V3__CheckRequest CheckRequest;
typedef Envoy__Service__Auth__V3__AttributeContext__HttpRequest HttpRequest;

/* --- the question ---------------------------------------------------------------------------- */

enum { FIELDS_MAX = 16 };

struct asked {
    struct header headers[FIELDS_MAX];
    struct header_tag tags[FIELDS_MAX];
    struct header_list fields;
    struct request_head head;
    struct auth_check_question question;
    CheckRequest *message;
};

static void begin(struct asked *asked)
{
    *asked = (struct asked){
        .head = {.method = SLICE("POST"),
                 .scheme = SLICE("https"),
                 .authority = SLICE("Shop.example:8443"),
                 .path = SLICE("/a/b"),
                 .query = SLICE("c=%20"),
                 .has_query = true},
        .question = {.source = {.address = SLICE("192.0.2.1"), .port = 4711},
                     .destination = {.address = SLICE("2001:db8::1"), .port = 443},
                     .received_ms = 1234567,
                     .id = SLICE("id-1"),
                     .protocol = SLICE("HTTP/2"),
                     .size = -1},
    };
    asked->fields = (struct header_list){
        .headers = asked->headers, .tags = asked->tags, .capacity = FIELDS_MAX};
    asked->question.head = &asked->head;
    asked->question.fields = &asked->fields;
}

static void add(struct asked *asked, const char *name, const char *value)
{
    struct slice text = slice_from_string(name);
    header_list_add(&asked->fields, text, slice_from_string(value), header_name_id(text));
}

static const HttpRequest *ask(struct asked *asked)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct grpc_frame frame;
    auth_check_put_question(&asked->question, &bytes);
    assert_true(grpc_frame_read(buffer_slice(&bytes), &frame));
    assert_false(frame.is_compressed);
    assert_int_equal(frame.length, bytes.length - GRPC_FRAME_BYTES);
    asked->message =
        (CheckRequest *)message_unpack(&envoy__service__auth__v3__check_request__descriptor,
                                       slice_of(bytes.at + GRPC_FRAME_BYTES, frame.length),
                                       MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);
    assert_non_null(asked->message);
    buffer_clear(&bytes);
    return asked->message->attributes->request->http;
}

static void end(struct asked *asked)
{
    message_free(&asked->message->base);
}

/* FLT-AUTH-17 */
static void the_service_is_told_all_attributes(void **state)
{
    (void)state;
    struct asked asked;
    begin(&asked);
    asked.question.source.principal = SLICE("spiffe://a/b");

    const HttpRequest *http = ask(&asked);

    assert_string_equal(http->method, "POST");
    assert_string_equal(http->path, "/a/b?c=%20");
    assert_string_equal(http->host, "Shop.example:8443");
    assert_string_equal(http->scheme, "https");
    assert_string_equal(http->protocol, "HTTP/2");
    assert_string_equal(http->id, "id-1");
    assert_int_equal(http->size, -1);
    assert_int_equal(http->n_headers, 0);
    assert_string_equal(http->body, "");
    assert_int_equal(http->raw_body.len, 0);
    const Envoy__Service__Auth__V3__AttributeContext *attributes = asked.message->attributes;
    assert_int_equal(attributes->request->time->seconds, 1234);
    assert_int_equal(attributes->request->time->nanos, 567000000);
    assert_string_equal(attributes->source->address->socket_address->address, "192.0.2.1");
    assert_int_equal(attributes->source->address->socket_address->port_value, 4711);
    assert_string_equal(attributes->source->principal, "spiffe://a/b");
    assert_string_equal(attributes->destination->address->socket_address->address, "2001:db8::1");
    assert_int_equal(attributes->destination->address->socket_address->port_value, 443);
    assert_string_equal(attributes->destination->principal, "");
    end(&asked);
}

static void who_has_no_address_is_told_without_one(void **state)
{
    (void)state;
    struct asked asked;
    begin(&asked);
    asked.question.source = (struct auth_check_peer){0};
    asked.head.has_query = false;

    const HttpRequest *http = ask(&asked);

    assert_null(asked.message->attributes->source->address);
    assert_string_equal(http->path, "/a/b");
    end(&asked);
}

static const char *header_of(const HttpRequest *http, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < http->n_headers; i++) {
        if (strcmp(http->headers[i]->key, name) != 0)
            continue;
        assert_null(value);
        value = http->headers[i]->value;
    }
    return value == NULL ? "none" : value;
}

/* FLT-AUTH-17 */
static void headers_are_told_once_and_in_lower_case(void **state)
{
    (void)state;
    struct asked asked;
    begin(&asked);
    add(&asked, "X-A", "1");
    add(&asked, "Cookie", "a=1");
    add(&asked, "x-a", "2");
    add(&asked, "cookie", "b=2");
    add(&asked, "X-Empty", "");
    add(&asked, "Connection", "close"); /* is dropped */

    const HttpRequest *http = ask(&asked);

    assert_int_equal(http->n_headers, 3);
    assert_string_equal(header_of(http, "x-a"), "1,2");
    assert_string_equal(header_of(http, "cookie"), "a=1; b=2");
    assert_string_equal(header_of(http, "x-empty"), "");
    end(&asked);
}

/* FLT-AUTH-17 */
static void bytes_that_are_no_text_are_marked(void **state)
{
    (void)state;
    struct asked asked;
    begin(&asked);
    add(&asked, "x-a", "caf\xc3\xa9 \xe9\xff.");
    asked.question.id = SLICE("i\0\x80");

    const HttpRequest *http = ask(&asked);

    assert_string_equal(header_of(http, "x-a"), "caf\xc3\xa9 !!.");
    assert_string_equal(http->id, "i!!");
    end(&asked);
}

static void expect_body(struct slice body, bool is_text)
{
    struct asked asked;
    begin(&asked);
    asked.question.body = body;
    const HttpRequest *http = ask(&asked);
    if (is_text) {
        assert_true(slice_equals(slice_from_string(http->body), body));
        assert_int_equal(http->raw_body.len, 0);
    } else {
        assert_string_equal(http->body, "");
        assert_true(
            slice_equals(slice_of((const char *)http->raw_body.data, http->raw_body.len), body));
    }
    end(&asked);
}

/* FLT-AUTH-18 */
static void a_body_is_told_as_text_or_as_bytes(void **state)
{
    (void)state;
    expect_body(SLICE(""), true);
    expect_body(SLICE("plain"), true);
    expect_body(SLICE("caf\xc3\xa9"), true);
    expect_body(SLICE("caf\xe9"), false);
    expect_body(SLICE("a\0b"), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_is_told_all_attributes),
        cmocka_unit_test(who_has_no_address_is_told_without_one),
        cmocka_unit_test(headers_are_told_once_and_in_lower_case),
        cmocka_unit_test(bytes_that_are_no_text_are_marked),
        cmocka_unit_test(a_body_is_told_as_text_or_as_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
