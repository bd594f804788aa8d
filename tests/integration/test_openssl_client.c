/* A listener with TLS as an operator looks at it from outside: with `openssl s_client`, in the way
 * of testssl. The client is told to take anything (@SECLEVEL=0, no configuration), and a refusal
 * counts only when it is the server's: by its alert.
 *
 * What Debian's OpenSSL cannot offer, this cannot ask for: SSL 3, RC4, 3DES, export ciphers and
 * compression. The ciphers that are taken are therefore compared with the whole list of what may
 * be, not only looked at for weak ones. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/openssl_program.h"
#include "tests/support/pointsman.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

enum { RECONNECTIONS = 5 /* of -reconnect */ };

static const char request[] = "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate first; /* for first.example, and whoever asks for none */
static struct certificate wild;  /* for *.wild.example */
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static int port;
static int second_port; /* the same certificate, another listener, without HTTP/2 */
static int rsa_port;    /* a certificate with a key of RSA */

/* --- the client ------------------------------------------------------------------------------ */

/* The handshake succeeds, and the client says `out`. */
static void assert_agrees(int to, const char *words, const char *out)
{
    command_expect(openssl_client(to, NULL, words), 0, out, NULL);
}

/* The server ends the handshake with that alert. */
static void assert_refuses(int to, const char *words, const char *alert)
{
    command_expect(openssl_client(to, NULL, words), 1, NULL, alert);
}

/* The same, and a request is answered over it. */
static void assert_serves(int to, const char *words, const char *out)
{
    struct command command = openssl_client(to, request, words);
    CHECK(strstr(command.out, "HTTP/1.1 200 OK\r\n") != NULL, "no answer with %s:\n%s%s", words,
          command.out, command.err);
    command_expect(command, 0, out, NULL);
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* --- the programs ---------------------------------------------------------------------------- */

static char *make_rsa_listener(void)
{
    char *certificate = temp_dir_file(folder, "rsa.pem");
    char *key = temp_dir_file(folder, "rsa.key");
    char *configuration =
        temp_dir_write(folder, "rsa.cnf", "[req]\ndistinguished_name = dn\n[dn]\n");
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words,
                  "req -x509 -config %s -newkey rsa:2048 -nodes -days 1 -subj /CN=rsa "
                  "-addext subjectAltName=DNS:rsa.example -out %s -keyout %s",
                  configuration, certificate, key);
    command_expect(openssl_run(NULL, buffer_string(&words)), 0, NULL, NULL);

    buffer_reset(&words);
    buffer_printf(&words, "rsa=127.0.0.1:0,certificate=%s,key=%s", certificate, key);
    char *listen = memory_duplicate_string(buffer_string(&words));
    buffer_clear(&words);
    free(certificate);
    free(key);
    free(configuration);
    return listen;
}

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    first = certificate_make(folder, "first", "DNS:first.example", &authority);
    wild = certificate_make(folder, "wild", "DNS:*.wild.example", &authority);
    upstream = fake_upstream_start("service");

    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen, "https=127.0.0.1:0,certificate=%s,key=%s,certificate=%s,key=%s",
                  first.certificate, first.key, wild.certificate, wild.key);
    struct buffer second = BUFFER_EMPTY;
    buffer_printf(&second, "second=127.0.0.1:0,http2=off,certificate=%s,key=%s", first.certificate,
                  first.key);
    char *rsa = make_rsa_listener();
    const char *const arguments[] = {
        "--listen", buffer_string(&listen), "--listen", buffer_string(&second), "--listen", rsa,
        NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    port = pointsman_listener_port(pointsman, "https");
    second_port = pointsman_listener_port(pointsman, "second");
    rsa_port = pointsman_listener_port(pointsman, "rsa");
    free(rsa);
    buffer_clear(&listen);
    buffer_clear(&second);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&first);
    certificate_clear(&wild);
    temp_dir_free(folder);
    return 0;
}

/* --- versions -------------------------------------------------------------------------------- */

