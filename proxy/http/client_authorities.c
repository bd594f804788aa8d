#include "proxy/http/client_authorities.h"

#include "common/buffer.h"
#include "common/whole_file.h"
#include "proxy/http/byte_stream.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* Lists of large authorities take megabytes. */
enum { CA_MIB_MAX = 16, LISTS_MIB_MAX = 256 };

struct session_scope {
    unsigned char bytes[SSL_MAX_SSL_SESSION_ID_LENGTH];
};

struct client_authorities {
    /* immutable once loaded */
    struct session_scope scope;
    X509_STORE *store;        /* NULL: clients are not asked */
    STACK_OF(X509) * between; /* NULL, or named and looked up all the same */
    STACK_OF(X509_NAME) * names;
    int mode; /* of SSL_CTX_set_verify */
    struct revocation_lists lists;
    int64_t end_s; /* of the first list that ends */
};

/* --- which sessions may go on here ----------------------------------------------------------- */

static bool add_text(EVP_MD_CTX *digest, const struct buffer *text)
{
    uint64_t length = text->length;
    return EVP_DigestUpdate(digest, &length, sizeof(length)) == 1 &&
           (length == 0 || EVP_DigestUpdate(digest, text->at, text->length) == 1);
}

static bool digest_scope(EVP_MD_CTX *digest, const char *identity, int mode,
                         const struct buffer *ca, const struct buffer *lists, unsigned char *to)
{
    return digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(digest, identity, strlen(identity) + 1) == 1 &&
           EVP_DigestUpdate(digest, &mode, sizeof(mode)) == 1 && add_text(digest, ca) &&
           add_text(digest, lists) && EVP_DigestFinal_ex(digest, to, NULL) == 1;
}

static bool make_scope(struct client_authorities *authorities, const char *identity,
                       const struct buffer *ca, const struct buffer *lists, struct error *err)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_made =
        digest_scope(digest, identity, authorities->mode, ca, lists, authorities->scope.bytes);
    EVP_MD_CTX_free(digest);
    return is_made || error_set(err, ERROR_INTERNAL, "TLS cannot be set up: no digest");
}

/* --- files ----------------------------------------------------------------------------------- */

/* NULL `path`: nothing. */
static bool read_file(const char *option, const char *path, size_t most_mib, struct buffer *text,
                      struct error *err)
{
    return path == NULL || whole_file_load(path, most_mib, text, err) ||
           error_prefix(err, "%s=", option);
}

static bool load_authorities(struct client_authorities *authorities, const char *path,
                             struct error *err)
{
    ERR_clear_error();
    authorities->store = X509_STORE_new();
    authorities->names = SSL_load_client_CA_file(path);
    if (authorities->store == NULL || authorities->names == NULL ||
        X509_STORE_load_file(authorities->store, path) != 1)
        return error_set(err, ERROR_INVALID, "client-ca=%s: %s", path,
                         tls_take_reason("holds no certificate"));
    return true;
}

/* --- lists ----------------------------------------------------------------------------------- */

static bool is_issuer_among(const STACK_OF(X509_OBJECT) * named, X509 *certificate)
{
    for (int i = 0; i < sk_X509_OBJECT_num(named); i++) {
        X509 *other = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(named, i));
        if (other != NULL && other != certificate &&
            X509_check_issued(other, certificate) == X509_V_OK)
            return true;
    }
    return false;
}

static bool is_self_issued(X509 *certificate)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_SI) != 0;
}

/* OpenSSL looks up nothing above the first authority that it finds in a store. So only those are
 * left there that nobody else who is named has signed. */
static bool set_between_apart(struct client_authorities *authorities)
{
    const STACK_OF(X509_OBJECT) *named = X509_STORE_get0_objects(authorities->store);
    X509_STORE *highest = X509_STORE_new();
    authorities->between = sk_X509_new_null();
    bool is_done = highest != NULL && authorities->between != NULL;
    for (int i = 0; is_done && i < sk_X509_OBJECT_num(named); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(named, i));
        if (certificate == NULL)
            continue; /* a list */
        if (is_self_issued(certificate) || !is_issuer_among(named, certificate))
            is_done = X509_STORE_add_cert(highest, certificate) == 1;
        else
            is_done = X509_add_cert(authorities->between, certificate, X509_ADD_FLAG_UP_REF) == 1;
    }
    if (!is_done) {
        X509_STORE_free(highest);
        return false;
    }
    X509_STORE_free(authorities->store);
    authorities->store = highest;
    return true;
}

static bool take_lists(struct client_authorities *authorities, const char *path,
                       const struct buffer *text, struct error *err)
{
    struct revocation_lists *lists = &authorities->lists;
    if (!revocation_lists_parse(buffer_slice(text), lists, err))
        return error_prefix(err, "client-crl=%s: ", path);
    bool is_taken = set_between_apart(authorities);
    for (size_t i = 0; is_taken && i < lists->count; i++)
        is_taken = X509_STORE_add_crl(authorities->store, lists->items[i].list) == 1;
    return is_taken || error_set(err, ERROR_INTERNAL, "client-crl=%s: %s", path,
                                 tls_take_reason("cannot be used"));
}

