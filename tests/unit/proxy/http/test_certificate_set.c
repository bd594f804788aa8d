/* Certificate sets: where certificates are found, and which one is for whom. */
#include "common/buffer.h"
#include "proxy/http/certificate_files.h"
#include "proxy/http/certificate_set.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

static struct temp_dir *folder;
static struct certificate authority;

static int set_up(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificate_clear(&authority);
    temp_dir_free(folder);
    return 0;
}

static bool prepare(SSL_CTX *context, void *argument)
{
    (void)context;
    (void)argument;
    return true;
}

static struct certificate_set *load(const struct tls_files *tls, struct error *err)
{
    const struct certificate_preparation preparation = {.prepare = prepare};
    return certificate_set_load(tls, "test", &preparation, NULL, err);
}

/* The common name of the certificate for that host; "" when none is. */
static const char *name_for(const struct certificate_set *set, const char *host)
{
    static char name[128];
    SSL_CTX *context = certificate_set_find(set, slice_from_string(host));
    name[0] = '\0';
    if (context != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_CTX_get0_certificate(context)),
                                  NID_commonName, name, sizeof(name));
    return name;
}

static void move_pair(const struct certificate *pair, const char *certificate, const char *key)
{
    char *to_certificate = temp_dir_file(folder, certificate);
    char *to_key = temp_dir_file(folder, key);
    assert_int_equal(rename(pair->certificate, to_certificate), 0);
    assert_int_equal(rename(pair->key, to_key), 0);
    free(to_certificate);
    free(to_key);
}

static void exact_names_come_before_wildcards_and_first_before_later(void **state)
{
    (void)state;
    struct certificate wild = certificate_make(folder, "wild", "DNS:*.a.example", &authority);
    struct certificate exact =
        certificate_make(folder, "exact", "DNS:x.a.example,DNS:b.example", &authority);
    struct certificate late = certificate_make(folder, "late", "DNS:b.example", &authority);
    struct certificate_file files[] = {{wild.certificate, wild.key, NULL},
                                       {exact.certificate, exact.key, NULL},
                                       {late.certificate, late.key, NULL}};
    const struct tls_files tls = {.files = files, .file_count = 3};
    struct certificate_set *set = load(&tls, NULL);
    assert_non_null(set);

    assert_string_equal(name_for(set, "y.a.example"), "wild");
    assert_string_equal(name_for(set, "x.a.example"), "exact");
    assert_string_equal(name_for(set, "b.example"), "exact");
    assert_string_equal(name_for(set, "a.example"), "");
    assert_string_equal(name_for(set, "z.y.a.example"), "");
    assert_int_equal(certificate_set_count(set), 3);
    certificate_set_release(&set);
    certificate_clear(&wild);
    certificate_clear(&exact);
    certificate_clear(&late);
}

static void a_folder_holds_pairs_in_every_usual_form(void **state)
{
    (void)state;
    struct certificate plain = certificate_make(folder, "plain", "DNS:plain.example", &authority);
    struct certificate certbot = certificate_make(folder, "certbot", "DNS:bot.example", &authority);
    struct certificate kubernetes = certificate_make(folder, "kube", "DNS:k.example", &authority);
    char *pairs = temp_dir_file(folder, "pairs");
    char *live = temp_dir_file(folder, "pairs/bot.example");
    char *secret = temp_dir_file(folder, "pairs/secret");
    assert_int_equal(mkdir(pairs, 0700), 0);
    assert_int_equal(mkdir(live, 0700), 0);
    assert_int_equal(mkdir(secret, 0700), 0);
    move_pair(&plain, "pairs/plain.crt", "pairs/plain.key");
    char *issuer =
        certificate_file_join(folder, "pairs/plain.issuer.crt", authority.certificate, NULL);
    move_pair(&certbot, "pairs/bot.example/fullchain.pem", "pairs/bot.example/privkey.pem");
    move_pair(&kubernetes, "pairs/secret/tls.crt", "pairs/secret/tls.key");
    const struct tls_files tls = {.folders = &pairs, .folder_count = 1};
    struct error err = {0};
    struct certificate_set *set = load(&tls, &err);
    if (set == NULL)
        fail_msg("%s", err.message);

    assert_string_equal(name_for(set, "plain.example"), "plain");
    assert_string_equal(name_for(set, "bot.example"), "certbot");
    assert_string_equal(name_for(set, "k.example"), "kube");
    assert_int_equal(certificate_set_count(set), 3);
    certificate_set_release(&set);
    free(issuer);
    certificate_clear(&plain);
    certificate_clear(&certbot);
    certificate_clear(&kubernetes);
    free(pairs);
    free(live);
    free(secret);
}

static char *put(const char *name)
{
    return temp_dir_write(folder, name, "no response\n");
}