static void only_tls_1_2_and_1_3_are_spoken(void **state)
{
    (void)state;
    assert_refuses(port, "-tls1 -cipher ALL:@SECLEVEL=0", "alert protocol version");
    assert_refuses(port, "-tls1_1 -cipher ALL:@SECLEVEL=0", "alert protocol version");
    assert_serves(port, "-tls1_2", "New, TLSv1.2, Cipher is ECDHE-ECDSA-");
    assert_serves(port, "-tls1_3", "New, TLSv1.3, Cipher is TLS_");
    assert_agrees(port, "", "New, TLSv1.3, Cipher is TLS_");
}

/* RFC 7507 */
static void a_client_that_was_talked_down_is_told_so(void **state)
{
    (void)state;
    assert_refuses(port, "-tls1_2 -fallback_scsv", "alert inappropriate fallback");
    assert_agrees(port, "-tls1_3 -fallback_scsv", "New, TLSv1.3");
}

/* --- ciphers --------------------------------------------------------------------------------- */

/* Takes `name` out of a list that colons part. False when it is not there. */
static bool remove_name(char *list, const char *name)
{
    size_t length = strlen(name);
    for (char *at = list; at != NULL; at = strchr(at, ':') == NULL ? NULL : strchr(at, ':') + 1) {
        if (strncmp(at, name, length) != 0 || (at[length] != ':' && at[length] != '\0'))
            continue;
        if (at[length] == ':')
            memmove(at, at + length + 1, strlen(at + length + 1) + 1);
        else
            at[at == list ? 0 : -1] = '\0';
        return true;
    }
    return false;
}

/* Offers all of `offered` behind `option`, then all but what was taken, until the server refuses
 * the rest, which is what stays in `offered`. Returns what was taken, parted by colons, as the
 * client prefers them; caller frees. */
static char *find_taken(int to, const char *option, char *offered)
{
    static const char mark[] = "Cipher is ";
    struct buffer taken = BUFFER_EMPTY;
    for (;;) {
        CHECK(offered[0] != '\0', "everything was taken: %s", buffer_string(&taken));
        struct buffer words = BUFFER_EMPTY;
        buffer_printf(&words, "%s%s", option, offered);
        struct command command = openssl_client(to, NULL, buffer_string(&words));
        buffer_clear(&words);
        if (command.exit_code != 0) {
            command_expect(command, 1, NULL, "alert handshake failure");
            break;
        }
        char *name = strstr(command.out, mark);
        CHECK(name != NULL, "no cipher:\n%s", command.out);
        name += strlen(mark);
        name[strcspn(name, "\n")] = '\0';
        CHECK(remove_name(offered, name), "%s was not offered: %s", name, offered);
        buffer_printf(&taken, "%s%s", taken.length == 0 ? "" : ":", name);
        command_clear(&command);
    }
    char *result = memory_duplicate_string(buffer_string(&taken));
    buffer_clear(&taken);
    return result;
}

