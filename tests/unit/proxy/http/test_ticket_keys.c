/* Ticket keys: who opens what another has sealed, and for how long. */
#include "common/clock.h"
#include "proxy/http/ticket_keys.h"
#include "tests/unit/cmocka_all.h"

#include <openssl/evp.h>

enum { HOUR_MS = 60 * 60 * 1000, START_MS = 1000 };

struct ticket {
    unsigned char name[16];
    unsigned char iv[EVP_MAX_IV_LENGTH];
};

static int use(struct ticket_keys *keys, struct ticket *ticket, int seals)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(algorithm);
    int result = ticket_keys_use(keys, ticket->name, ticket->iv, cipher, mac, seals);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(algorithm);
    EVP_CIPHER_CTX_free(cipher);
    return result;
}

static struct ticket seal(struct ticket_keys *keys)
{
    struct ticket ticket;
    assert_int_equal(use(keys, &ticket, 1), 1);
    return ticket;
}

static int set_up(void **state)
{
    clock_set_for_test(START_MS);
    *state = ticket_keys_new();
    return 0;
}

static int tear_down(void **state)
{
    ticket_keys_free(*state);
    clock_set_for_test(0);
    return 0;
}

static void a_ticket_opens_where_it_was_sealed_and_nowhere_else(void **state)
{
    struct ticket_keys *keys = *state;
    struct ticket_keys *others = ticket_keys_new();
    struct ticket ticket = seal(keys);

    assert_int_equal(use(keys, &ticket, 0), 1);
    assert_int_equal(use(others, &ticket, 0), 0);
    ticket_keys_free(others);
}

/* 2: it opens, and the client shall have a new one. */
static void the_key_before_still_opens_and_the_one_before_that_does_not(void **state)
{
    struct ticket_keys *keys = *state;
    struct ticket first = seal(keys);
    clock_set_for_test(START_MS + 12 * HOUR_MS);
    struct ticket second = seal(keys);

    assert_memory_not_equal(first.name, second.name, sizeof(first.name));
    assert_int_equal(use(keys, &first, 0), 2);
    assert_int_equal(use(keys, &second, 0), 1);
    clock_set_for_test(START_MS + 24 * HOUR_MS);
    assert_int_equal(use(keys, &first, 0), 0);
    assert_int_equal(use(keys, &second, 0), 2);
}

static void after_a_long_silence_no_old_key_is_left(void **state)
{
    struct ticket_keys *keys = *state;
    struct ticket ticket = seal(keys);
    clock_set_for_test(START_MS + 100 * HOUR_MS);

    assert_int_equal(use(keys, &ticket, 0), 0);
}

int main(void)
{
#define WITH_KEYS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_KEYS(a_ticket_opens_where_it_was_sealed_and_nowhere_else),
        WITH_KEYS(the_key_before_still_opens_and_the_one_before_that_does_not),
        WITH_KEYS(after_a_long_silence_no_old_key_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
