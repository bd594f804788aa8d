#include "proxy/http/ocsp_response.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_fields.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/tls1.h>
#include <openssl/x509v3.h>

struct ocsp_response {
    char *bytes;
    size_t length;
    int64_t begin_s;
    int64_t end_s;
};

/* --- what it says of us ---------------------------------------------------------------------- */

static X509 *find_issuer(X509 *certificate, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *issuer = sk_X509_value(chain, i);
        if (X509_check_issued(issuer, certificate) == X509_V_OK)
            return issuer;
    }
    return NULL;
}

/* Whoever made the response has chosen the digest by which it names certificates. */
static OCSP_CERTID *name_likewise(OCSP_CERTID *id, const X509 *certificate, const X509 *issuer)
{
    ASN1_OBJECT *algorithm = NULL;
    if (id == NULL || OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id) != 1)
        return NULL;
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    return digest == NULL ? NULL : OCSP_cert_to_id(digest, certificate, issuer);
}

static bool is_of(const OCSP_SINGLERESP *single, const X509 *certificate, const X509 *issuer)
{
    OCSP_CERTID *id = OCSP_CERTID_dup(OCSP_SINGLERESP_get0_id(single));
    OCSP_CERTID *ours = name_likewise(id, certificate, issuer);
    bool is_ours = ours != NULL && OCSP_id_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    OCSP_CERTID_free(id);
    return is_ours;
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *all, const X509 *certificate,
                                    const X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(all); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(all, i);
        if (is_of(single, certificate, issuer))
            return single;
    }
    return NULL;
}

static bool take_verdict(OCSP_SINGLERESP *single, struct ocsp_response *response, int64_t now_s,
                         struct error *err)
{
    ASN1_GENERALIZEDTIME *begin = NULL;
    ASN1_GENERALIZEDTIME *end = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &begin, &end);
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return error_set(err, ERROR_DENIED, "it says that the certificate is %s",
                         OCSP_cert_status_str(status));
    response->begin_s = certificate_fields_time(begin);
    response->end_s = certificate_fields_time(end);
    if (end == NULL)
        return error_set(err, ERROR_INVALID, "it does not say until when it holds");
    if (response->end_s <= now_s)
        return error_set(err, ERROR_INVALID, "it has ended");
    return true;
}

/* --- who says so ----------------------------------------------------------------------------- */

static X509_STORE *make_store(X509 *issuer, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    if (store != NULL && X509_STORE_add_cert(store, issuer) == 1) {
        X509_VERIFY_PARAM *how = X509_STORE_get0_param(store);
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_time(how, (time_t)now_s);
        return store;
    }
    X509_STORE_free(store);
    return NULL;
}

/* The issuer itself, or whose certificate in the response the issuer has signed for that. It says
 * nothing for longer than its own certificate holds. */
static bool check_signer(OCSP_BASICRESP *all, STACK_OF(X509) * issuers, X509_STORE *store,
                         struct ocsp_response *response)
{
    X509 *signer = NULL;
    if (OCSP_basic_verify(all, issuers, store, OCSP_NOEXPLICIT) != 1 ||
        OCSP_resp_get0_signer(all, &signer, issuers) != 1)
        return false;
    int64_t end_s = certificate_fields_time(X509_get0_notAfter(signer));
    if (end_s < response->end_s)
        response->end_s = end_s;
    return true;
}

static bool check_signature(OCSP_BASICRESP *all, X509 *issuer, int64_t now_s,
                            struct ocsp_response *response, struct error *err)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_STORE *store = make_store(issuer, now_s);
    bool is_signed = issuers != NULL && store != NULL && sk_X509_push(issuers, issuer) > 0 &&
                     check_signer(all, issuers, store, response);
    sk_X509_free(issuers);
    X509_STORE_free(store);
    return is_signed ||
           error_set(err, ERROR_INVALID, "it is not signed for the certificate's issuer: %s",
                     tls_take_reason("cannot be verified"));
}

/* --- reading --------------------------------------------------------------------------------- */

static bool check(OCSP_BASICRESP *all, X509 *certificate, X509 *issuer, int64_t now_s,
                  struct ocsp_response *response, struct error *err)
{
    OCSP_SINGLERESP *single = find_single(all, certificate, issuer);
    if (single == NULL)
        return error_set(err, ERROR_INVALID, "it is for another certificate");
    return take_verdict(single, response, now_s, err) &&
           check_signature(all, issuer, now_s, response, err);
}

