/* What an authority says of our certificates, stapled for clients that ask: `openssl ocsp` answers
 * for the authority, and `openssl s_client` asks. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/ocsp_answer.h"
#include "tests/support/openssl_program.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define METRIC "pointsman_ocsp_response_next_update_timestamp_seconds{listener=\"https\",file=\""

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate first;  /* by its path, with ocsp */
static struct certificate second; /* in a folder */
static char *first_chain;
static char *second_chain;
static char *first_ocsp;
static char *second_ocsp;
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static int port;

/* --- the programs ---------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    first = certificate_make(folder, "first", "DNS:first.example", &authority);
    char *pairs = temp_dir_file(folder, "pairs");
    CHECK(mkdir(pairs, 0700) == 0, "%s", pairs);
    second = certificate_make(folder, "pairs/second", "DNS:second.example", &authority);
    first_chain =
        certificate_file_join(folder, "chain.pem", first.certificate, authority.certificate, NULL);
    second_chain = certificate_file_join(folder, "pairs/second.crt", second.certificate,
                                         authority.certificate, NULL);
    first_ocsp = temp_dir_file(folder, "first.ocsp");
    second_ocsp = temp_dir_file(folder, "pairs/second.ocsp");
    upstream = fake_upstream_start("service");

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen, "https=127.0.0.1:0,certificate=%s,key=%s,ocsp=%s,certificates=%s",
                  first_chain, first.key, first_ocsp, pairs);
    const char *const arguments[] = {"--listen", buffer_string(&listen), NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    port = pointsman_listener_port(pointsman, "https");
    buffer_clear(&listen);
    free(pairs);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&first);
    certificate_clear(&second);
    free(first_chain);
    free(second_chain);
    free(first_ocsp);
    free(second_ocsp);
    temp_dir_free(folder);
    return 0;
}

/* --- the authority --------------------------------------------------------------------------- */

static void write_index(const struct certificate *certificate, const char *verdict)
{
    X509 *read = certificate_read(certificate->certificate);
    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "%s\t%02lX\tunknown\t/CN=x\n", verdict,
                  ASN1_INTEGER_get(X509_get0_serialNumber(read)));
    free(temp_dir_write(folder, "index.txt", buffer_string(&line)));
    buffer_clear(&line);
    X509_free(read);
}

/* `verdict` is how its database says it. Takes the place of `path` whole. */
static void answer(const struct certificate *certificate, const char *verdict, const char *path)
{
    const char *in = temp_dir_path(folder);
    struct buffer words = BUFFER_EMPTY;
    write_index(certificate, verdict);
    buffer_printf(&words, "ocsp -issuer %s -cert %s -no_nonce -reqout %s/request",
                  authority.certificate, certificate->certificate, in);
    command_expect(openssl_run(NULL, buffer_string(&words)), 0, NULL, NULL);
    buffer_reset(&words);
    buffer_printf(&words,
                  "ocsp -index %s/index.txt -CA %s -rsigner %s -rkey %s -ndays 1 -reqin %s/request "
                  "-respout %s/answer",
                  in, authority.certificate, authority.certificate, authority.key, in, in);
    command_expect(openssl_run(NULL, buffer_string(&words)), 0, NULL, NULL);
    char *fresh = temp_dir_file(folder, "answer");
    CHECK(rename(fresh, path) == 0, "%s", path);
    free(fresh);
    buffer_clear(&words);
}

#define GOOD "V\t491231235959Z\t"
#define REVOKED "R\t491231235959Z\t260101000000Z,keyCompromise"

/* --- the client ------------------------------------------------------------------------------ */

/* Whether the handshake for `name` staples that it is good, in both versions of TLS or in none. */
static bool is_good_stapled(const char *name)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    unsigned count = 0;
    for (size_t i = 0; i < 2; i++) {
        struct buffer words = BUFFER_EMPTY;
        buffer_printf(&words, "-servername %s -status %s", name, versions[i]);
        struct command command = openssl_client(port, NULL, buffer_string(&words));
        bool has_none = strstr(command.out, "OCSP response: no response sent\n") != NULL;
        bool has_good = strstr(command.out, "OCSP Response Status: successful (0x0)\n") != NULL &&
                        strstr(command.out, "Cert Status: good\n") != NULL;
        CHECK(command.exit_code == 0 && has_none != has_good, "%s: %s%s", name, command.out,
              command.err);
        count += has_good;
        command_clear(&command);
        buffer_clear(&words);
    }
    return count == 2;
}

static bool is_stapled(void *name)
{
    return is_good_stapled(name);
}

static bool is_not_stapled(void *name)
{
    return !is_good_stapled(name);
}

static bool metrics_have(void *text)
{
    return pointsman_page_has(pointsman, "/metrics", text);
}

static bool status_has(void *text)
{
    return pointsman_page_has(pointsman, "/status", text);
}

/* --- stories --------------------------------------------------------------------------------- */

static void what_the_authority_answers_is_stapled_as_soon_as_it_is_there(void **state)
{
    (void)state;
    free(process_expect_line(pointsman_proxy(pointsman), "ocsp_response_not_stapled"));
    assert_false(is_good_stapled("first.example"));

    answer(&first, GOOD, first_ocsp);

    assert_true(wait_until(is_stapled, "first.example", WAIT_MS));
    assert_true(is_good_stapled("unknown.example")); /* which gets the first certificate */
    assert_false(is_good_stapled("second.example"));
    command_expect(openssl_client(port, NULL, "-servername first.example"), 0, "Cipher is", NULL);
}