/* Of all that the client knows for TLS 1.2, however weak, the listener takes just these. */
static void assert_takes(int to, const char *expected)
{
    struct command all = openssl_run(NULL, "ciphers -s -tls1_2 ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    CHECK(all.exit_code == 0, "no ciphers: %s", all.err);
    all.out[strcspn(all.out, "\n")] = '\0';
    char *taken = find_taken(to, "-tls1_2 -cipher @SECLEVEL=0:", all.out);
    assert_string_equal(taken, expected);

    /* What was refused has one of each kind: static RSA, CBC, no authentication, no encryption,
     * finite fields. */
    static const char *const refused[] = {"AES128-GCM-SHA256",
                                          "AES128-SHA",
                                          "ECDHE-ECDSA-AES128-SHA256",
                                          "ECDHE-RSA-AES128-SHA",
                                          "ADH-AES128-GCM-SHA256",
                                          "AECDH-AES128-SHA",
                                          "NULL-SHA256",
                                          "ECDHE-ECDSA-NULL-SHA",
                                          "DHE-RSA-AES128-GCM-SHA256"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CHECK(remove_name(all.out, refused[i]), "%s was not offered", refused[i]);
    free(taken);
    command_clear(&all);
}

static void the_ciphers_are_the_documented_ones_and_no_others(void **state)
{
    (void)state;
    assert_takes(port, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
                       "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_takes(rsa_port, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:"
                           "ECDHE-RSA-AES128-GCM-SHA256");
}

static void the_ciphers_of_tls_1_3_are_the_three_usual_ones(void **state)
{
    (void)state;
    char offered[] = "TLS_AES_128_CCM_8_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_256_GCM_SHA384:"
                     "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    char *taken = find_taken(port, "-tls1_3 -ciphersuites ", offered);

    assert_string_equal(taken, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
                               "TLS_AES_128_GCM_SHA256");
    assert_string_equal(offered, "TLS_AES_128_CCM_8_SHA256:TLS_AES_128_CCM_SHA256");
    free(taken);
}

static void keys_are_exchanged_in_the_documented_groups(void **state)
{
    (void)state;
    assert_agrees(port, "-tls1_3 -groups X25519", "Server Temp Key: X25519");
    assert_agrees(port, "-tls1_3 -groups P-256", "Server Temp Key: ECDH, prime256v1");
    assert_agrees(port, "-tls1_3 -groups P-384", "Server Temp Key: ECDH, secp384r1");
    assert_refuses(port, "-tls1_3 -groups P-521", "alert handshake failure");
    assert_refuses(port, "-tls1_3 -groups ffdhe2048", "alert handshake failure");

    /* In TLS 1.2 a certificate's own curve counts as well, which one of RSA does not have. */
    assert_agrees(rsa_port, "-tls1_2 -groups P-384", "Server Temp Key: ECDH, secp384r1");
    assert_refuses(rsa_port, "-tls1_2 -groups P-521", "alert handshake failure");
}

/* --- ALPN and certificates ------------------------------------------------------------------- */

static void only_a_protocol_we_speak_is_agreed_on(void **state)
{
    (void)state;
    assert_agrees(port, "-alpn h2,http/1.1", "ALPN protocol: h2\n");
    assert_agrees(port, "-alpn http/1.1,h2", "ALPN protocol: h2\n");
    assert_serves(port, "-alpn http/1.1", "ALPN protocol: http/1.1\n");
    assert_serves(port, "", "No ALPN negotiated\n");
    assert_refuses(port, "-alpn spdy/9", "alert no application protocol");

    assert_serves(second_port, "-alpn h2,http/1.1", "ALPN protocol: http/1.1\n");
    assert_refuses(second_port, "-alpn h2", "alert no application protocol");
}

/* The certificate that `name` gets verifies for `name`, or does not. */
static void assert_verifies(const char *name, bool verifies, const char *out)
{
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words, "-servername %s -verify_hostname %s -CAfile %s -verify_return_error",
                  name, name, authority.certificate);
    command_expect(openssl_client(port, NULL, buffer_string(&words)), verifies ? 0 : 1, out,
                   verifies ? NULL : "verify error:num=62:hostname mismatch");
    buffer_clear(&words);
}

static void the_name_picks_the_certificate(void **state)
{
    (void)state;
    assert_verifies("first.example", true, "subject=CN = first\n");
    assert_verifies("a.wild.example", true, "subject=CN = wild\n");
    assert_verifies("a.b.wild.example", false, NULL);
    assert_verifies("unknown.example", false, NULL);
    assert_agrees(port, "-servername unknown.example", "subject=CN = first\n");
    assert_agrees(port, "-servername a.b.wild.example", "subject=CN = first\n");
    assert_agrees(port, "-noservername", "subject=CN = first\n");
}

/* --- renegotiation and compression ----------------------------------------------------------- */

static void renegotiation_is_refused_and_its_protection_announced(void **state)
{
    (void)state;
    struct command command = openssl_client(port, "R\n", "-tls1_2");
    assert_non_null(strstr(command.out, "Secure Renegotiation IS supported\n")); /* RFC 5746 */
    assert_non_null(strstr(command.out, "Extended master secret: yes\n"));       /* RFC 7627 */
    assert_non_null(strstr(command.err, "RENEGOTIATING\n"));
    command_expect(command, 1, NULL, "no renegotiation");
}

static void nothing_is_compressed(void **state)
{
    (void)state;
    assert_agrees(port, "-tls1_2 -comp", "Compression: NONE\n");
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A session of `version` that the listener at `from` gave, in a file. Caller frees the path. */
static char *keep_session(int from, const char *version)
{
    char *path = temp_dir_file(folder, "session.pem");
    unlink(path);
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words, "%s -sess_out %s", version, path);
    assert_serves(from, buffer_string(&words), "New, TLSv1.");
    CHECK(access(path, R_OK) == 0, "no session was given");
    buffer_clear(&words);
    return path;
}

static void assert_resumes(const char *version, int from, int to, const char *out)
{
    char *path = keep_session(from, version);
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words, "%s -sess_in %s", version, path);
    assert_serves(to, buffer_string(&words), out);
    buffer_clear(&words);
    free(path);
}

