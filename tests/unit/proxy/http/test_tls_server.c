/* TLS servers: which clients lists of revoked certificates keep out, whose sessions go on, and to
 * whom what an authority says of the server's own certificate is stapled. */
#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_set.h"
#include "proxy/http/client_authorities.h"
#include "proxy/http/tls_server.h"
#include "tests/support/certificates.h"
#include "tests/support/ocsp_answer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOUR_SECONDS = 60 * 60 };

static struct temp_dir *folder;
static struct certificate root;
static struct certificate between; /* an authority that the root has signed */
static struct certificate other;   /* another root */
static struct certificate site;
static struct certificate site_and_root;
static struct certificate alice; /* of the root */
static struct certificate bob;   /* of the one between */
static struct certificate bob_and_between;

static int set_up(void **state)
{
    (void)state;
    folder = temp_dir_new();
    root = certificate_make_authority(folder, "root");
    between = certificate_make_intermediate(folder, "between", &root);
    other = certificate_make_authority(folder, "other");
    site = certificate_make(folder, "site", "DNS:site.example", &root);
    site_and_root.certificate = certificate_file_join(folder, "site_and_root.pem", site.certificate,
                                                      root.certificate, NULL);
    site_and_root.key = temp_dir_file(folder, "site.key");
    alice = certificate_make(folder, "alice", NULL, &root);
    bob = certificate_make(folder, "bob", NULL, &between);
    bob_and_between.certificate = certificate_file_join(folder, "bob_and_between.pem",
                                                        bob.certificate, between.certificate, NULL);
    bob_and_between.key = temp_dir_file(folder, "bob.key");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificate_clear(&root);
    certificate_clear(&between);
    certificate_clear(&other);
    certificate_clear(&site);
    certificate_clear(&site_and_root);
    certificate_clear(&alice);
    certificate_clear(&bob);
    certificate_clear(&bob_and_between);
    temp_dir_free(folder);
    return 0;
}

/* --- a listener without its socket ----------------------------------------------------------- */

struct scene {
    struct listener_specs specs;
    struct tls_server *server;
};

static void open_with(struct scene *scene, const struct certificate *served, const char *options)
{
    struct buffer listen = BUFFER_EMPTY;
    struct error err = {0};
    buffer_printf(&listen, "https=127.0.0.1:0,certificate=%s,key=%s,%s", served->certificate,
                  served->key, options);
    const char *text = buffer_string(&listen);
    assert_true(listener_specs_parse(&text, 1, &scene->specs, NULL));
    scene->server = tls_server_new(&scene->specs.items[0], &err);
    if (scene->server == NULL)
        fail_msg("%s", err.message);
    buffer_clear(&listen);
}

static void open_scene(struct scene *scene, const char *client_ca, const char *client_crl)
{
    struct buffer options = BUFFER_EMPTY;
    buffer_printf(&options, "client-ca=%s", client_ca);
    if (client_crl != NULL)
        buffer_printf(&options, ",client-crl=%s", client_crl);
    open_with(scene, &site, buffer_string(&options));
    buffer_clear(&options);
}

static void close_scene(struct scene *scene)
{
    tls_server_free(scene->server);
    listener_specs_clear(&scene->specs);
}

/* --- a client -------------------------------------------------------------------------------- */

struct visit {
    const struct certificate *certificate; /* NULL: it has none */
    int version;
    SSL_SESSION *session; /* to go on with, and then the newest */
    bool is_resumed;
    bool asks_for_status;
    size_t stapled_bytes;
};

static SSL_SESSION **kept_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(*kept_session);
    *kept_session = session;
    return 1;
}

static SSL_CTX *make_client(const struct visit *visit)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    SSL_CTX_set_min_proto_version(context, visit->version);
    SSL_CTX_set_max_proto_version(context, visit->version);
    const struct certificate *own = visit->certificate;
    if (own != NULL) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(context, own->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, own->key, SSL_FILETYPE_PEM), 1);
    }
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, on_session);
    return context;
}

/* Both take what the other has sent until the server has decided. */
static bool shake_hands(SSL *client, SSL *server)
{
    enum tls_step step = TLS_WANTS_READ;
    for (int i = 0; i < 10 && step != TLS_DONE && step != TLS_FAILED; i++) {
        tls_handshake(client);
        step = tls_handshake(server);
    }
    char byte;
    tls_handshake(client);
    tls_receive(client, &byte, 1); /* tickets of TLS 1.3 come behind */
    return step == TLS_DONE;
}

