#include "tests/support/ocsp_answer.h"

#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

#include <stdio.h>

#include <openssl/ocsp.h>

enum { DAY_SECONDS = 24 * 60 * 60 };

static int status_of(enum ocsp_verdict verdict)
{
    switch (verdict) {
    case VERDICT_GOOD:
        return V_OCSP_CERTSTATUS_GOOD;
    case VERDICT_REVOKED:
        return V_OCSP_CERTSTATUS_REVOKED;
    case VERDICT_UNKNOWN:
        return V_OCSP_CERTSTATUS_UNKNOWN;
    }
    return V_OCSP_CERTSTATUS_UNKNOWN;
}

static void add_verdict(OCSP_BASICRESP *all, const struct ocsp_answer *answer)
{
    X509 *certificate = certificate_read(answer->certificate->certificate);
    X509 *authority = certificate_read(answer->authority->certificate);
    OCSP_CERTID *id = OCSP_cert_to_id(answer->names_by_sha256 ? EVP_sha256() : EVP_sha1(),
                                      certificate, authority);
    ASN1_TIME *begins =
        X509_gmtime_adj(NULL, answer->begins_s == 0 ? -DAY_SECONDS : answer->begins_s);
    ASN1_TIME *ends = X509_gmtime_adj(NULL, answer->ends_s == 0 ? DAY_SECONDS : answer->ends_s);
    int status = status_of(answer->verdict);
    CHECK(OCSP_basic_add1_status(all, id, status, 0,
                                 status == V_OCSP_CERTSTATUS_REVOKED ? begins : NULL, begins,
                                 answer->ends_s == NEVER_ENDS ? NULL : ends) != NULL,
          "cannot answer");
    ASN1_TIME_free(begins);
    ASN1_TIME_free(ends);
    OCSP_CERTID_free(id);
    X509_free(authority);
    X509_free(certificate);
}

static void sign(OCSP_BASICRESP *all, const struct certificate *by)
{
    X509 *signer = certificate_read(by->certificate);
    EVP_PKEY *key = certificate_read_key(by->key);
    CHECK(OCSP_basic_sign(all, signer, key, EVP_sha256(), NULL, 0) == 1, "cannot sign an answer");
    EVP_PKEY_free(key);
    X509_free(signer);
}

char *ocsp_answer_make(const struct temp_dir *folder, const char *name,
                       const struct ocsp_answer *answer)
{
    OCSP_BASICRESP *all = OCSP_BASICRESP_new();
    CHECK(all != NULL, "no memory");
    add_verdict(all, answer);
    sign(all, answer->signer == NULL ? answer->authority : answer->signer);
    OCSP_RESPONSE *whole = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, all);

    unsigned char *der = NULL;
    int length = i2d_OCSP_RESPONSE(whole, &der);
    CHECK(length > 0, "no memory");

    char *path = temp_dir_file(folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(der, (size_t)length, 1, file) == 1, "cannot write %s", path);
    fclose(file);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(whole);
    OCSP_BASICRESP_free(all);
    return path;
}