/* Of a DER text all of which is one. */
static OCSP_RESPONSE *parse(struct slice bytes)
{
    if (bytes.length == 0 || bytes.length > LONG_MAX)
        return NULL;
    const unsigned char *at = (const unsigned char *)bytes.at;
    OCSP_RESPONSE *whole = d2i_OCSP_RESPONSE(NULL, &at, (long)bytes.length);
    if (whole != NULL && at != (const unsigned char *)bytes.at + bytes.length) {
        OCSP_RESPONSE_free(whole);
        return NULL;
    }
    return whole;
}

static bool read_whole(OCSP_RESPONSE *whole, X509 *certificate, STACK_OF(X509) * chain,
                       int64_t now_s, struct ocsp_response *response, struct error *err)
{
    if (whole == NULL)
        return error_set(err, ERROR_INVALID, "it is no OCSP response in DER");
    int status = OCSP_response_status(whole);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return error_set(err, ERROR_INVALID, "the responder gave none: %s",
                         OCSP_response_status_str(status));
    X509 *issuer = find_issuer(certificate, chain);
    if (issuer == NULL)
        return error_set(err, ERROR_INVALID,
                         "the certificate's issuer does not follow it in its file");
    OCSP_BASICRESP *all = OCSP_response_get1_basic(whole);
    if (all == NULL)
        return error_set(err, ERROR_INVALID, "it is not of the basic kind");
    bool is_good = check(all, certificate, issuer, now_s, response, err);
    OCSP_BASICRESP_free(all);
    return is_good;
}

static void keep_bytes(struct ocsp_response *response, const char *bytes, size_t length)
{
    response->bytes = memory_allocate(length);
    memcpy(response->bytes, bytes, length);
    response->length = length;
}

struct ocsp_response *ocsp_response_read(struct slice bytes, X509 *certificate,
                                         STACK_OF(X509) * chain, int64_t now_s, struct error *err)
{
    struct ocsp_response *response = memory_allocate_zeroed(1, sizeof(*response));
    ERR_clear_error();
    OCSP_RESPONSE *whole = parse(bytes);
    bool is_good = read_whole(whole, certificate, chain, now_s, response, err);
    OCSP_RESPONSE_free(whole);
    ERR_clear_error();
    if (!is_good) {
        ocsp_response_free(response);
        return NULL;
    }
    keep_bytes(response, bytes.at, bytes.length);
    return response;
}

void ocsp_response_free(struct ocsp_response *response)
{
    if (response == NULL)
        return;
    free(response->bytes);
    free(response);
}

int64_t ocsp_response_begin_s(const struct ocsp_response *response)
{
    return response->begin_s;
}

int64_t ocsp_response_end_s(const struct ocsp_response *response)
{
    return response->end_s;
}

/* --- stapling -------------------------------------------------------------------------------- */

static int place; /* of responses in certificates */

static void on_certificate_freed(void *certificate, void *response, CRYPTO_EX_DATA *data, int index,
                                 long number, void *argument)
{
    (void)certificate;
    (void)data;
    (void)index;
    (void)number;
    (void)argument;
    ocsp_response_free(response);
}

static void find_place(void)
{
    place = X509_get_ex_new_index(0, NULL, NULL, NULL, on_certificate_freed);
}

static int place_in_certificates(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_place);
    return place;
}

bool ocsp_response_attach(struct ocsp_response *response, X509 *certificate)
{
    int index = place_in_certificates();
    return index >= 0 && X509_set_ex_data(certificate, index, response) == 1;
}

/* NULL: none. */
static const struct ocsp_response *find_attached(const X509 *certificate)
{
    int index = place_in_certificates();
    return certificate == NULL || index < 0 ? NULL : X509_get_ex_data(certificate, index);
}

struct ocsp_response *ocsp_response_copy_of(const X509 *certificate, int64_t now_s)
{
    const struct ocsp_response *attached = find_attached(certificate);
    if (attached == NULL || now_s >= attached->end_s)
        return NULL;
    struct ocsp_response *copy = memory_allocate(sizeof(*copy));
    *copy = *attached;
    keep_bytes(copy, attached->bytes, attached->length);
    return copy;
}

static int on_status(SSL *ssl, void *argument)
{
    (void)argument;
    const struct ocsp_response *response = find_attached(SSL_get_certificate(ssl));
    int64_t now_s = clock_wall_s();
    if (response == NULL || now_s < response->begin_s || now_s >= response->end_s)
        return SSL_TLSEXT_ERR_NOACK;

    /* OpenSSL frees the copy with the connection. */
    unsigned char *copy = OPENSSL_memdup(response->bytes, response->length);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response->length);
    return SSL_TLSEXT_ERR_OK;
}

void ocsp_response_offer(SSL_CTX *context)
{
    SSL_CTX_set_tlsext_status_cb(context, on_status);
}