/* What became of the client's certificate: X509_V_OK, and it is let in. */
static long visit(struct scene *scene, struct visit *visit)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    SSL_CTX *context = make_client(visit);
    SSL *client = SSL_new(context);
    SSL_set_fd(client, fds[0]);
    SSL_set_connect_state(client);
    if (visit->session != NULL)
        SSL_set_session(client, visit->session);
    if (visit->asks_for_status)
        SSL_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp);
    kept_session = &visit->session;
    SSL *server = tls_server_start(scene->server, fds[1]);

    bool is_let_in = shake_hands(client, server);
    long verdict = SSL_get_verify_result(server);
    assert_int_equal(is_let_in, verdict == X509_V_OK);
    visit->is_resumed = SSL_session_reused(server);
    unsigned char *stapled;
    long stapled_bytes = SSL_get_tlsext_status_ocsp_resp(client, &stapled);
    visit->stapled_bytes = stapled_bytes > 0 ? (size_t)stapled_bytes : 0;
    tls_server_finish(server);
    byte_stream_free(server, false);
    byte_stream_free(client, is_let_in);
    SSL_CTX_free(context);
    close(fds[0]);
    close(fds[1]);
    return verdict;
}

/* --- whom lists keep out --------------------------------------------------------------------- */

static char *list_of(const char *name, const struct certificate *authority,
                     const struct certificate *revoked)
{
    return certificate_make_crl(
        folder, name, &(struct revocations){.authority = authority, .revoked = {revoked}});
}

/* Frees the list. */
static void assert_verdict(const char *client_ca, char *list, const struct certificate *client,
                           long verdict)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct scene scene;
    open_scene(&scene, client_ca, list);
    for (size_t i = 0; i < 2; i++) {
        struct visit visitor = {.certificate = client, .version = versions[i]};
        long found = visit(&scene, &visitor);
        if (found != verdict)
            fail_msg("%s with %s is '%s', not '%s'", client->certificate, list,
                     X509_verify_cert_error_string(found), X509_verify_cert_error_string(verdict));
        SSL_SESSION_free(visitor.session);
    }
    close_scene(&scene);
    free(list);
}

static void who_is_on_the_list_is_kept_out_and_nobody_else(void **state)
{
    (void)state;
    assert_verdict(root.certificate, list_of("none.crl", &root, NULL), &alice, X509_V_OK);
    assert_verdict(root.certificate, list_of("site.crl", &root, &site), &alice, X509_V_OK);
    assert_verdict(root.certificate, list_of("alice.crl", &root, &alice), &alice,
                   X509_V_ERR_CERT_REVOKED);
}

static void without_a_good_list_of_the_issuer_nobody_is_let_in(void **state)
{
    (void)state;
    assert_verdict(root.certificate, list_of("other.crl", &other, NULL), &alice,
                   X509_V_ERR_UNABLE_TO_GET_CRL);
    assert_verdict(root.certificate,
                   certificate_make_crl(folder, "ended.crl",
                                        &(struct revocations){.authority = &root, .ends_s = -1}),
                   &alice, X509_V_ERR_CRL_HAS_EXPIRED);
    assert_verdict(
        root.certificate,
        certificate_make_crl(folder, "early.crl",
                             &(struct revocations){.authority = &root, .begins_s = HOUR_SECONDS}),
        &alice, X509_V_ERR_CRL_NOT_YET_VALID);
    assert_verdict(
        root.certificate,
        certificate_make_crl(folder, "forged.crl",
                             &(struct revocations){.authority = &root, .signer = &other}),
        &alice, X509_V_ERR_CRL_SIGNATURE_FAILURE);
}

/* Frees both. */
static char *join(const char *name, char *first, char *second)
{
    char *joined = certificate_file_join(folder, name, first, second, NULL);
    free(first);
    free(second);
    return joined;
}

/* The lists of the root and of the one between, in one file. */
static char *lists_of(const struct certificate *by_root, const struct certificate *by_between)
{
    return join("both.crl", list_of("root.crl", &root, by_root),
                list_of("between.crl", &between, by_between));
}

