#include "common/buffer.h"
#include "proxy/http/revocation_lists.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct temp_dir *folder;
static struct certificate first;
static struct certificate second;

static int set_up(void **state)
{
    (void)state;
    folder = temp_dir_new();
    first = certificate_make_authority(folder, "first, \"1\"");
    second = certificate_make_authority(folder, "second");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificate_clear(&first);
    certificate_clear(&second);
    temp_dir_free(folder);
    return 0;
}

/* Caller frees. */
static char *make(const struct certificate *authority, int ends_s)
{
    char *path = certificate_make_crl(
        folder, "list.crl", &(struct revocations){.authority = authority, .ends_s = ends_s});
    char *text = temp_dir_read(path);
    free(path);
    return text;
}

static void lists_are_read_one_behind_the_other(void **state)
{
    (void)state;
    enum { EARLIER_S = 1000, LATER_S = 2000 };
    int64_t now_s = time(NULL);
    char *one = make(&first, LATER_S);
    char *two = make(&second, EARLIER_S);
    char *other = temp_dir_read(first.certificate);
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "a comment\n%s%s%s", one, other, two);
    struct revocation_lists lists;

    assert_true(revocation_lists_parse(buffer_slice(&text), &lists, NULL));

    assert_int_equal(lists.count, 2);
    assert_string_equal(lists.items[0].issuer, "CN=first\\, \\\"1\\\"");
    assert_string_equal(lists.items[1].issuer, "CN=second");
    assert_in_range(lists.items[0].next_update_s, now_s + LATER_S, now_s + LATER_S + 100);
    assert_int_equal(revocation_lists_end_s(&lists), lists.items[1].next_update_s);
    revocation_lists_clear(&lists);
    buffer_clear(&text);
    free(one);
    free(two);
    free(other);
}

static void assert_refused(struct slice text, const char *words)
{
    struct revocation_lists lists;
    struct error err = {0};
    assert_false(revocation_lists_parse(text, &lists, &err));
    assert_int_equal(lists.count, 0);
    assert_int_equal(revocation_lists_end_s(&lists), INT64_MAX);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void what_is_no_list_or_part_of_one_is_refused(void **state)
{
    (void)state;
    char *certificate = temp_dir_read(first.certificate);
    assert_refused(slice_of(NULL, 0), "holds no revocation list in PEM");
    assert_refused(SLICE("no list\n"), "holds no revocation list in PEM");
    assert_refused(slice_from_string(certificate), "holds no revocation list in PEM");
    free(certificate);

    char *whole = make(&first, 0);
    struct buffer text = BUFFER_EMPTY;
    buffer_append(&text, whole, strlen(whole) / 2);
    assert_refused(buffer_slice(&text), "list 1 cannot be read: ");
    buffer_reset(&text);
    buffer_append_string(&text, whole);
    buffer_append(&text, whole, strlen(whole) / 2);
    assert_refused(buffer_slice(&text), "list 2 cannot be read: ");
    buffer_reset(&text);
    buffer_append_string(&text, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
    assert_refused(buffer_slice(&text), "list 1 cannot be read: ");
    buffer_clear(&text);
    free(whole);
}

static void a_list_that_does_not_say_when_it_ends_is_refused(void **state)
{
    (void)state;
    char *text = make(&second, NEVER_ENDS);
    assert_refused(slice_from_string(text),
                   "the list of CN=second does not say when the next one comes");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read_one_behind_the_other),
        cmocka_unit_test(what_is_no_list_or_part_of_one_is_refused),
        cmocka_unit_test(a_list_that_does_not_say_when_it_ends_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