static void a_session_goes_on_at_its_own_listener_and_at_no_other(void **state)
{
    (void)state;
    assert_resumes("-tls1_2", port, port, "Reused, TLSv1.2, Cipher is ");
    assert_resumes("-tls1_3", port, port, "Reused, TLSv1.3, Cipher is ");
    assert_resumes("-tls1_2", port, second_port, "New, TLSv1.2, Cipher is ");
    assert_resumes("-tls1_3", port, second_port, "New, TLSv1.3, Cipher is ");
    assert_resumes("-tls1_3", second_port, port, "New, TLSv1.3, Cipher is ");
}

static void every_reconnection_goes_on(void **state)
{
    (void)state;
    struct command command = openssl_client(port, NULL, "-tls1_2 -reconnect");
    assert_int_equal(count_of(command.out, "\nNew, TLSv1.2, "), 1);
    assert_int_equal(count_of(command.out, "\nReused, TLSv1.2, "), RECONNECTIONS);
    command_expect(command, 0, NULL, NULL);
}

/* As if the server had allowed early data, which it has not. */
static void allow_early_data(const char *path)
{
    FILE *file = fopen(path, "r");
    SSL_SESSION *session = file == NULL ? NULL : PEM_read_SSL_SESSION(file, NULL, NULL, NULL);
    CHECK(session != NULL, "cannot read %s", path);
    fclose(file);
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    SSL_SESSION_set_max_early_data(session, 1000);
    file = fopen(path, "w");
    CHECK(file != NULL && PEM_write_SSL_SESSION(file, session) == 1, "cannot write %s", path);
    fclose(file);
    SSL_SESSION_free(session);
}

static void early_data_is_neither_offered_nor_taken(void **state)
{
    (void)state;
    char *early = temp_dir_write(folder, "early", "GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
    char *path = keep_session(port, "-tls1_3");
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words, "-tls1_3 -sess_in %s -early_data %s", path, early);
    assert_serves(port, buffer_string(&words), "Early data was not sent\n");

    /* Sent all the same: it is dropped, and the session goes on. */
    free(path);
    path = keep_session(port, "-tls1_3");
    allow_early_data(path);
    struct command command = openssl_client(port, request, buffer_string(&words));
    assert_non_null(strstr(command.out, "Reused, TLSv1.3, "));
    assert_non_null(strstr(command.out, "Early data was rejected\n"));
    assert_null(strstr(command.out, "GET /early"));
    command_expect(command, 0, "GET /asked", NULL);
    buffer_clear(&words);
    free(path);
    free(early);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_tls_1_2_and_1_3_are_spoken),
        cmocka_unit_test(a_client_that_was_talked_down_is_told_so),
        cmocka_unit_test(the_ciphers_are_the_documented_ones_and_no_others),
        cmocka_unit_test(the_ciphers_of_tls_1_3_are_the_three_usual_ones),
        cmocka_unit_test(keys_are_exchanged_in_the_documented_groups),
        cmocka_unit_test(only_a_protocol_we_speak_is_agreed_on),
        cmocka_unit_test(the_name_picks_the_certificate),
        cmocka_unit_test(renegotiation_is_refused_and_its_protection_announced),
        cmocka_unit_test(nothing_is_compressed),
        cmocka_unit_test(a_session_goes_on_at_its_own_listener_and_at_no_other),
        cmocka_unit_test(every_reconnection_goes_on),
        cmocka_unit_test(early_data_is_neither_offered_nor_taken),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