static void every_certificate_of_a_chain_is_looked_up(void **state)
{
    (void)state;
    const char *ca = root.certificate;
    assert_verdict(ca, lists_of(NULL, NULL), &bob_and_between, X509_V_OK);
    assert_verdict(ca, lists_of(NULL, &bob), &bob_and_between, X509_V_ERR_CERT_REVOKED);
    assert_verdict(ca, lists_of(&between, NULL), &bob_and_between, X509_V_ERR_CERT_REVOKED);
    assert_verdict(ca, list_of("root.crl", &root, NULL), &bob_and_between,
                   X509_V_ERR_UNABLE_TO_GET_CRL);
    assert_verdict(ca, list_of("between.crl", &between, NULL), &bob_and_between,
                   X509_V_ERR_UNABLE_TO_GET_CRL);
}

static void an_authority_that_is_named_with_its_issuer_is_looked_up_too(void **state)
{
    (void)state;
    char *ca = certificate_file_join(folder, "ca.pem", between.certificate, root.certificate, NULL);
    assert_verdict(ca, lists_of(NULL, NULL), &bob, X509_V_OK);
    assert_verdict(ca, lists_of(NULL, NULL), &bob_and_between, X509_V_OK);
    assert_verdict(ca, lists_of(NULL, &bob), &bob, X509_V_ERR_CERT_REVOKED);
    assert_verdict(ca, lists_of(&between, NULL), &bob, X509_V_ERR_CERT_REVOKED);
    assert_verdict(ca, lists_of(NULL, NULL), &alice, X509_V_OK);
    free(ca);
}

static void an_authority_that_is_named_alone_needs_its_own_list_only(void **state)
{
    (void)state;
    const char *ca = between.certificate;
    assert_verdict(ca, NULL, &bob, X509_V_OK);
    assert_verdict(ca, list_of("between.crl", &between, NULL), &bob, X509_V_OK);
    assert_verdict(ca, list_of("between.crl", &between, &bob), &bob, X509_V_ERR_CERT_REVOKED);
    assert_verdict(ca, list_of("root.crl", &root, NULL), &bob, X509_V_ERR_UNABLE_TO_GET_CRL);
}

static void a_client_without_a_list_is_verified_as_ever(void **state)
{
    (void)state;
    assert_verdict(root.certificate, NULL, &alice, X509_V_OK);
    assert_verdict(root.certificate, NULL, &bob_and_between, X509_V_OK);
    assert_verdict(other.certificate, NULL, &alice, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* `change` is between two visits of alice; then she goes on with her session, or does not. */
static void assert_goes_on(void (*change)(struct scene *scene), bool goes_on, long verdict)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        char *list = list_of("served.crl", &root, NULL);
        open_scene(&scene, root.certificate, list);
        struct visit alices = {.certificate = &alice, .version = versions[i]};
        assert_int_equal(visit(&scene, &alices), X509_V_OK);
        assert_non_null(alices.session);

        change(&scene);

        assert_int_equal(visit(&scene, &alices), verdict);
        assert_int_equal(alices.is_resumed, goes_on);
        clock_set_wall_for_test(0);
        SSL_SESSION_free(alices.session);
        close_scene(&scene);
        free(list);
    }
}

static void change_nothing(struct scene *scene)
{
    assert_true(tls_server_reload(scene->server, NULL));
}

static void revoke_alice(struct scene *scene)
{
    free(list_of("served.crl", &root, &alice));
    assert_true(tls_server_reload(scene->server, NULL));
}

static void revoke_somebody_else(struct scene *scene)
{
    free(list_of("served.crl", &root, &site));
    assert_true(tls_server_reload(scene->server, NULL));
}

static void break_the_list(struct scene *scene)
{
    struct error err;
    free(temp_dir_write(folder, "served.crl", "no list\n"));
    assert_false(tls_server_reload(scene->server, &err));
    assert_non_null(strstr(err.message, "served.crl: holds no revocation list in PEM"));
}

/* OpenSSL itself knows the real time: when she shows her certificate again, the list is good. */
static void let_the_list_end(struct scene *scene)
{
    (void)scene;
    clock_set_wall_for_test(clock_wall_ms() + (uint64_t)25 * HOUR_SECONDS * 1000);
}