static bool load(struct client_authorities *authorities, const struct tls_files *tls,
                 const char *identity, struct buffer *ca, struct buffer *lists, struct error *err)
{
    return read_file("client-ca", tls->client_ca, CA_MIB_MAX, ca, err) &&
           read_file("client-crl", tls->client_crl, LISTS_MIB_MAX, lists, err) &&
           make_scope(authorities, identity, ca, lists, err) &&
           (tls->client_ca == NULL || load_authorities(authorities, tls->client_ca, err)) &&
           (tls->client_crl == NULL || take_lists(authorities, tls->client_crl, lists, err));
}

static int mode_of(enum client_certificate wish)
{
    switch (wish) {
    case CLIENT_CERTIFICATE_NONE:
        return SSL_VERIFY_NONE;
    case CLIENT_CERTIFICATE_OPTIONAL:
        return SSL_VERIFY_PEER;
    case CLIENT_CERTIFICATE_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    return SSL_VERIFY_PEER;
}

struct client_authorities *client_authorities_load(const struct tls_files *tls,
                                                   const char *identity, struct error *err)
{
    struct client_authorities *authorities = memory_allocate_zeroed(1, sizeof(*authorities));
    authorities->mode = mode_of(tls->client_certificate);
    struct buffer ca = BUFFER_EMPTY;
    struct buffer lists = BUFFER_EMPTY;
    bool is_loaded = load(authorities, tls, identity, &ca, &lists, err);
    buffer_clear(&ca);
    buffer_clear(&lists);
    if (!is_loaded) {
        client_authorities_free(authorities);
        return NULL;
    }
    authorities->end_s = revocation_lists_end_s(&authorities->lists);
    return authorities;
}

void client_authorities_free(struct client_authorities *authorities)
{
    if (authorities == NULL)
        return;
    X509_STORE_free(authorities->store);
    sk_X509_pop_free(authorities->between, X509_free);
    sk_X509_NAME_pop_free(authorities->names, X509_NAME_free);
    revocation_lists_clear(&authorities->lists);
    free(authorities);
}

/* --- verifying ------------------------------------------------------------------------------- */

/* What there may be to say of a list, not of the certificate that is looked up in it. */
static bool is_about_list(int problem)
{
    switch (problem) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        return true;
    default:
        return false;
    }
}

/* The last of a chain, where it is an authority that is named without the one that has signed it.
 */
static bool is_believed_authority(X509_STORE_CTX *verification)
{
    int depth = X509_STORE_CTX_get_error_depth(verification);
    int count = sk_X509_num(X509_STORE_CTX_get0_chain(verification));
    X509 *certificate = X509_STORE_CTX_get_current_cert(verification);
    return depth > 0 && depth == count - 1 && certificate != NULL && !is_self_issued(certificate);
}

/* OpenSSL looks up the last of a chain as well, in a list that nobody here could have signed. */
static int on_verified(int is_good, X509_STORE_CTX *verification)
{
    if (is_good || !is_about_list(X509_STORE_CTX_get_error(verification)) ||
        !is_believed_authority(verification))
        return is_good;
    X509_STORE_CTX_set_error(verification, X509_V_OK);
    return 1;
}

/* Clients need not send the authorities that are named. */
static int verify(X509_STORE_CTX *verification, void *argument)
{
    const struct client_authorities *authorities = argument;
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(verification);
    STACK_OF(X509) *all = sent == NULL ? sk_X509_new_null() : sk_X509_dup(sent);
    int result = -1;
    if (all != NULL && X509_add_certs(all, authorities->between, X509_ADD_FLAG_DEFAULT) == 1) {
        X509_STORE_CTX_set0_untrusted(verification, all);
        result = X509_verify_cert(verification);
        X509_STORE_CTX_set0_untrusted(verification, sent);
    }
    sk_X509_free(all);
    return result;
}

bool client_authorities_use(struct client_authorities *authorities, SSL_CTX *context)
{
    if (SSL_CTX_set_session_id_context(context, authorities->scope.bytes,
                                       sizeof(authorities->scope.bytes)) != 1)
        return false;
    if (authorities->store == NULL)
        return true;

    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(authorities->names);
    if (names == NULL)
        return false;
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set1_cert_store(context, authorities->store);
    /* An intermediate authority may be named without the one above it. */
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    SSL_CTX_set_verify(context, authorities->mode, on_verified);
    if (authorities->between != NULL) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
        SSL_CTX_set_cert_verify_callback(context, verify, authorities);
    }
    return X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), flags) == 1;
}

const struct revocation_lists *
client_authorities_lists(const struct client_authorities *authorities)
{
    return &authorities->lists;
}

bool client_authorities_are_current(const struct client_authorities *authorities, int64_t now_s)
{
    return now_s < authorities->end_s;
}
