#include "tests/support/certificates.h"

#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY_SECONDS = 24 * 60 * 60 };

static char *file_path(const struct temp_dir *folder, const char *name, const char *suffix)
{
    struct buffer file = BUFFER_EMPTY;
    buffer_printf(&file, "%s.%s", name, suffix);
    char *path = temp_dir_file(folder, buffer_string(&file));
    buffer_clear(&file);
    return path;
}

static void write_pem(const struct certificate *paths, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = fopen(paths->certificate, "w");
    CHECK(file != NULL && PEM_write_X509(file, certificate) == 1, "cannot write a certificate");
    fclose(file);
    file = fopen(paths->key, "w");
    CHECK(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1,
          "cannot write a key");
    fclose(file);
}

EVP_PKEY *certificate_read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    CHECK(key != NULL, "cannot read %s", path);
    fclose(file);
    return key;
}

X509 *certificate_read(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    CHECK(certificate != NULL, "cannot read %s", path);
    fclose(file);
    return certificate;
}

static void add_extension(X509 *certificate, X509 *issuer, int id, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1,
          "cannot add an extension: %s", value);
    X509_EXTENSION_free(extension);
}

static X509 *start(const char *name, EVP_PKEY *key)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SECONDS);
    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_SECONDS);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    return certificate;
}

enum kind { AUTHORITY, MEMBER, RESPONDER };

static struct certificate make(const struct temp_dir *folder, const char *name, enum kind kind,
                               const char *alternative_name, const struct certificate *authority)
{
    struct certificate paths = {file_path(folder, name, "pem"), file_path(folder, name, "key")};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = start(name, key);
    X509 *issuer = authority == NULL ? certificate : certificate_read(authority->certificate);
    EVP_PKEY *issuer_key = authority == NULL ? key : certificate_read_key(authority->key);

    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    add_extension(certificate, issuer, NID_basic_constraints,
                  kind == AUTHORITY ? "critical,CA:TRUE" : "CA:FALSE");
    if (kind == RESPONDER)
        add_extension(certificate, issuer, NID_ext_key_usage, "OCSPSigning");
    if (alternative_name != NULL)
        add_extension(certificate, issuer, NID_subject_alt_name, alternative_name);
    CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0, "cannot sign");
    write_pem(&paths, certificate, key);

    if (authority != NULL) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return paths;
}

struct certificate certificate_make_authority(const struct temp_dir *folder, const char *name)
{
    return make(folder, name, AUTHORITY, NULL, NULL);
}

struct certificate certificate_make(const struct temp_dir *folder, const char *name,
                                    const char *alternative_name,
                                    const struct certificate *authority)
{
    return make(folder, name, MEMBER, alternative_name, authority);
}

struct certificate certificate_make_intermediate(const struct temp_dir *folder, const char *name,
                                                 const struct certificate *authority)
{
    return make(folder, name, AUTHORITY, NULL, authority);
}

struct certificate certificate_make_responder(const struct temp_dir *folder, const char *name,
                                              const struct certificate *authority)
{
    return make(folder, name, RESPONDER, NULL, authority);
}

char *certificate_file_join(const struct temp_dir *folder, const char *name, ...)
{
    struct buffer all = BUFFER_EMPTY;
    va_list paths;
    va_start(paths, name);
    for (const char *path = va_arg(paths, char *); path != NULL; path = va_arg(paths, char *)) {
        char *content = temp_dir_read(path);
        CHECK(content != NULL, "%s", path);
        buffer_append_string(&all, content);
        free(content);
    }
    va_end(paths);
    char *joined = temp_dir_write(folder, name, buffer_string(&all));
    buffer_clear(&all);
    return joined;
}

static void add_revoked(X509_CRL *list, const char *path)
{
    X509 *certificate = certificate_read(path);
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate));
    X509_REVOKED_set_revocationDate(revoked, now);
    CHECK(X509_CRL_add0_revoked(list, revoked) == 1, "cannot revoke %s", path);
    ASN1_TIME_free(now);
    X509_free(certificate);
}

static void write_list(const char *path, X509_CRL *list)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && PEM_write_X509_CRL(file, list) == 1, "cannot write %s", path);
    fclose(file);
}

char *certificate_make_crl(const struct temp_dir *folder, const char *name,
                           const struct revocations *revocations)
{
    const struct certificate *signer =
        revocations->signer == NULL ? revocations->authority : revocations->signer;
    X509 *issuer = certificate_read(revocations->authority->certificate);
    EVP_PKEY *key = certificate_read_key(signer->key);
    ASN1_TIME *begins =
        X509_gmtime_adj(NULL, revocations->begins_s == 0 ? -DAY_SECONDS : revocations->begins_s);
    ASN1_TIME *ends =
        X509_gmtime_adj(NULL, revocations->ends_s == 0 ? DAY_SECONDS : revocations->ends_s);
    X509_CRL *list = X509_CRL_new();
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
    X509_CRL_set1_lastUpdate(list, begins);
    if (revocations->ends_s != NEVER_ENDS)
        X509_CRL_set1_nextUpdate(list, ends);
    size_t most = sizeof(revocations->revoked) / sizeof(revocations->revoked[0]);
    for (size_t i = 0; i < most && revocations->revoked[i] != NULL; i++)
        add_revoked(list, revocations->revoked[i]->certificate);
    CHECK(X509_CRL_sign(list, key, EVP_sha256()) > 0, "cannot sign a list");

    char *path = temp_dir_file(folder, name);
    write_list(path, list);
    X509_CRL_free(list);
    ASN1_TIME_free(begins);
    ASN1_TIME_free(ends);
    EVP_PKEY_free(key);
    X509_free(issuer);
    return path;
}

void certificate_file_replace(const struct temp_dir *folder, const char *from, const char *to)
{
    char *content = temp_dir_read(from);
    CHECK(content != NULL, "%s", from);
    char *fresh = temp_dir_write(folder, "fresh", content);
    CHECK(rename(fresh, to) == 0, "%s", to);
    free(content);
    free(fresh);
}

void certificate_clear(struct certificate *certificate)
{
    free(certificate->certificate);
    free(certificate->key);
    *certificate = (struct certificate){0};
}
