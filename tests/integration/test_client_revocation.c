/* Clients whose certificates are revoked while the proxy serves: by a list that changes, that ends,
 * and that cannot be read. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
enum { VERSION_COUNT = 2 };

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate site;
static struct certificate alice;
static struct certificate bob;
static char *list; /* whatever is in it */
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static int port;

/* --- helpers --------------------------------------------------------------------------------- */

static void put_list(const struct revocations *revocations)
{
    char *fresh = certificate_make_crl(folder, "fresh.crl", revocations);
    CHECK(rename(fresh, list) == 0, "%s", list);
    free(fresh);
}

static void put_list_of(const struct certificate *revoked)
{
    put_list(&(struct revocations){.authority = &authority, .revoked = {revoked}});
}

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    site = certificate_make(folder, "site", "DNS:site.example", &authority);
    alice = certificate_make(folder, "alice", NULL, &authority);
    bob = certificate_make(folder, "bob", NULL, &authority);
    list = temp_dir_file(folder, "list.crl");
    put_list_of(NULL);
    upstream = fake_upstream_start("service");

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen, "https=127.0.0.1:0,certificate=%s,key=%s,client-ca=%s,client-crl=%s",
                  site.certificate, site.key, authority.certificate, list);
    const char *const arguments[] = {"--listen", buffer_string(&listen), NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    port = pointsman_listener_port(pointsman, "https");
    buffer_clear(&listen);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&site);
    certificate_clear(&alice);
    certificate_clear(&bob);
    free(list);
    temp_dir_free(folder);
    return 0;
}

static void hang_up(void)
{
    process_signal(pointsman_proxy(pointsman), SIGHUP);
}

static bool metrics_have(void *text)
{
    return pointsman_page_has(pointsman, "/metrics", text);
}

static bool status_has(void *text)
{
    return pointsman_page_has(pointsman, "/status", text);
}

static bool is_answered(struct tls_probe *probe)
{
    return tls_probe_failure(probe) == NULL && tls_probe_get(probe, "a", NULL);
}

static struct tls_probe *connect_as(const struct certificate *certificate, int version,
                                    SSL_SESSION *session)
{
    return tls_probe_connect(port, &(struct tls_probe_options){.version = version,
                                                               .certificate = certificate,
                                                               .session = session});
}

static bool is_let_in(const struct certificate *certificate)
{
    unsigned count = 0;
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct tls_probe *probe = connect_as(certificate, versions[i], NULL);
        count += is_answered(probe);
        tls_probe_close(probe);
    }
    assert_true(count == 0 || count == VERSION_COUNT);
    return count > 0;
}

/* Between the two versions the list may change. */
static bool is_kept_out(void *certificate)
{
    struct tls_probe *probe = connect_as(certificate, 0, NULL);
    bool is_out = !is_answered(probe);
    tls_probe_close(probe);
    return is_out;
}

static bool is_back(void *certificate)
{
    return !is_kept_out(certificate);
}

/* --- stories --------------------------------------------------------------------------------- */

static void a_list_that_changes_is_noticed_and_sessions_do_not_evade_it(void **state)
{
    (void)state;
    struct tls_probe *before[VERSION_COUNT];
    SSL_SESSION *sessions[VERSION_COUNT];
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        before[i] = connect_as(&alice, versions[i], NULL);
        assert_true(is_answered(before[i]));
        sessions[i] = tls_probe_session(before[i]);
        struct tls_probe *again = connect_as(&alice, versions[i], sessions[i]);
        assert_true(is_answered(again));
        assert_true(tls_probe_is_resumed(again));
        tls_probe_close(again);
    }

    put_list_of(&alice);

    assert_true(wait_until(is_kept_out, &alice, WAIT_MS));
    assert_false(is_let_in(&alice));
    assert_true(is_let_in(&bob));
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct tls_probe *again = connect_as(&alice, versions[i], sessions[i]);
        assert_false(is_answered(again));
        assert_true(is_answered(before[i])); /* what stands goes on */
        tls_probe_close(again);
        tls_probe_close(before[i]);
        SSL_SESSION_free(sessions[i]);
    }
}

