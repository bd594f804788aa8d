#include "common/buffer.h"
#include "common/clock.h"
#include "common/whole_file.h"
#include "proxy/http/ocsp_response.h"
#include "tests/support/certificates.h"
#include "tests/support/ocsp_answer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ocsp.h>

enum { DAY_SECONDS = 24 * 60 * 60 };

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate stranger; /* another authority */
static struct certificate site;     /* of the authority */
static struct certificate other;    /* likewise */
static struct certificate foreign;  /* of the stranger */
static struct certificate responder;
static struct certificate foreign_responder;
static X509 *leaf;
static STACK_OF(X509) * chain;

static int set_up(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    stranger = certificate_make_authority(folder, "stranger");
    site = certificate_make(folder, "site", "DNS:site.example", &authority);
    other = certificate_make(folder, "other", "DNS:other.example", &authority);
    foreign = certificate_make(folder, "foreign", "DNS:site.example", &stranger);
    responder = certificate_make_responder(folder, "responder", &authority);
    foreign_responder = certificate_make_responder(folder, "foreign_responder", &stranger);
    leaf = certificate_read(site.certificate);
    chain = sk_X509_new_null();
    sk_X509_push(chain, certificate_read(stranger.certificate));
    sk_X509_push(chain, certificate_read(authority.certificate));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    certificate_clear(&authority);
    certificate_clear(&stranger);
    certificate_clear(&site);
    certificate_clear(&other);
    certificate_clear(&foreign);
    certificate_clear(&responder);
    certificate_clear(&foreign_responder);
    temp_dir_free(folder);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

/* The bytes of that answer, by default a good one of the authority on the site. Caller clears. */
static struct buffer make(struct ocsp_answer answer)
{
    if (answer.certificate == NULL)
        answer.certificate = &site;
    if (answer.authority == NULL)
        answer.authority = &authority;
    struct buffer bytes = BUFFER_EMPTY;
    char *path = ocsp_answer_make(folder, "answer.ocsp", &answer);
    assert_true(whole_file_load(path, 1, &bytes, NULL));
    free(path);
    return bytes;
}

static struct ocsp_response *read_answer(const struct buffer *bytes, struct error *err)
{
    return ocsp_response_read(buffer_slice(bytes), leaf, chain, clock_wall_s(), err);
}

/* Clears the bytes. */
static void assert_good(struct buffer bytes, int64_t begins_s, int64_t ends_s)
{
    enum { MAKING_SECONDS = 100 };
    struct error err;
    struct ocsp_response *response = read_answer(&bytes, &err);
    if (response == NULL)
        fail_msg("%s", err.message);
    int64_t now_s = clock_wall_s();
    assert_in_range(ocsp_response_begin_s(response), now_s + begins_s - MAKING_SECONDS,
                    now_s + begins_s);
    assert_in_range(ocsp_response_end_s(response), now_s + ends_s - MAKING_SECONDS, now_s + ends_s);
    ocsp_response_free(response);
    buffer_clear(&bytes);
}

/* Clears the bytes. */
static void assert_refused(struct buffer bytes, const char *words)
{
    struct error err = {0};
    assert_null(read_answer(&bytes, &err));
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    buffer_clear(&bytes);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void what_the_authority_or_whom_it_has_named_calls_good_is(void **state)
{
    (void)state;
    assert_good(make((struct ocsp_answer){0}), -DAY_SECONDS, DAY_SECONDS);
    assert_good(make((struct ocsp_answer){.names_by_sha256 = true}), -DAY_SECONDS, DAY_SECONDS);
    assert_good(make((struct ocsp_answer){.signer = &responder}), -DAY_SECONDS, DAY_SECONDS);
}

static void one_that_begins_later_is_kept_until_then(void **state)
{
    (void)state;
    assert_good(make((struct ocsp_answer){.begins_s = 500, .ends_s = 1000}), 500, 1000);
}

/* All certificates hold for a day. */
static void it_ends_with_the_certificate_of_its_signer(void **state)
{
    (void)state;
    assert_good(make((struct ocsp_answer){.ends_s = 2 * DAY_SECONDS}), -DAY_SECONDS, DAY_SECONDS);
    assert_good(make((struct ocsp_answer){.signer = &responder, .ends_s = 2 * DAY_SECONDS}),
                -DAY_SECONDS, DAY_SECONDS);
}

static void what_is_not_good_now_and_of_us_is_refused(void **state)
{
    (void)state;
    assert_refused(make((struct ocsp_answer){.verdict = VERDICT_REVOKED}),
                   "it says that the certificate is revoked");
    assert_refused(make((struct ocsp_answer){.verdict = VERDICT_UNKNOWN}),
                   "it says that the certificate is unknown");
    assert_refused(make((struct ocsp_answer){.ends_s = -1}), "it has ended");
    assert_refused(make((struct ocsp_answer){.ends_s = NEVER_ENDS}),
                   "it does not say until when it holds");
    assert_refused(make((struct ocsp_answer){.certificate = &other}),
                   "it is for another certificate");
    assert_refused(make((struct ocsp_answer){.certificate = &foreign, .authority = &stranger}),
                   "it is for another certificate");
}

static void what_somebody_else_has_signed_is_refused(void **state)
{
    (void)state;
    static const char words[] = "it is not signed for the certificate's issuer: ";
    assert_refused(make((struct ocsp_answer){.signer = &stranger}), words);
    assert_refused(make((struct ocsp_answer){.signer = &foreign_responder}), words);
    assert_refused(make((struct ocsp_answer){.signer = &other}), words);
    assert_refused(make((struct ocsp_answer){.signer = &site}), words);
}

static void a_certificate_without_its_issuer_has_none(void **state)
{
    (void)state;
    struct buffer bytes = make((struct ocsp_answer){0});
    struct error err;
    assert_null(ocsp_response_read(buffer_slice(&bytes), leaf, NULL, clock_wall_s(), &err));
    assert_string_equal(err.message, "the certificate's issuer does not follow it in its file");
    buffer_clear(&bytes);
}

static void a_part_of_one_or_more_than_one_is_none(void **state)
{
    (void)state;
    struct buffer whole = make((struct ocsp_answer){0});
    for (size_t length = 0; length < whole.length; length++) {
        struct buffer part = BUFFER_EMPTY;
        buffer_append(&part, whole.at, length);
        assert_refused(part, "it is no OCSP response in DER");
    }
    struct buffer longer = BUFFER_EMPTY;
    buffer_append_slice(&longer, buffer_slice(&whole));
    buffer_append_char(&longer, '\0');
    assert_refused(longer, "it is no OCSP response in DER");
    buffer_clear(&whole);
}

/* Every byte counts: of its signature, or of what was signed. */
static void one_that_was_changed_anywhere_is_not_taken_for_another(void **state)
{
    (void)state;
    struct buffer whole = make((struct ocsp_answer){0});
    struct ocsp_response *before = read_answer(&whole, NULL);
    for (size_t i = 0; i < whole.length; i++) {
        whole.at[i] ^= 1;
        struct ocsp_response *changed = read_answer(&whole, NULL);
        if (changed != NULL) /* a name that is not looked at, or the certificate that was added */
            assert_int_equal(ocsp_response_end_s(changed), ocsp_response_end_s(before));
        ocsp_response_free(changed);
        whole.at[i] ^= 1;
    }
    ocsp_response_free(before);
    buffer_clear(&whole);
}

static void a_responder_that_gives_none_is_named(void **state)
{
    (void)state;
    OCSP_RESPONSE *none = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    unsigned char *der = NULL;
    int length = i2d_OCSP_RESPONSE(none, &der);
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append(&bytes, der, (size_t)length);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(none);

    assert_refused(bytes, "the responder gave none: trylater");
}

static void one_that_is_attached_is_copied_until_it_ends(void **state)
{
    (void)state;
    X509 *certificate = certificate_read(site.certificate);
    struct buffer bytes = make((struct ocsp_answer){0});
    struct ocsp_response *response = read_answer(&bytes, NULL);
    int64_t end_s = ocsp_response_end_s(response);
    assert_null(ocsp_response_copy_of(certificate, 0));
    assert_true(ocsp_response_attach(response, certificate));

    struct ocsp_response *copy = ocsp_response_copy_of(certificate, end_s - 1);

    assert_null(ocsp_response_copy_of(certificate, end_s));
    X509_free(certificate);
    assert_int_equal(ocsp_response_end_s(copy), end_s);
    ocsp_response_free(copy);
    buffer_clear(&bytes);
}

/* So that nobody goes on to staple what the authority has taken back. */
static void only_what_takes_it_back_is_denied(void **state)
{
    (void)state;
    static const struct {
        struct ocsp_answer answer;
        enum error_code code;
    } cases[] = {
        {{.verdict = VERDICT_REVOKED}, ERROR_DENIED},
        {{.verdict = VERDICT_UNKNOWN}, ERROR_DENIED},
        {{.certificate = &other}, ERROR_INVALID},
        {{.signer = &foreign_responder}, ERROR_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        struct buffer bytes = make(cases[i].answer);
        assert_null(read_answer(&bytes, &err));
        assert_int_equal(err.code, cases[i].code);
        buffer_clear(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_authority_or_whom_it_has_named_calls_good_is),
        cmocka_unit_test(one_that_begins_later_is_kept_until_then),
        cmocka_unit_test(it_ends_with_the_certificate_of_its_signer),
        cmocka_unit_test(what_is_not_good_now_and_of_us_is_refused),
        cmocka_unit_test(what_somebody_else_has_signed_is_refused),
        cmocka_unit_test(a_certificate_without_its_issuer_has_none),
        cmocka_unit_test(a_part_of_one_or_more_than_one_is_none),
        cmocka_unit_test(one_that_was_changed_anywhere_is_not_taken_for_another),
        cmocka_unit_test(a_responder_that_gives_none_is_named),
        cmocka_unit_test(one_that_is_attached_is_copied_until_it_ends),
        cmocka_unit_test(only_what_takes_it_back_is_denied),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
