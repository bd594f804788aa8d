/* Clients with certificates: who is let in, and what the service is told of them. */
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMS                                                                                     \
    "X-Client-Cert-Subject: CN=admin\r\nx-client-cert-verified: SUCCESS\r\n"                       \
    "X-Client-Cert-Other: x\r\nX_Client_Cert_Subject: CN=admin\r\nClient-Cert: :AAAA:\r\n"         \
    "Client-Cert-Chain: :AAAA:\r\n"

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate stranger; /* another authority */
static struct certificate site;
static struct certificate alice;   /* of the authority */
static struct certificate mallory; /* of the stranger */
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static char *access_log;
static int required_port;
static int optional_port;
static int plain_port;

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    stranger = certificate_make_authority(folder, "stranger");
    site = certificate_make(folder, "site", "DNS:site.example", &authority);
    alice = certificate_make(folder, "alice, \"A\"", NULL, &authority);
    mallory = certificate_make(folder, "mallory", NULL, &stranger);
    upstream = fake_upstream_start("service");
    access_log = temp_dir_file(folder, "access.log");

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen,
                  "required=127.0.0.1:0,certificate=%s,key=%s,client-ca=%s,"
                  "optional=127.0.0.1:0,certificate=%s,key=%s,client-ca=%s,"
                  "client-certificate=optional,"
                  "plain=127.0.0.1:0,certificate=%s,key=%s",
                  site.certificate, site.key, authority.certificate, site.certificate, site.key,
                  authority.certificate, site.certificate, site.key);
    const char *const arguments[] = {"--listen", buffer_string(&listen), "--access-log", access_log,
                                     NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    required_port = pointsman_listener_port(pointsman, "required");
    optional_port = pointsman_listener_port(pointsman, "optional");
    plain_port = pointsman_listener_port(pointsman, "plain");
    buffer_clear(&listen);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&stranger);
    certificate_clear(&site);
    certificate_clear(&alice);
    certificate_clear(&mallory);
    free(access_log);
    temp_dir_free(folder);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

/* Sends a request with those fields; the request as the service saw it, or NULL. */
static const struct http_message *ask(struct tls_probe *probe, const char *fields)
{
    struct buffer request = BUFFER_EMPTY;
    buffer_printf(&request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    size_t before = fake_upstream_request_count(upstream);
    bool is_answered = tls_probe_send(probe, buffer_string(&request)) &&
                       tls_probe_expect(probe, "HTTP/1.1 200 OK\r\n") &&
                       tls_probe_expect(probe, "\r\n\r\n") && tls_probe_expect(probe, "\r\n\r\n");
    buffer_clear(&request);
    return is_answered ? fake_upstream_request(upstream, before) : NULL;
}

static void assert_told(const struct http_message *request, const char *field, const char *expected)
{
    assert_non_null(request);
    char *value = http_message_field(request, field);
    if (expected == NULL) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_string_equal(value, expected);
    assert_int_equal(http_message_field_count(request, field), 1);
    free(value);
}

static void assert_no_claims(const struct http_message *request)
{
    assert_told(request, "x-client-cert-other", NULL);
    assert_told(request, "x_client_cert_subject", NULL);
    assert_told(request, "client-cert", NULL);
    assert_told(request, "client-cert-chain", NULL);
}

/* TLS 1.3 clients are done before the server has looked at their certificate. */
static bool is_let_in(int port, int version, const struct certificate *certificate)
{
    struct tls_probe *probe = tls_probe_connect(
        port, &(struct tls_probe_options){.version = version, .certificate = certificate});
    bool is_let_in = tls_probe_failure(probe) == NULL && tls_probe_get(probe, "a", NULL);
    assert_true(is_let_in || tls_probe_failure(probe) != NULL);
    tls_probe_close(probe);
    return is_let_in;
}

static bool log_has(void *text)
{
    char *lines = temp_dir_read(access_log);
    bool has = lines != NULL && strstr(lines, text) != NULL;
    free(lines);
    return has;
}

/* --- stories --------------------------------------------------------------------------------- */

static void only_those_our_authority_has_signed_are_let_in(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        assert_true(is_let_in(required_port, versions[i], &alice));
        assert_false(is_let_in(required_port, versions[i], NULL));
        assert_false(is_let_in(required_port, versions[i], &mallory));
        assert_true(is_let_in(optional_port, versions[i], &alice));
        assert_true(is_let_in(optional_port, versions[i], NULL));
        assert_false(is_let_in(optional_port, versions[i], &mallory));
    }
}

static void the_service_is_told_the_subject_and_no_claims(void **state)
{
    (void)state;
    struct tls_probe *probe =
        tls_probe_connect(required_port, &(struct tls_probe_options){.certificate = &alice});
    const struct http_message *request = ask(probe, CLAIMS);

    assert_told(request, "x-client-cert-verified", "SUCCESS");
    assert_told(request, "x-client-cert-subject", "CN=alice\\, \\\"A\\\"");
    assert_no_claims(request);
    assert_true(wait_until(log_has, (void *)"\"client_subject\":\"CN=alice", WAIT_MS));
    tls_probe_close(probe);
}

static void who_has_shown_none_is_not_verified_whatever_it_says(void **state)
{
    (void)state;
    struct tls_probe *optional = tls_probe_connect(optional_port, NULL);
    const struct http_message *request = ask(optional, CLAIMS);
    assert_told(request, "x-client-cert-verified", "NONE");
    assert_told(request, "x-client-cert-subject", NULL);
    assert_no_claims(request);

    struct tls_probe *plain = tls_probe_connect(plain_port, NULL);
    request = ask(plain, CLAIMS);
    assert_told(request, "x-client-cert-verified", NULL);
    assert_told(request, "x-client-cert-subject", NULL);
    assert_no_claims(request);
    tls_probe_close(optional);
    tls_probe_close(plain);
}

static void a_resumed_session_keeps_its_subject(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct tls_probe_options options = {.version = versions[i], .certificate = &alice};
        struct tls_probe *first = tls_probe_connect(required_port, &options);
        assert_non_null(ask(first, ""));
        struct tls_probe_options later = {.version = versions[i],
                                          .session = tls_probe_session(first)};
        struct tls_probe *second = tls_probe_connect(required_port, &later);

        assert_told(ask(second, ""), "x-client-cert-subject", "CN=alice\\, \\\"A\\\"");
        assert_true(tls_probe_is_resumed(second));
        SSL_SESSION_free(later.session);
        tls_probe_close(first);
        tls_probe_close(second);
    }
}

/* The certificate was shown to another listener, that asks for none. */
static void a_session_of_another_listener_does_not_get_anyone_in(void **state)
{
    (void)state;
    struct tls_probe *plain = tls_probe_connect(plain_port, NULL);
    assert_non_null(ask(plain, ""));
    struct tls_probe_options options = {.session = tls_probe_session(plain)};
    struct tls_probe *required = tls_probe_connect(required_port, &options);

    assert_null(ask(required, ""));
    SSL_SESSION_free(options.session);
    tls_probe_close(plain);
    tls_probe_close(required);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_those_our_authority_has_signed_are_let_in),
        cmocka_unit_test(the_service_is_told_the_subject_and_no_claims),
        cmocka_unit_test(who_has_shown_none_is_not_verified_whatever_it_says),
        cmocka_unit_test(a_resumed_session_keeps_its_subject),
        cmocka_unit_test(a_session_of_another_listener_does_not_get_anyone_in),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