/* Found by its name; what is in it is the business of test_ocsp_response. */
static void what_is_stapled_stands_beside_its_certificate(void **state)
{
    (void)state;
    struct certificate plain = certificate_make(folder, "one", "DNS:one.example", &authority);
    struct certificate bare = certificate_make(folder, "two", "DNS:two.example", &authority);
    struct certificate kubernetes = certificate_make(folder, "three", "DNS:3.example", &authority);
    char *pairs = temp_dir_file(folder, "stapled");
    char *secret = temp_dir_file(folder, "stapled/secret");
    assert_int_equal(mkdir(pairs, 0700), 0);
    assert_int_equal(mkdir(secret, 0700), 0);
    move_pair(&plain, "stapled/a.crt", "stapled/a.key");
    move_pair(&bare, "stapled/b.pem", "stapled/b.key");
    move_pair(&kubernetes, "stapled/secret/tls.crt", "stapled/secret/tls.key");
    const struct tls_files tls = {.folders = &pairs, .folder_count = 1};
    uint64_t without = certificate_files_state(&tls);
    char *beside_plain = put("stapled/a.ocsp");
    uint64_t with_one = certificate_files_state(&tls);
    char *beside_kubernetes = put("stapled/secret/tls.ocsp");
    free(put("stapled/nobodys.ocsp"));
    struct certificate_set *set = load(&tls, NULL);
    assert_non_null(set);

    assert_int_equal(certificate_set_count(set), 3);
    assert_string_equal(certificate_set_facts(set, 0)->ocsp_file, beside_plain);
    assert_string_equal(certificate_set_facts(set, 0)->ocsp_problem,
                        "it is no OCSP response in DER");
    assert_null(certificate_set_facts(set, 1)->ocsp_file);
    assert_string_equal(certificate_set_facts(set, 2)->ocsp_file, beside_kubernetes);
    assert_int_not_equal(without, with_one);
    assert_int_not_equal(with_one, certificate_files_state(&tls));
    certificate_set_release(&set);
    certificate_clear(&plain);
    certificate_clear(&bare);
    certificate_clear(&kubernetes);
    free(beside_plain);
    free(beside_kubernetes);
    free(pairs);
    free(secret);
}

static void what_changes_in_a_folder_is_seen(void **state)
{
    (void)state;
    char *pairs = temp_dir_file(folder, "seen");
    assert_int_equal(mkdir(pairs, 0700), 0);
    const struct tls_files tls = {.folders = &pairs, .folder_count = 1};
    uint64_t empty = certificate_files_state(&tls);
    struct certificate one = certificate_make(folder, "one", "DNS:one.example", &authority);
    move_pair(&one, "seen/one.pem", "seen/one.key");
    uint64_t with_one = certificate_files_state(&tls);
    struct certificate other = certificate_make(folder, "other", "DNS:one.example", &authority);
    move_pair(&other, "seen/one.pem", "seen/one.key");

    assert_int_not_equal(empty, with_one);
    assert_int_not_equal(with_one, certificate_files_state(&tls));
    assert_int_equal(certificate_files_state(&tls), certificate_files_state(&tls));
    certificate_clear(&one);
    certificate_clear(&other);
    free(pairs);
}

static void what_cannot_be_loaded_is_refused_by_option_and_file(void **state)
{
    (void)state;
    struct certificate one = certificate_make(folder, "single", "DNS:one.example", &authority);
    char *empty = temp_dir_file(folder, "nothing");
    assert_int_equal(mkdir(empty, 0700), 0);
    char missing[] = "/nonexistent/a.pem";
    struct certificate_file fits = {one.certificate, one.key, NULL};
    struct certificate_file no_key = {one.certificate, NULL, NULL};
    struct certificate_file wrong_key = {one.certificate, authority.key, NULL};
    struct certificate_file not_there = {missing, NULL, NULL};
    const struct {
        struct tls_files tls;
        const char *words;
    } cases[] = {
        {{.files = &not_there, .file_count = 1}, "certificate=/nonexistent/a.pem: No such file"},
        {{.files = &no_key, .file_count = 1}, "cannot be used with certificate="},
        {{.files = &wrong_key, .file_count = 1}, "does not fit certificate="},
        {{.folders = &empty, .folder_count = 1}, "holds no certificate"},
        {{.files = &fits,
          .file_count = 1,
          .client_ca = missing,
          .client_certificate = CLIENT_CERTIFICATE_REQUIRED},
         "client-ca=/nonexistent/a.pem: No such file"},
        {{.files = &fits,
          .file_count = 1,
          .client_ca = one.key,
          .client_certificate = CLIENT_CERTIFICATE_REQUIRED},
         "client-ca="},
        {{.files = &fits,
          .file_count = 1,
          .client_ca = authority.certificate,
          .client_crl = missing,
          .client_certificate = CLIENT_CERTIFICATE_REQUIRED},
         "client-crl=/nonexistent/a.pem: No such file"},
        {{.files = &fits,
          .file_count = 1,
          .client_ca = authority.certificate,
          .client_crl = one.key,
          .client_certificate = CLIENT_CERTIFICATE_REQUIRED},
         "single.key: holds no revocation list in PEM"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        assert_null(load(&cases[i].tls, &err));
        if (strstr(err.message, cases[i].words) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, cases[i].words);
    }
    certificate_clear(&one);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_names_come_before_wildcards_and_first_before_later),
        cmocka_unit_test(a_folder_holds_pairs_in_every_usual_form),
        cmocka_unit_test(what_is_stapled_stands_beside_its_certificate),
        cmocka_unit_test(what_changes_in_a_folder_is_seen),
        cmocka_unit_test(what_cannot_be_loaded_is_refused_by_option_and_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
