/* What an authority is said to say of a certificate. What is taken for good holds for some time,
 * and the same bytes are judged alike. */
#include "proxy/http/ocsp_response.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/pem.h>

/* When the corpus was made; its certificates hold for the best part of a year. */
static const int64_t made_s = 1796076429;

static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBoTCCAUegAwIBAgIUIFufuqiIML4T4SPmJHKmkv7MrdowCgYIKoZIzj0EAwIw\n"
                                "JjEQMA4GA1UECgwHRXhhbXBsZTESMBAGA1UEAwwJYXV0aG9yaXR5MB4XDTI2MTEz\n"
                                "MDIxNDQ0MFoXDTM2MTEyNzIxNDQ0MFowJjEQMA4GA1UECgwHRXhhbXBsZTESMBAG\n"
                                "A1UEAwwJYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETG3mYSJM\n"
                                "+Kg5UiOs1694QmgyONcIo/MCwHuhz95mdqU2+R4XSIOp49Ya+GdTgo4ftEv9kEy1\n"
                                "dmUnfaqN5lEG96NTMFEwHQYDVR0OBBYEFInGC8zZoQDjraLO45dYTyIc0aruMB8G\n"
                                "A1UdIwQYMBaAFInGC8zZoQDjraLO45dYTyIc0aruMA8GA1UdEwEB/wQFMAMBAf8w\n"
                                "CgYIKoZIzj0EAwIDSAAwRQIhAIePUNswk3wIWZTfvuxyBwyMpQMw3UQLuQEnzblj\n"
                                "AkVOAiBjIuirRBpc/OkRsDr7cSo7mViIzrbr/orDPmXDXRlU6g==\n"
                                "-----END CERTIFICATE-----\n";

static const char site[] = "-----BEGIN CERTIFICATE-----\n"
                           "MIIBHTCBwwIBCjAKBggqhkjOPQQDAjAmMRAwDgYDVQQKDAdFeGFtcGxlMRIwEAYD\n"
                           "VQQDDAlhdXRob3JpdHkwHhcNMjYxMTMwMjE1NjUyWhcNMjcwOTI2MjE1NjUyWjAP\n"
                           "MQ0wCwYDVQQDDARzaXRlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAER+7xJrax\n"
                           "6YMok0pbHU4Ff2+74mmPsD8aIJ3L9oeyxqZBWlVOqf8JeeWEMK3trh3BAQo/3eDj\n"
                           "/CLTR4YoNdX8sDAKBggqhkjOPQQDAgNJADBGAiEA6775vPjaO4EeHFZmts9sSQG4\n"
                           "CNjI4bcroMBFxndb9V8CIQCCH2xEAqsyVAvCT9UJNWGS3h/nqxisJTiT2XhmOIll\n"
                           "YA==\n"
                           "-----END CERTIFICATE-----\n";

static X509 *read_certificate(const char *text)
{
    BIO *from = BIO_new_mem_buf(text, -1);
    X509 *certificate = PEM_read_bio_X509(from, NULL, NULL, NULL);
    BIO_free(from);
    if (certificate == NULL)
        abort();
    return certificate;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static X509 *leaf;
    static STACK_OF(X509) * chain;
    if (leaf == NULL) {
        leaf = read_certificate(site);
        chain = sk_X509_new_null();
        sk_X509_push(chain, read_certificate(authority));
    }
    struct slice bytes = slice_of((const char *)data, size);
    struct ocsp_response *response = ocsp_response_read(bytes, leaf, chain, made_s, NULL);
    struct ocsp_response *again = ocsp_response_read(bytes, leaf, chain, made_s, NULL);
    if ((response == NULL) != (again == NULL) ||
        (response != NULL && ocsp_response_end_s(response) <= made_s) ||
        ocsp_response_read(bytes, leaf, NULL, made_s, NULL) != NULL)
        abort();
    ocsp_response_free(response);
    ocsp_response_free(again);
    return 0;
}