static void in_a_folder_it_is_found_by_its_name(void **state)
{
    (void)state;
    answer(&second, GOOD, second_ocsp);

    assert_true(wait_until(is_stapled, "second.example", WAIT_MS));
    assert_true(is_good_stapled("first.example"));
    unlink(second_ocsp);
    assert_true(wait_until(is_not_stapled, "second.example", WAIT_MS));
}

static void until_when_it_is_good_is_a_metric(void **state)
{
    (void)state;
    enum { DAY_SECONDS = 24 * 60 * 60, STORY_SECONDS = 120 };
    struct buffer line = BUFFER_EMPTY;
    time_t day_later = time(NULL) + DAY_SECONDS;
    bool is_there = false;
    for (time_t at = day_later; !is_there && at > day_later - STORY_SECONDS; at--) {
        buffer_reset(&line);
        buffer_printf(&line, METRIC "%s\",name=\"first.example\"} %lld\n", first_ocsp,
                      (long long)at);
        is_there = metrics_have((void *)(uintptr_t)buffer_string(&line));
        buffer_reset(&line);
        buffer_printf(&line,
                      "\"ocsp\": {\"file\": \"%s\", \"next_update_ms\": %lld000, \"problem\": "
                      "\"\"}",
                      first_ocsp, (long long)at);
        is_there = is_there && status_has((void *)(uintptr_t)buffer_string(&line));
    }
    assert_true(is_there);
    buffer_clear(&line);
}

/* Until it ends, what was good is not lost by what someone wrote in its place. */
static void what_is_wrong_takes_the_place_of_nothing_that_holds(void **state)
{
    (void)state;
    static const char *const words = "\"problem\": \"it is no OCSP response in DER\"";
    assert_true(is_good_stapled("first.example"));

    free(temp_dir_write(folder, "first.ocsp", "<html>Not Found</html>\n"));

    free(process_expect_line(pointsman_proxy(pointsman), "ocsp_response_kept"));
    assert_true(wait_until(status_has, (void *)(uintptr_t)words, WAIT_MS));
    assert_true(is_good_stapled("first.example"));
    assert_false(status_has((void *)"\"next_update_ms\": 0, \"problem\": \"it is no"));
    process_signal(pointsman_proxy(pointsman), SIGHUP); /* also not when it is read once more */
    answer(&second, GOOD, first_ocsp);
    assert_true(wait_until(status_has, (void *)"\"problem\": \"it is for another", WAIT_MS));
    assert_true(is_good_stapled("first.example"));
}

/* What is in the file now is not stapled; why, is told in all the usual places. */
static void assert_not_stapled(const char *reason)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "\"problem\": \"%s\"", reason);
    assert_true(wait_until(status_has, (void *)(uintptr_t)buffer_string(&text), WAIT_MS));
    assert_false(is_good_stapled("first.example"));
    buffer_reset(&text);
    buffer_printf(&text, METRIC "%s\",name=\"first.example\"} 0\n", first_ocsp);
    assert_true(metrics_have((void *)(uintptr_t)buffer_string(&text)));
    buffer_reset(&text);
    buffer_printf(&text, "ocsp_response_not_stapled file=%s reason=\"%s\"", first_ocsp, reason);
    free(process_expect_line(pointsman_proxy(pointsman), buffer_string(&text)));
    assert_true(metrics_have((void *)"pointsman_certificates_outdated{listener=\"https\"} 0"));
    buffer_clear(&text);
}

static void what_is_wrong_is_not_stapled_and_told(void **state)
{
    (void)state;
    answer(&first, REVOKED, first_ocsp);
    assert_not_stapled("it says that the certificate is revoked");

    answer(&second, GOOD, first_ocsp);
    assert_not_stapled("it is for another certificate");

    free(temp_dir_write(folder, "first.ocsp", "<html>Not Found</html>\n"));
    assert_not_stapled("it is no OCSP response in DER");

    answer(&first, GOOD, first_ocsp);
    assert_true(wait_until(is_stapled, "first.example", WAIT_MS));
}

static void once_it_has_ended_it_is_not_stapled_any_more(void **state)
{
    (void)state;
    free(ocsp_answer_make(
        folder, "first.ocsp",
        &(struct ocsp_answer){.certificate = &first, .authority = &authority, .ends_s = 8}));
    free(process_expect_line(pointsman_proxy(pointsman), "ocsp_response_expired"));

    assert_false(is_good_stapled("first.example"));
    command_expect(openssl_client(port, NULL, "-servername first.example -status"), 0,
                   "OCSP response: no response sent\n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_authority_answers_is_stapled_as_soon_as_it_is_there),
        cmocka_unit_test(in_a_folder_it_is_found_by_its_name),
        cmocka_unit_test(until_when_it_is_good_is_a_metric),
        cmocka_unit_test(what_is_wrong_takes_the_place_of_nothing_that_holds),
        cmocka_unit_test(what_is_wrong_is_not_stapled_and_told),
        cmocka_unit_test(once_it_has_ended_it_is_not_stapled_any_more),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
