#include "proxy/routing/loop_mark.h"
#include "proxy/routing/route_replica.h"
#include "proxy/routing/session_token.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static const char epoch[] = "0123456789abcdef0123456789abcdef";
static const struct session_token some = {.endpoint = 0x1122334455667788,
                                          .began_ms = 1700000000000};

static struct slice write(const struct session_token *token, char to[static SESSION_TOKEN_LENGTH])
{
    const struct session_key key = session_key_of(epoch);
    session_token_write(token, &key, to);
    return slice_of(to, SESSION_TOKEN_LENGTH);
}

static bool reads(struct slice text)
{
    const struct session_key key = session_key_of(epoch);
    struct session_token token;
    return session_token_read(text, &key, &token);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const struct session_token tokens[] = {
        {0, 0}, {UINT64_MAX, UINT64_MAX}, {1, 2}, {0x1122334455667788, 1700000000000}};
    const struct session_key key = session_key_of(epoch);
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        char text[SESSION_TOKEN_LENGTH];
        struct session_token token;
        assert_true(session_token_read(write(&tokens[i], text), &key, &token));
        assert_true(token.endpoint == tokens[i].endpoint && token.began_ms == tokens[i].began_ms);
    }
}

/* SESSION-9: clients hold it, so it is the same in the next version too. */
static void a_token_is_the_same_everywhere(void **state)
{
    (void)state;
    char text[SESSION_TOKEN_LENGTH];
    write(&some, text);
    assert_memory_equal(text, "AAABi8_laADGoT_eVueBhjCXt4D6suL-", SESSION_TOKEN_LENGTH);
}

/* SESSION-6 SESSION-10: each bit counts, those of the time and those of the endpoint. */
static void a_token_that_was_changed_is_none(void **state)
{
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[SESSION_TOKEN_LENGTH];
    struct slice token = write(&some, text);
    for (size_t i = 0; i < SESSION_TOKEN_LENGTH; i++) {
        char was = text[i];
        for (const char *digit = digits; *digit != '\0'; digit++) {
            text[i] = *digit;
            assert_int_equal(reads(token), *digit == was);
        }
        text[i] = was;
    }
}

/* SESSION-10 */
static void what_is_no_token_is_ignored(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "================================",
        "+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/+/",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\xff",
    };
    char text[SESSION_TOKEN_LENGTH + 1];
    struct slice token = write(&some, text);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(reads(slice_from_string(texts[i])));

    text[SESSION_TOKEN_LENGTH] = 'A';
    assert_true(reads(token));
    assert_false(reads(slice_of(text, SESSION_TOKEN_LENGTH - 1)));
    assert_false(reads(slice_of(text, SESSION_TOKEN_LENGTH + 1)));
    assert_false(reads(slice_of(NULL, 0)));
}

static void another_epoch_has_other_tokens(void **state)
{
    (void)state;
    const struct session_key other = session_key_of("0123456789abcdef0123456789abcdee");
    char text[SESSION_TOKEN_LENGTH];
    struct session_token token;
    assert_false(session_token_read(write(&some, text), &other, &token));
}

/* SESSION-10: neither endpoint shows, nor what two of them have in common. */
static void endpoints_of_one_moment_have_nothing_in_common(void **state)
{
    (void)state;
    char one[SESSION_TOKEN_LENGTH], other[SESSION_TOKEN_LENGTH];
    struct session_token next = some;
    next.endpoint ^= 1;
    write(&some, one);
    write(&next, other);

    size_t same = 0;
    for (size_t i = 12; i < SESSION_TOKEN_LENGTH; i++) /* behind the time */
        same += one[i] == other[i];
    assert_true(same < 5);
}

/* --- where the key is ------------------------------------------------------------------------ */

static void expect_key(struct route_replica *replica, bool is_snapshot, uint64_t revision,
                       const char *of_epoch)
{
    const struct session_key expected = session_key_of(of_epoch);
    struct route_table *table = NULL;
    assert_true(route_replica_begin(replica, is_snapshot, is_snapshot ? 0 : revision - 1, NULL));
    assert_true(
        route_replica_commit(replica, of_epoch, revision, 0, false, NULL, NULL, &table, NULL));
    const struct hash_key of_loops = loop_mark_key_of(of_epoch);
    assert_memory_equal(route_table_session_key(table), &expected, sizeof(expected));
    assert_memory_equal(route_table_loop_key(table), &of_loops, sizeof(of_loops));
    route_table_release(&table);
}

/* SESSION-9, LOOP-1 */
static void a_table_has_the_keys_of_its_epoch(void **state)
{
    (void)state;
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct route_replica *replica = route_replica_new(endpoints);

    expect_key(replica, true, 1, "epoch-1");
    expect_key(replica, false, 2, "epoch-1");
    expect_key(replica, true, 1, "epoch-2");

    route_replica_free(replica);
    endpoint_registry_free(endpoints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_token_is_the_same_everywhere),
        cmocka_unit_test(a_token_that_was_changed_is_none),
        cmocka_unit_test(what_is_no_token_is_ignored),
        cmocka_unit_test(another_epoch_has_other_tokens),
        cmocka_unit_test(a_table_has_the_keys_of_its_epoch),
        cmocka_unit_test(endpoints_of_one_moment_have_nothing_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
