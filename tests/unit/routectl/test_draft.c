#include "control/routectl/draft.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

static struct draft draft;

static int make_draft(void **state)
{
    (void)state;
    draft_init(&draft);
    return 0;
}

static int clear_draft(void **state)
{
    (void)state;
    draft_clear(&draft);
    return 0;
}

static void a_field_is_found_by_its_whole_path(void **state)
{
    (void)state;
    draft_add_mutation(&draft);
    draft_add_mutation(&draft);
    draft_set_origin(&draft, "--host", "shop", "put_route.hostnames[%d]", 0);

    assert_string_equal(draft_find_origin(&draft, "mutations[1].put_route.hostnames[0]"),
                        "--host shop");
    assert_null(draft_find_origin(&draft, "mutations[0].put_route.hostnames[0]"));
    assert_null(draft_find_origin(&draft, "mutations[1].put_route.hostnames[1]"));
}

static void a_part_of_a_field_belongs_to_it(void **state)
{
    (void)state;
    draft_add_mutation(&draft);
    draft_set_origin(&draft, "--path-exact", "/a", "put_route.rules[0].matches[0].path");

    assert_string_equal(
        draft_find_origin(&draft, "mutations[0].put_route.rules[0].matches[0].path.value"),
        "--path-exact /a");
}

static void the_nearest_field_around_wins(void **state)
{
    (void)state;
    draft_add_mutation(&draft);
    draft_set_origin(&draft, "--retry-...", "", "put_route.rules[0].retry");
    draft_set_origin(&draft, "--retry-attempts", "9", "put_route.rules[0].retry.attempts");

    assert_string_equal(draft_find_origin(&draft, "mutations[0].put_route.rules[0].retry.attempts"),
                        "--retry-attempts 9");
    assert_string_equal(draft_find_origin(&draft, "mutations[0].put_route.rules[0].retry.backoff"),
                        "--retry-...");
}

static void a_name_that_only_begins_alike_is_another(void **state)
{
    (void)state;
    draft_add_mutation(&draft);
    draft_set_origin(&draft, "NAME", "api", "put_route.name");

    assert_null(draft_find_origin(&draft, "mutations[0].put_route.names"));
    assert_null(draft_find_origin(&draft, "mutations[0].put_route"));
}

static void a_new_object_can_be_required_to_be_new(void **state)
{
    (void)state;
    MutationMessage *mutation = draft_add_mutation(&draft);

    draft_require_absent(&draft, mutation);

    assert_int_equal(mutation->precondition->kind_case,
                     POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST);
    assert_true(mutation->precondition->must_not_exist);
}

static bool claim_route(char *name, size_t *earlier)
{
    static RouteMessage routes[200];
    MutationMessage *mutation = draft_add_mutation(&draft);
    RouteMessage *route = &routes[draft.request.n_mutations - 1];
    pointsman__v1__route__init(route);
    route->name = name;
    mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    mutation->put_route = route;
    return draft_claim(&draft, earlier);
}

static void an_object_is_claimed_once(void **state)
{
    (void)state;
    char names[100][8];
    size_t earlier = 0;
    for (size_t i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "r%zu", i);
        assert_true(claim_route(names[i], &earlier));
    }

    assert_false(claim_route((char *)"r42", &earlier));

    assert_int_equal(earlier, 42);
    const MutationMessage *found =
        draft_find(&draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "r99");
    assert_ptr_equal(found, draft.request.mutations[99]);
    assert_null(draft_find(&draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, "r99"));
    assert_null(draft_find(&draft, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "r100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_field_is_found_by_its_whole_path, make_draft,
                                        clear_draft),
        cmocka_unit_test_setup_teardown(a_part_of_a_field_belongs_to_it, make_draft, clear_draft),
        cmocka_unit_test_setup_teardown(the_nearest_field_around_wins, make_draft, clear_draft),
        cmocka_unit_test_setup_teardown(a_name_that_only_begins_alike_is_another, make_draft,
                                        clear_draft),
        cmocka_unit_test_setup_teardown(a_new_object_can_be_required_to_be_new, make_draft,
                                        clear_draft),
        cmocka_unit_test_setup_teardown(an_object_is_claimed_once, make_draft, clear_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
