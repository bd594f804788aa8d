#include "proto/message.h"
#include "proto/message_arena.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLY (&pointsman__v1__apply_request__descriptor)

/* A batch of routes, packed. */
static void pack_batch(size_t routes, struct buffer *to)
{
    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    MutationMessage mutation = POINTSMAN__V1__MUTATION__INIT;
    MutationMessage **mutations = memory_allocate(routes * sizeof(mutations[0]));
    char *hostnames[] = {(char *)"one.internal", (char *)"two.internal"};
    route.name = (char *)"shop";
    route.n_hostnames = 2;
    route.hostnames = hostnames;
    mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation.put_route = &route;
    for (size_t i = 0; i < routes; i++)
        mutations[i] = &mutation;
    apply.n_mutations = routes;
    apply.mutations = mutations;
    message_pack(&apply.base, to);
    free(mutations);
}

static const Pointsman__V1__ApplyRequest *unpack(struct message_arena *arena,
                                                 const struct buffer *bytes, size_t max_memory,
                                                 struct error *err)
{
    return (const Pointsman__V1__ApplyRequest *)message_arena_unpack(
        arena, APPLY, buffer_slice(bytes), max_memory, UNKNOWN_FIELDS_REFUSED, err);
}

static void what_is_unpacked_is_what_was_packed(void **state)
{
    (void)state;
    struct message_arena arena = {0};
    struct buffer bytes = BUFFER_EMPTY;
    struct buffer again = BUFFER_EMPTY;
    struct error err = {0};
    pack_batch(5000, &bytes);

    const Pointsman__V1__ApplyRequest *apply = unpack(&arena, &bytes, MESSAGE_MEMORY_APPLY, &err);

    assert_non_null(apply);
    assert_int_equal(apply->n_mutations, 5000);
    message_pack(&apply->base, &again);
    assert_true(slice_equals(buffer_slice(&bytes), buffer_slice(&again)));
    message_arena_clear(&arena);
    buffer_clear(&bytes);
    buffer_clear(&again);
}

static void arena_that_was_reset_is_used_again(void **state)
{
    (void)state;
    struct message_arena arena = {0};
    struct buffer bytes = BUFFER_EMPTY;
    struct error err = {0};
    pack_batch(3, &bytes);

    for (size_t i = 0; i < 1000; i++) {
        const Pointsman__V1__ApplyRequest *apply =
            unpack(&arena, &bytes, MESSAGE_MEMORY_DEFAULT, &err);
        assert_string_equal(apply->mutations[2]->put_route->hostnames[1], "two.internal");
        message_arena_reset(&arena);
    }

    message_arena_clear(&arena);
    buffer_clear(&bytes);
}

static void what_takes_too_much_memory_is_refused(void **state)
{
    (void)state;
    struct message_arena arena = {0};
    struct buffer bytes = BUFFER_EMPTY;
    struct error err = {0};
    pack_batch(1000, &bytes);

    assert_null(unpack(&arena, &bytes, 10000, &err));

    assert_int_equal(err.code, ERROR_LIMIT);
    message_arena_clear(&arena);
    buffer_clear(&bytes);
}

static void checks_are_those_of_message_unpack(void **state)
{
    (void)state;
    struct message_arena arena = {0};
    struct error err = {0};
    const struct slice unknown_field = SLICE("\xf8\x7f\x01");

    assert_null(message_arena_unpack(&arena, APPLY, unknown_field, MESSAGE_MEMORY_DEFAULT,
                                     UNKNOWN_FIELDS_REFUSED, &err));

    assert_string_equal(err.message, "ApplyRequest: unknown field 2047");
    message_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unpacked_is_what_was_packed),
        cmocka_unit_test(arena_that_was_reset_is_used_again),
        cmocka_unit_test(what_takes_too_much_memory_is_refused),
        cmocka_unit_test(checks_are_those_of_message_unpack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
