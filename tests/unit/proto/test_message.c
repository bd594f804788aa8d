#include "proto/message.h"
#include "proto/wire_check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define APPLY (&pointsman__v1__apply_request__descriptor)
#define ROUTE (&pointsman__v1__route__descriptor)

/* --- writing what no encoder would ---------------------------------------------------------- */

static void put_varint(struct buffer *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_append_char(to, (char)(value | 0x80));
    buffer_append_char(to, (char)value);
}

static void put_bytes(struct buffer *to, unsigned field, const void *bytes, size_t length)
{
    put_varint(to, (uint64_t)field << 3 | 2);
    put_varint(to, length);
    buffer_append(to, bytes, length);
}

static void put_string(struct buffer *to, unsigned field, const char *text)
{
    put_bytes(to, field, text, strlen(text));
}

static void put_number(struct buffer *to, unsigned field, uint64_t value)
{
    put_varint(to, (uint64_t)field << 3);
    put_varint(to, value);
}

/* `inner` becomes field `field` of a new message, in its place. */
static void wrap(struct buffer *inner, unsigned field)
{
    struct buffer outer = BUFFER_EMPTY;
    put_bytes(&outer, field, inner->at, inner->length);
    buffer_clear(inner);
    *inner = outer;
}

static void assert_refused(const ProtobufCMessageDescriptor *descriptor, struct buffer *bytes,
                           const char *sentence)
{
    struct error err = {0};
    assert_null(message_unpack(descriptor, buffer_slice(bytes), MESSAGE_MEMORY_DEFAULT,
                               UNKNOWN_FIELDS_REFUSED, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(err.message, sentence);
    buffer_clear(bytes);
}

static void assert_taken(const ProtobufCMessageDescriptor *descriptor, struct buffer *bytes)
{
    struct error err = {0};
    ProtobufCMessage *message = message_unpack(
        descriptor, buffer_slice(bytes), MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, &err);
    assert_string_equal(err.message, "");
    assert_non_null(message);
    message_free(message);
    buffer_clear(bytes);
}

/* --- claims --------------------------------------------------------------------------------- */

static void a_packed_message_comes_back(void **state)
{
    (void)state;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    char *hostnames[] = {"a.example", "b.example"};
    route.name = "users";
    route.hostnames = hostnames;
    route.n_hostnames = 2;
    struct buffer bytes = BUFFER_EMPTY;

    message_pack(&route.base, &bytes);
    RouteMessage *back = (RouteMessage *)message_unpack(
        ROUTE, buffer_slice(&bytes), MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);

    assert_non_null(back);
    assert_string_equal(back->name, "users");
    assert_int_equal(back->n_hostnames, 2);
    assert_string_equal(back->hostnames[1], "b.example");
    message_free(&back->base);
    buffer_clear(&bytes);
}

static void no_bytes_are_the_empty_message(void **state)
{
    (void)state;
    ProtobufCMessage *message = message_unpack(ROUTE, (struct slice){0}, MESSAGE_MEMORY_DEFAULT,
                                               UNKNOWN_FIELDS_REFUSED, NULL);

    assert_non_null(message);
    message_free(message);
}

static void a_string_with_an_embedded_nul_is_refused_by_its_path(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_bytes(&bytes, 1, "us\0ers", 6); /* Route.name */
    wrap(&bytes, 1);                    /* Mutation.put_route */
    wrap(&bytes, 1);                    /* ApplyRequest.mutations */

    assert_refused(APPLY, &bytes, "mutations[0].put_route.name: holds a NUL character");
}

static void the_path_counts_repeated_fields(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_string(&bytes, 4, "a.example");
    put_string(&bytes, 4, "b.example");
    put_string(&bytes, 4, "\xff");

    assert_refused(ROUTE, &bytes, "hostnames[2]: is not UTF-8");
}

static void only_utf8_is_taken_for_text(void **state)
{
    (void)state;
    const char *const good[] = {"",
                                "plain",
                                "\xc2\x80",
                                "\xdf\xbf",
                                "\xe0\xa0\x80",
                                "\xed\x9f\xbf",
                                "\xee\x80\x80",
                                "\xf0\x90\x80\x80",
                                "\xf4\x8f\xbf\xbf",
                                "mixed \xc3\xa4 \xe2\x82\xac \xf0\x9f\x9a\x82"};
    const char *const bad[] = {
        "\x80",             /* a continuation alone */
        "\xc0\xaf",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80", /* beyond U+10FFFF */
        "\xc3",             /* cut */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x9a",     /* cut */
        "\xe2\x28\xa1",     /* no continuation */
        "a\xff",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct buffer bytes = BUFFER_EMPTY;
        put_string(&bytes, 1, good[i]);
        assert_taken(ROUTE, &bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buffer bytes = BUFFER_EMPTY;
        put_string(&bytes, 1, bad[i]);
        assert_refused(ROUTE, &bytes, "name: is not UTF-8");
    }
}

static void bytes_fields_hold_anything(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_bytes(&bytes, 4, "\0\xff\x80", 3); /* FeedObject.object */

    assert_taken(&pointsman__v1__feed_object__descriptor, &bytes);
}

static void an_unknown_field_is_refused_at_any_depth(void **state)
{
    (void)state;
    struct buffer top = BUFFER_EMPTY;
    put_number(&top, 999, 1);
    assert_refused(ROUTE, &top, "Route: unknown field 999");

    struct buffer deep = BUFFER_EMPTY;
    put_number(&deep, 77, 1); /* in PathMatch */
    wrap(&deep, 1);           /* RouteMatch.path */
    wrap(&deep, 2);           /* RouteRule.matches */
    wrap(&deep, 5);           /* Route.rules */
    assert_refused(ROUTE, &deep, "rules[0].matches[0].path: unknown field 77");
}

static void unknown_fields_pass_where_they_may(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_string(&bytes, 1, "users");
    put_string(&bytes, 999, "from a later version");

    ProtobufCMessage *message = message_unpack(ROUTE, buffer_slice(&bytes), MESSAGE_MEMORY_DEFAULT,
                                               UNKNOWN_FIELDS_KEPT, NULL);

    assert_non_null(message);
    message_free(message);
    buffer_clear(&bytes);
}

static void a_copy_is_of_its_own_and_has_unknown_fields_too(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    struct buffer copied = BUFFER_EMPTY;
    put_string(&bytes, 1, "users");
    put_string(&bytes, 999, "from a later version");
    ProtobufCMessage *message = message_unpack(ROUTE, buffer_slice(&bytes), MESSAGE_MEMORY_DEFAULT,
                                               UNKNOWN_FIELDS_KEPT, NULL);

    ProtobufCMessage *copy = message_copy(message);
    message_free(message);
    message_pack(copy, &copied);

    assert_int_equal(copied.length, bytes.length);
    assert_memory_equal(copied.at, bytes.at, bytes.length);
    message_free(copy);
    buffer_clear(&copied);
    buffer_clear(&bytes);
}

static void a_singular_field_given_twice_is_refused(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_string(&bytes, 1, "users");
    put_string(&bytes, 1, "admins");

    assert_refused(ROUTE, &bytes, "name: is given twice");
}

static void two_of_a_oneof_are_refused(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_string(&bytes, 2, "a"); /* Mutation.delete_route */
    put_string(&bytes, 4, "b"); /* Mutation.delete_backend */
    wrap(&bytes, 1);

    assert_refused(APPLY, &bytes,
                   "mutations[0].delete_backend: excludes another field that is given too");
}

static void a_value_of_another_wire_type_is_refused(void **state)
{
    (void)state;
    struct buffer number_for_text = BUFFER_EMPTY;
    put_number(&number_for_text, 1, 7);
    assert_refused(ROUTE, &number_for_text, "name: is of another type");

    struct buffer text_for_number = BUFFER_EMPTY;
    put_string(&text_for_number, 15, "7");
    assert_refused(ROUTE, &text_for_number, "revision: is of another type");
}

static void packed_and_plain_numbers_are_both_taken(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_bytes(&bytes, 1, "\xf7\x03\xf8\x03", 4); /* Retry.codes */
    put_number(&bytes, 1, 502);

    assert_taken(&pointsman__v1__retry__descriptor, &bytes);
}

static void packed_numbers_that_are_cut_are_refused(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_bytes(&bytes, 1, "\xf7\x03\xf8", 3);

    assert_refused(&pointsman__v1__retry__descriptor, &bytes, "codes[0]: is cut short");
}

static void malformed_bytes_are_refused(void **state)
{
    (void)state;
    const struct slice inputs[] = {
        SLICE("\x0a"),                                             /* no length */
        SLICE("\x0a\x05us"),                                       /* length beyond the end */
        SLICE("\x0a\xff\xff\xff\xff\x0f"),                         /* 4 GiB of nothing */
        SLICE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),     /* 2^64 - 1 */
        SLICE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),     /* more than 64 bits */
        SLICE("\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), /* eleven bytes */
        SLICE("\x00\x00"),                                         /* field 0 */
        SLICE("\x0b\x0c"),                                         /* a group */
        SLICE("\x0e"),                                             /* wire type 6 */
        SLICE("\xf9\x01\x00"),                                     /* 64 bits cut */
        SLICE("\x80"),                                             /* a tag cut */
        SLICE("\xf8\xff\xff\xff\x7f\x00"),                         /* a field number too large */
    };
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        struct error err = {0};
        assert_null(
            message_unpack(ROUTE, inputs[i], MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_KEPT, &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void unpacking_stops_at_the_memory_it_may_take(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    for (int i = 0; i < 100000; i++)
        put_bytes(&bytes, 5, "", 0); /* empty rules: 2 bytes each, far more unpacked */
    struct error err = {0};

    assert_null(
        message_unpack(ROUTE, buffer_slice(&bytes), (size_t)1 << 20, UNKNOWN_FIELDS_REFUSED, &err));

    assert_int_equal(err.code, ERROR_LIMIT);
    assert_string_equal(err.message, "Route: takes more than 1048576 bytes of memory");
    buffer_clear(&bytes);
}

static void every_small_budget_fails_cleanly(void **state)
{
    (void)state;
    struct buffer bytes = BUFFER_EMPTY;
    put_string(&bytes, 1, "users");
    put_string(&bytes, 4, "a.example");
    put_string(&bytes, 4, "b.example");
    put_bytes(&bytes, 5, "", 0);

    /* The sanitizers see what is leaked or freed twice on the way. */
    ProtobufCMessage *message = NULL;
    size_t budget = 0;
    for (; message == NULL && budget < 4096; budget++)
        message = message_unpack(ROUTE, buffer_slice(&bytes), budget, UNKNOWN_FIELDS_REFUSED, NULL);

    assert_non_null(message);
    assert_true(budget > 100);
    message_free(message);
    buffer_clear(&bytes);
}

/* --- what holds of all our types ------------------------------------------------------------ */

struct ancestry {
    const struct ancestry *parent;
    const ProtobufCMessageDescriptor *descriptor;
};

/* Walks everything below; asserts that no type is inside itself. Returns how deep it goes. */
static unsigned measure_depth(const struct ancestry *self)
{
    for (const struct ancestry *outer = self->parent; outer != NULL; outer = outer->parent) {
        if (outer->descriptor == self->descriptor)
            fail_msg("%s is recursive", self->descriptor->name);
    }
    assert_true(self->descriptor->n_fields <= WIRE_CHECK_FIELDS);

    unsigned deepest = 0;
    for (unsigned i = 0; i < self->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &self->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const struct ancestry inner = {.parent = self, .descriptor = field->descriptor};
        unsigned depth = measure_depth(&inner);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static void no_message_of_any_service_is_recursive_or_too_deep(void **state)
{
    (void)state;
    const ProtobufCServiceDescriptor *const services[] = {
        &pointsman__v1__route_control__descriptor,
        &pointsman__v1__route_feed__descriptor,
        &grpc__health__v1__health__descriptor,
        &grpc__reflection__v1__server_reflection__descriptor,
    };
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        for (unsigned j = 0; j < services[i]->n_methods; j++) {
            const struct ancestry request = {.descriptor = services[i]->methods[j].input};
            const struct ancestry response = {.descriptor = services[i]->methods[j].output};
            assert_true(measure_depth(&request) <= WIRE_CHECK_DEPTH);
            assert_true(measure_depth(&response) <= WIRE_CHECK_DEPTH);
        }
    }
    /* Sent inside bytes, so no method names them. */
    const struct ancestry status = {.descriptor = &google__rpc__status__descriptor};
    const struct ancestry bad_request = {.descriptor = &google__rpc__bad_request__descriptor};
    assert_true(measure_depth(&status) <= WIRE_CHECK_DEPTH);
    assert_true(measure_depth(&bad_request) <= WIRE_CHECK_DEPTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_message_comes_back),
        cmocka_unit_test(no_bytes_are_the_empty_message),
        cmocka_unit_test(a_string_with_an_embedded_nul_is_refused_by_its_path),
        cmocka_unit_test(the_path_counts_repeated_fields),
        cmocka_unit_test(only_utf8_is_taken_for_text),
        cmocka_unit_test(bytes_fields_hold_anything),
        cmocka_unit_test(an_unknown_field_is_refused_at_any_depth),
        cmocka_unit_test(unknown_fields_pass_where_they_may),
        cmocka_unit_test(a_copy_is_of_its_own_and_has_unknown_fields_too),
        cmocka_unit_test(a_singular_field_given_twice_is_refused),
        cmocka_unit_test(two_of_a_oneof_are_refused),
        cmocka_unit_test(a_value_of_another_wire_type_is_refused),
        cmocka_unit_test(packed_and_plain_numbers_are_both_taken),
        cmocka_unit_test(packed_numbers_that_are_cut_are_refused),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(unpacking_stops_at_the_memory_it_may_take),
        cmocka_unit_test(every_small_budget_fails_cleanly),
        cmocka_unit_test(no_message_of_any_service_is_recursive_or_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