static void a_signal_brings_the_new_list(void **state)
{
    (void)state;
    put_list_of(&bob);
    hang_up();
    assert_true(wait_until(is_kept_out, &bob, WAIT_MS));
    assert_true(is_let_in(&alice));

    put_list_of(NULL);
    hang_up();
    assert_true(wait_until(is_back, &bob, WAIT_MS));
}

/* What is wrong with the list, and that the old one holds. */
static void assert_kept(const char *reason)
{
    hang_up();

    assert_true(wait_until(status_has, (void *)(uintptr_t)reason, WAIT_MS));
    free(process_expect_line(pointsman_proxy(pointsman), reason));
    assert_true(metrics_have((void *)"pointsman_certificates_outdated{listener=\"https\"} 1"));
    assert_false(is_let_in(&alice));
    assert_true(is_let_in(&bob));
}

static void what_cannot_be_read_changes_nothing_and_is_told(void **state)
{
    (void)state;
    put_list_of(&alice);
    hang_up();
    assert_true(wait_until(is_kept_out, &alice, WAIT_MS));

    free(temp_dir_write(folder, "list.crl", "no list\n"));
    assert_kept("list.crl: holds no revocation list in PEM");
    unlink(list);
    assert_kept("list.crl: No such file or directory");
    put_list(&(struct revocations){.authority = &authority, .ends_s = NEVER_ENDS});
    assert_kept("the list of CN=authority does not say when the next one comes");

    put_list_of(NULL);
    assert_true(wait_until(
        metrics_have, (void *)"pointsman_certificates_outdated{listener=\"https\"} 0", WAIT_MS));
    assert_true(is_let_in(&alice));
}

/* When the list ends, as it says. */
static long long end_of_list(void)
{
    FILE *file = fopen(list, "r");
    X509_CRL *read = file == NULL ? NULL : PEM_read_X509_CRL(file, NULL, NULL, NULL);
    struct tm parts = {0};
    CHECK(read != NULL && ASN1_TIME_to_tm(X509_CRL_get0_nextUpdate(read), &parts) == 1, "%s", list);
    X509_CRL_free(read);
    fclose(file);
    return timegm(&parts);
}

static void when_it_ends_is_a_metric(void **state)
{
    (void)state;
    put_list(&(struct revocations){.authority = &authority, .ends_s = 7200});
    hang_up();

    struct buffer line = BUFFER_EMPTY;
    buffer_printf(
        &line,
        "pointsman_client_crl_next_update_timestamp_seconds{listener=\"https\",file=\"%s\","
        "issuer=\"CN=authority\",list=\"1\"} %lld\n",
        list, end_of_list());
    assert_true(wait_until(metrics_have, (void *)(uintptr_t)buffer_string(&line), WAIT_MS));
    buffer_reset(&line);
    buffer_printf(&line,
                  "\"client_crl\": [{\"issuer\": \"CN=authority\", \"next_update_ms\": %lld}]",
                  end_of_list() * 1000);
    assert_true(status_has((void *)(uintptr_t)buffer_string(&line)));
    buffer_clear(&line);
}

/* The last one: nobody is let in any more. */
static void when_it_has_ended_nobody_is_let_in_nor_goes_on(void **state)
{
    (void)state;
    put_list(&(struct revocations){.authority = &authority, .ends_s = 5});
    hang_up();
    assert_true(wait_until(is_back, &alice, WAIT_MS));
    struct tls_probe *before = connect_as(&alice, 0, NULL);
    assert_true(is_answered(before));
    SSL_SESSION *session = tls_probe_session(before);

    free(process_expect_line(pointsman_proxy(pointsman),
                             "client_crl_expired issuer=\"CN=authority\""));

    assert_false(is_let_in(&alice));
    struct tls_probe *again = connect_as(&alice, 0, session);
    assert_false(is_answered(again));
    tls_probe_close(before);
    tls_probe_close(again);
    SSL_SESSION_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_changes_is_noticed_and_sessions_do_not_evade_it),
        cmocka_unit_test(a_signal_brings_the_new_list),
        cmocka_unit_test(what_cannot_be_read_changes_nothing_and_is_told),
        cmocka_unit_test(when_it_ends_is_a_metric),
        cmocka_unit_test(when_it_has_ended_nobody_is_let_in_nor_goes_on),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
