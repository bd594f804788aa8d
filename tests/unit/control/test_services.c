#include "control/authorizer.h"
#include "control/services.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

enum { READER = 61001, PROXY = 61002 };

/* Those that change something, or give away all there is. */
static const char *const of_admins[] = {
    "/pointsman.v1.RouteControl/Apply",         "/pointsman.v1.RouteControl/PutRoute",
    "/pointsman.v1.RouteControl/DeleteRoute",   "/pointsman.v1.RouteControl/PutBackend",
    "/pointsman.v1.RouteControl/DeleteBackend", "/pointsman.v1.RouteControl/Undo",
    "/pointsman.v1.RouteControl/Confirm",       "/pointsman.v1.RouteControl/Backup",
};

static bool is_of_admins(const char *path)
{
    for (size_t i = 0; i < sizeof(of_admins) / sizeof(of_admins[0]); i++) {
        if (strcmp(of_admins[i], path) == 0)
            return true;
    }
    return false;
}

static bool allows(struct services *services, const struct grpc_method *method, uid_t uid)
{
    const struct peer_credentials peer = {.uid = uid, .gid = uid};
    struct error err;
    return method->authorize(services, method, &peer, &err);
}

static void readers_read_the_past_too_and_admins_alone_change_or_copy(void **state)
{
    (void)state;
    struct authorizer_options roles = {0};
    struct error err = {0};
    const char *reader = "61001";
    const char *proxy = "61002";
    roles.reader_uids.items = &reader;
    roles.reader_uids.count = 1;
    roles.proxy_uids.items = &proxy;
    roles.proxy_uids.count = 1;
    struct services services = {.authorizer = authorizer_new(&roles, &err)};
    size_t found = 0;

    for (const struct grpc_method *method = service_methods; method->path != NULL; method++) {
        bool is_feed = strstr(method->path, "RouteFeed") != NULL;
        bool is_admins = is_of_admins(method->path);
        found += is_admins;
        assert_int_equal(allows(&services, method, READER), !is_feed && !is_admins);
        assert_int_equal(allows(&services, method, PROXY), !is_admins);
        assert_false(allows(&services, method, 61003));
        assert_true(allows(&services, method, 0));
    }
    assert_int_equal(found, sizeof(of_admins) / sizeof(of_admins[0]));
    authorizer_free(services.authorizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_read_the_past_too_and_admins_alone_change_or_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
