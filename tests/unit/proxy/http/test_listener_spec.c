/* Listener specs: what --listen may say. Addresses are the business of test_listener. */
#include "proxy/http/listener_spec.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct listener_specs parse(const char *text)
{
    struct listener_specs specs;
    struct error err = {0};
    if (!listener_specs_parse(&text, 1, &specs, &err))
        fail_msg("'%s': %s", text, err.message);
    return specs;
}

static void assert_refused(const char *text, const char *words)
{
    struct listener_specs specs;
    struct error err = {0};
    assert_false(listener_specs_parse(&text, 1, &specs, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void options_stand_behind_their_listener(void **state)
{
    (void)state;
    struct listener_specs specs =
        parse("https=0.0.0.0:8443,certificate=/a.pem,key=/a.key,ocsp=/a.ocsp,certificate=/b.pem,"
              "certificates=/tls,client-ca=/ca.pem,client-crl=/ca.crl,client-certificate=optional,"
              "proxy-protocol,proxy-protocol-from=10.0.0.0/8");

    const struct listener_spec *spec = &specs.items[0];
    assert_int_equal(specs.count, 1);
    assert_string_equal(spec->text, "https=0.0.0.0:8443");
    assert_string_equal(spec->name, "https");
    assert_int_equal(spec->tls.file_count, 2);
    assert_string_equal(spec->tls.files[0].certificate, "/a.pem");
    assert_string_equal(spec->tls.files[0].key, "/a.key");
    assert_string_equal(spec->tls.files[0].ocsp, "/a.ocsp");
    assert_string_equal(spec->tls.files[1].certificate, "/b.pem");
    assert_null(spec->tls.files[1].key);
    assert_null(spec->tls.files[1].ocsp);
    assert_int_equal(spec->tls.folder_count, 1);
    assert_string_equal(spec->tls.folders[0], "/tls");
    assert_string_equal(spec->tls.client_ca, "/ca.pem");
    assert_string_equal(spec->tls.client_crl, "/ca.crl");
    assert_int_equal(spec->tls.client_certificate, CLIENT_CERTIFICATE_OPTIONAL);
    assert_true(spec->expects_proxy_header);
    assert_int_equal(spec->proxies.count, 1);
    listener_specs_clear(&specs);
}

/* A variable splits at each comma, a file has a line for each listener. */
static void it_reads_the_same_wherever_it_was_split(void **state)
{
    (void)state;
    const char *const pieces[] = {"web=127.0.0.1:80", "https=127.0.0.1:443", "certificate=/a.pem",
                                  "unix:/run/a.sock", "mode=0660"};
    struct listener_specs split;
    assert_true(listener_specs_parse(pieces, 5, &split, NULL));
    struct listener_specs whole = parse("web=127.0.0.1:80,https=127.0.0.1:443,certificate=/a.pem,"
                                        "unix:/run/a.sock,mode=0660");

    assert_int_equal(split.count, 3);
    assert_int_equal(whole.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(split.items[i].text, whole.items[i].text);
        assert_int_equal(split.items[i].tls.file_count, i == 1);
        assert_int_equal(whole.items[i].tls.file_count, i == 1);
        assert_int_equal(split.items[i].has_mode, i == 2);
    }
    assert_int_equal(whole.items[2].mode, 0660);
    listener_specs_clear(&split);
    listener_specs_clear(&whole);
}

static void clients_need_a_certificate_unless_it_is_optional(void **state)
{
    (void)state;
    struct listener_specs specs = parse("127.0.0.1:443,certificate=/a.pem,client-ca=/ca.pem,"
                                        "127.0.0.1:444,certificate=/a.pem");

    assert_int_equal(specs.items[0].tls.client_certificate, CLIENT_CERTIFICATE_REQUIRED);
    assert_int_equal(specs.items[1].tls.client_certificate, CLIENT_CERTIFICATE_NONE);
    listener_specs_clear(&specs);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"certificate=/a.pem", "certificate stands before any address"},
        {"127.0.0.1:1,key=/a.key", "127.0.0.1:1: key=/a.key stands before any certificate"},
        {"127.0.0.1:1,certificate=/a,key=/b,key=/c", "certificate=/a has two keys"},
        {"127.0.0.1:1,ocsp=/a.ocsp", "127.0.0.1:1: ocsp=/a.ocsp stands before any certificate"},
        {"127.0.0.1:1,certificate=/a,ocsp=/b,ocsp=/c", "certificate=/a has ocsp twice"},
        {"127.0.0.1:1,certificate", "certificate needs a value"},
        {"127.0.0.1:1,certificate=", "certificate needs a value"},
        {"127.0.0.1:1,client-ca=/a", "client-ca needs a certificate"},
        {"127.0.0.1:1,certificate=/a,client-ca=/a,client-ca=/b", "client-ca is given twice"},
        {"127.0.0.1:1,certificate=/a,client-crl=/a", "client-crl needs client-ca"},
        {"127.0.0.1:1,certificate=/a,client-ca=/a,client-crl=/b,client-crl=/c",
         "client-crl is given twice"},
        {"127.0.0.1:1,certificate=/a,client-certificate=optional",
         "client-certificate needs client-ca"},
        {"127.0.0.1:1,certificate=/a,client-ca=/c,client-certificate=maybe",
         "must be optional or required, not 'maybe'"},
        {"127.0.0.1:1,proxy-protocol=yes", "proxy-protocol takes no value"},
        {"127.0.0.1:1,proxy-protocol,proxy-protocol", "proxy-protocol is given twice"},
        {"127.0.0.1:1,proxy-protocol-from=10.0.0.0/8", "proxy-protocol-from needs proxy-protocol"},
        {"127.0.0.1:1,proxy-protocol,proxy-protocol-from=10.0.0.1/8", "has bits set behind"},
        {"127.0.0.1:1,mode=0660", "mode is for Unix sockets"},
        {"unix:/a,mode=0888", "mode must be octal"},
        {"unix:/a,mode=1000", "mode must be octal"},
        {"unix:/a,mode=-1", "mode must be octal"},
        {"unix:/a,mode=0600,mode=0600", "mode is given twice"},
        {"127.0.0.1:1,certficate=/a.pem",
         "'certficate' is not an option of a listener; did you mean 'certificate'?"},
        {"127.0.0.1:1,something=/a.pem", "'/a.pem' is not an address"},
        {"127.0.0.1:1,", "'' is not an address"},
        {"", "'' is not an address"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(cases[i].text, cases[i].words);

    struct listener_specs specs;
    struct error err;
    assert_false(listener_specs_parse(NULL, 0, &specs, &err));
    assert_string_equal(err.message, "there is no listener");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_behind_their_listener),
        cmocka_unit_test(it_reads_the_same_wherever_it_was_split),
        cmocka_unit_test(clients_need_a_certificate_unless_it_is_optional),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
