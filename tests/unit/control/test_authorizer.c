#include "control/authorizer.h"
#include "tests/unit/cmocka_all.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static const char *users_7[] = {"7"};
static const char *groups_70_and_71[] = {"70", "71"};

static struct peer_credentials peer_of(uid_t uid, gid_t gid)
{
    return (struct peer_credentials){.uid = uid, .gid = gid, .pid = 1, .command = "test"};
}

static struct authorizer *authorizer_of(const struct authorizer_options *options)
{
    struct error err = {0};
    struct authorizer *authorizer = authorizer_new(options, &err);
    assert_string_equal(err.message, "");
    return authorizer;
}

static void root_and_our_own_user_are_admins(void **state)
{
    (void)state;
    struct authorizer *authorizer = authorizer_of(&(struct authorizer_options){0});
    struct peer_credentials root = peer_of(0, 0);
    struct peer_credentials own = peer_of(geteuid(), 5);

    assert_true(authorizer_allows(authorizer, &root, PERMISSION_WRITE));
    assert_true(authorizer_allows(authorizer, &own, PERMISSION_WRITE));
    authorizer_free(authorizer);
}

static void nobody_else_may_do_anything(void **state)
{
    (void)state;
    struct authorizer *authorizer = authorizer_of(&(struct authorizer_options){0});
    struct peer_credentials other = peer_of(geteuid() + 1, 0);
    struct error err = {0};

    assert_false(authorizer_allows(authorizer, &other, PERMISSION_READ));
    assert_false(authorizer_check(authorizer, &other, PERMISSION_READ, "/x/Get", &err));

    assert_int_equal(err.code, ERROR_DENIED);
    assert_non_null(strstr(err.message, "role reader"));
    authorizer_free(authorizer);
}

static void assert_permissions(const struct authorizer_options *options, bool may_read,
                               bool may_watch, bool may_write)
{
    struct authorizer *authorizer = authorizer_of(options);
    struct peer_credentials peer = peer_of(7, 7);
    assert_int_equal(authorizer_allows(authorizer, &peer, PERMISSION_READ), may_read);
    assert_int_equal(authorizer_allows(authorizer, &peer, PERMISSION_WATCH), may_watch);
    assert_int_equal(authorizer_allows(authorizer, &peer, PERMISSION_WRITE), may_write);
    authorizer_free(authorizer);
}

static void each_role_has_its_permissions(void **state)
{
    (void)state;
    const struct option_list list = {.items = users_7, .count = 1};

    assert_permissions(&(struct authorizer_options){.reader_uids = list}, true, false, false);
    assert_permissions(&(struct authorizer_options){.proxy_uids = list}, true, true, false);
    assert_permissions(&(struct authorizer_options){.admin_uids = list}, true, true, true);
}

static void groups_count_primary_and_supplementary(void **state)
{
    (void)state;
    struct authorizer *authorizer = authorizer_of(
        &(struct authorizer_options){.proxy_gids = {.items = groups_70_and_71, .count = 2}});
    struct peer_credentials primary = peer_of(9, 70);
    struct peer_credentials supplementary = peer_of(9, 9);
    supplementary.groups[0] = 5;
    supplementary.groups[1] = 71;
    supplementary.group_count = 2;
    struct peer_credentials stale = peer_of(9, 9);
    stale.groups[0] = 71;

    assert_true(authorizer_allows(authorizer, &primary, PERMISSION_WATCH));
    assert_true(authorizer_allows(authorizer, &supplementary, PERMISSION_WATCH));
    assert_false(authorizer_allows(authorizer, &stale, PERMISSION_WATCH));
    assert_false(authorizer_allows(authorizer, &primary, PERMISSION_WRITE));
    authorizer_free(authorizer);
}

static void users_and_groups_may_be_named(void **state)
{
    (void)state;
    const char *items[] = {"daemon"};
    const struct option_list list = {.items = items, .count = 1};
    struct authorizer *authorizer =
        authorizer_of(&(struct authorizer_options){.reader_uids = list, .proxy_gids = list});
    struct peer_credentials user = peer_of(getpwnam("daemon")->pw_uid, 9);
    struct peer_credentials group = peer_of(9, getgrnam("daemon")->gr_gid);

    assert_true(authorizer_allows(authorizer, &user, PERMISSION_READ));
    assert_false(authorizer_allows(authorizer, &user, PERMISSION_WATCH));
    assert_true(authorizer_allows(authorizer, &group, PERMISSION_WATCH));
    authorizer_free(authorizer);
}

static void unknown_user_or_group_is_an_error(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "no-such-user", "-1",         " 7",
                                      "7x", "4294967295",   "99999999999"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *items[] = {bad[i]};
        struct error err = {0};
        assert_null(authorizer_new(
            &(struct authorizer_options){.reader_gids = {.items = items, .count = 1}}, &err));
        assert_non_null(strstr(err.message, "--reader-gid"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_and_our_own_user_are_admins),
        cmocka_unit_test(nobody_else_may_do_anything),
        cmocka_unit_test(each_role_has_its_permissions),
        cmocka_unit_test(groups_count_primary_and_supplementary),
        cmocka_unit_test(users_and_groups_may_be_named),
        cmocka_unit_test(unknown_user_or_group_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
