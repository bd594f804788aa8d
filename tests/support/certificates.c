#include "tests/support/certificates.h"

#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/temp_dir.h"

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

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    CHECK(key != NULL, "cannot read %s", path);
    fclose(file);
    return key;
}

static X509 *read_certificate(const char *path)
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

static struct certificate make(const struct temp_dir *folder, const char *name,
                               const char *alternative_name, const struct certificate *authority)
{
    struct certificate paths = {file_path(folder, name, "pem"), file_path(folder, name, "key")};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = start(name, key);
    X509 *issuer = authority == NULL ? certificate : read_certificate(authority->certificate);
    EVP_PKEY *issuer_key = authority == NULL ? key : read_key(authority->key);

    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    add_extension(certificate, issuer, NID_basic_constraints,
                  authority == NULL ? "critical,CA:TRUE" : "CA:FALSE");
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
    return make(folder, name, NULL, NULL);
}

struct certificate certificate_make(const struct temp_dir *folder, const char *name,
                                    const char *alternative_name,
                                    const struct certificate *authority)
{
    return make(folder, name, alternative_name, authority);
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
