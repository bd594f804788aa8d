#include "control/routectl/object_part.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void assert_part(const Pointsman__V1__Object *object, const char *field,
                        const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    append_object_part(&text, object, field);
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}

static Pointsman__V1__Object *make_backend(void)
{
    static EndpointMessage first, second, *endpoints[] = {&first, &second};
    static DurationMessage connect_timeout;
    static Pointsman__V1__LoadBalancing balancing;
    static BackendMessage backend;
    static Pointsman__V1__Object object;
    pointsman__v1__endpoint__init(&first);
    pointsman__v1__endpoint__init(&second);
    google__protobuf__duration__init(&connect_timeout);
    pointsman__v1__load_balancing__init(&balancing);
    pointsman__v1__backend__init(&backend);
    pointsman__v1__object__init(&object);
    first.address = (char *)"10.0.0.1";
    first.port = 80;
    second.unix_path = (char *)"/run/a.sock";
    connect_timeout.seconds = 2;
    balancing.policy = POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_RANDOM;
    backend.n_endpoints = 2;
    backend.endpoints = endpoints;
    backend.connect_timeout = &connect_timeout;
    backend.load_balancing = &balancing;
    object.kind_case = POINTSMAN__V1__OBJECT__KIND_BACKEND;
    object.backend = &backend;
    return &object;
}

static void an_item_of_a_list_is_shown_as_it_is_typed(void **state)
{
    (void)state;
    assert_part(make_backend(), "endpoints[0]", "http://10.0.0.1:80");
    assert_part(make_backend(), "endpoints[1]", "unix:/run/a.sock");
}

static void what_has_no_short_form_is_json_on_a_line(void **state)
{
    (void)state;
    assert_part(make_backend(), "load_balancing", "{\"policy\":\"LOAD_BALANCING_POLICY_RANDOM\"}");
    assert_part(make_backend(), "connect_timeout", "\"2s\"");
}

static void a_part_that_is_not_there_is_nothing(void **state)
{
    (void)state;
    const Pointsman__V1__Object none = POINTSMAN__V1__OBJECT__INIT;
    assert_part(make_backend(), "endpoints[2]", "");
    assert_part(make_backend(), "endpoints", "http://10.0.0.1:80");
    assert_part(make_backend(), "labels[0]", "");
    assert_part(make_backend(), "health_check", "");
    assert_part(make_backend(), "nothing_like_it", "");
    assert_part(make_backend(),
                "a_name_that_is_far_longer_than_any_field_of_ours_will_ever_be_named", "");
    assert_part(&none, "endpoints[0]", "");
    assert_part(NULL, "endpoints[0]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_of_a_list_is_shown_as_it_is_typed),
        cmocka_unit_test(what_has_no_short_form_is_json_on_a_line),
        cmocka_unit_test(a_part_that_is_not_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
