#include "common/event_loop.h"
#include "control/shadow_index.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static bool count_name(void *context, struct slice name)
{
    (void)name;
    ++*(size_t *)context;
    return true;
}

static size_t names_of(const struct shadow_index *index, const char *hostname)
{
    size_t count = 0;
    shadow_index_find_hostname(index, slice_from_string(hostname), count_name, &count);
    return count;
}

/* Files the route as if it had just been put with this hostname. */
static void file(struct shadow_index *index, RouteMessage *message, const char *hostname)
{
    char *hostnames[] = {(char *)hostname};
    struct buffer bytes = BUFFER_EMPTY;
    message->hostnames = hostnames;
    message->n_hostnames = 1;
    message_pack(&message->base, &bytes);
    message->n_hostnames = 0;
    struct route *route = route_new_unlinked(buffer_slice(&bytes));
    assert_non_null(route);
    shadow_index_add(index, &route, 1);
    route_release(&route);
    buffer_clear(&bytes);
}

/* More keys than are filed in one go, and more routes. */
static void many_hostnames_and_many_routes_are_all_filed(void **state)
{
    enum { HOSTNAMES = 300, ROUTES = 300 };
    struct services_fixture *fixture = *state;
    struct shadow_index *index = fixture->services.shadows;
    struct route *routes[ROUTES];
    char *hostnames[HOSTNAMES];
    for (size_t i = 0; i < HOSTNAMES; i++) {
        char hostname[32];
        snprintf(hostname, sizeof(hostname), "h%zu.internal", i);
        hostnames[i] = memory_duplicate_string(hostname);
    }
    RouteMessage *message = make_route("", "b");
    char *own_name = message->name;
    for (size_t i = 0; i < ROUTES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "r%zu", i);
        struct buffer bytes = BUFFER_EMPTY;
        message->name = name;
        message->hostnames = hostnames;
        message->n_hostnames = i == 1 ? HOSTNAMES : 1;
        message_pack(&message->base, &bytes);
        routes[i] = route_new_unlinked(buffer_slice(&bytes));
        buffer_clear(&bytes);
    }
    message->name = own_name;
    message->n_hostnames = 0;

    shadow_index_add(index, routes, ROUTES);

    assert_int_equal(names_of(index, hostnames[0]), ROUTES);
    for (size_t i = 1; i < HOSTNAMES; i++)
        assert_int_equal(names_of(index, hostnames[i]), 1);
    for (size_t i = 0; i < HOSTNAMES; i++)
        free(hostnames[i]);
    for (size_t i = 0; i < ROUTES; i++)
        route_release(&routes[i]);
}

/* One route that is put again and again leaves behind what it was. */
static void what_is_not_so_any_more_goes_when_it_is_too_much(void **state)
{
    enum { ENOUGH = 100000, MEANWHILE = 1000 };
    struct services_fixture *fixture = *state;
    struct shadow_index *index = fixture->services.shadows;
    apply_ok(fixture, make_apply(put_route("a", "b"), put_route("b", "b"), NULL));
    const size_t needed = shadow_index_entry_count(index);
    RouteMessage *message = make_route("a", "b");
    size_t count = needed;
    unsigned changes = 0;
    for (; shadow_index_entry_count(index) >= count && changes < ENOUGH; changes++) {
        char hostname[32];
        count = shadow_index_entry_count(index);
        snprintf(hostname, sizeof(hostname), "h%u.internal", changes);
        file(index, message, hostname);
        services_fixture_pass(fixture, 1);
    }

    /* Few routes are read within the first piece, as a rule: while a busy machine needs more of
     * them, changes are filed behind what is read. */
    assert_in_range(changes, 20000, ENOUGH - 1);
    assert_in_range(shadow_index_entry_count(index), needed, needed + MEANWHILE);
    assert_int_equal(names_of(index, ""), 2);
    assert_int_equal(names_of(index, "h7.internal"), 0);
    assert_true(shadow_index_is_filled(index));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_hostnames_and_many_routes_are_all_filed,
                                        services_fixture_set_up, services_fixture_tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_so_any_more_goes_when_it_is_too_much,
                                        services_fixture_set_up, services_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