static void sessions_go_on_only_as_long_as_the_lists_do(void **state)
{
    (void)state;
    assert_goes_on(change_nothing, true, X509_V_OK);
    assert_goes_on(revoke_alice, false, X509_V_ERR_CERT_REVOKED);
    assert_goes_on(revoke_somebody_else, false, X509_V_OK);
    assert_goes_on(break_the_list, true, X509_V_OK);
    assert_goes_on(let_the_list_end, false, X509_V_OK);
}

/* --- what is stapled ------------------------------------------------------------------------- */

static char *answer_on_site(enum ocsp_verdict verdict)
{
    return ocsp_answer_make(folder, "site.ocsp",
                            &(struct ocsp_answer){.certificate = &site,
                                                  .authority = &root,
                                                  .verdict = verdict,
                                                  .begins_s = HOUR_SECONDS,
                                                  .ends_s = 3 * HOUR_SECONDS});
}

static bool is_stapled(struct scene *scene, bool asks_for_status)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    size_t bytes[2];
    for (size_t i = 0; i < 2; i++) {
        struct visit visitor = {.version = versions[i], .asks_for_status = asks_for_status};
        assert_int_equal(visit(scene, &visitor), X509_V_OK);
        bytes[i] = visitor.stapled_bytes;
        SSL_SESSION_free(visitor.session);
    }
    assert_int_equal(bytes[0], bytes[1]);
    return bytes[0] > 0;
}

static void what_the_authority_says_is_stapled_while_it_holds(void **state)
{
    (void)state;
    struct scene scene;
    char *answer = answer_on_site(VERDICT_GOOD);
    struct buffer options = BUFFER_EMPTY;
    buffer_printf(&options, "ocsp=%s", answer);
    open_with(&scene, &site_and_root, buffer_string(&options));
    uint64_t now_ms = clock_wall_ms();
    static const struct {
        uint64_t after_hours;
        bool is_stapled;
    } looks[] = {{0, false}, {2, true}, {4, false}};

    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        clock_set_wall_for_test(now_ms + looks[i].after_hours * HOUR_SECONDS * 1000);
        assert_int_equal(is_stapled(&scene, true), looks[i].is_stapled);
        assert_false(is_stapled(&scene, false));
    }
    clock_set_wall_for_test(0);
    close_scene(&scene);
    buffer_clear(&options);
    free(answer);
}

static void what_is_wrong_with_a_response_keeps_no_certificate_back(void **state)
{
    (void)state;
    struct scene scene;
    char *answer = temp_dir_file(folder, "site.ocsp");
    struct buffer options = BUFFER_EMPTY;
    buffer_printf(&options, "ocsp=%s", answer);
    unlink(answer);
    open_with(&scene, &site_and_root, buffer_string(&options));

    struct tls_server_status status;
    tls_server_status(scene.server, &status);
    const struct certificate_facts *facts = certificate_set_facts(status.certificates, 0);
    assert_false(is_stapled(&scene, true));
    assert_string_equal(facts->ocsp_file, answer);
    assert_int_equal(facts->ocsp_end_s, 0);
    assert_non_null(strstr(facts->ocsp_problem, "site.ocsp: No such file or directory"));
    certificate_set_release(&status.certificates);

    free(answer_on_site(VERDICT_REVOKED));
    assert_true(tls_server_reload(scene.server, NULL));
    tls_server_status(scene.server, &status);
    facts = certificate_set_facts(status.certificates, 0);
    assert_string_equal(facts->ocsp_problem, "it says that the certificate is revoked");
    assert_false(is_stapled(&scene, true));
    certificate_set_release(&status.certificates);
    close_scene(&scene);
    buffer_clear(&options);
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_on_the_list_is_kept_out_and_nobody_else),
        cmocka_unit_test(without_a_good_list_of_the_issuer_nobody_is_let_in),
        cmocka_unit_test(every_certificate_of_a_chain_is_looked_up),
        cmocka_unit_test(an_authority_that_is_named_with_its_issuer_is_looked_up_too),
        cmocka_unit_test(an_authority_that_is_named_alone_needs_its_own_list_only),
        cmocka_unit_test(a_client_without_a_list_is_verified_as_ever),
        cmocka_unit_test(sessions_go_on_only_as_long_as_the_lists_do),
        cmocka_unit_test(what_the_authority_says_is_stapled_while_it_holds),
        cmocka_unit_test(what_is_wrong_with_a_response_keeps_no_certificate_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
