#include "proxy/http/certificate_set.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/whole_file.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_fields.h"
#include "proxy/http/certificate_files.h"
#include "proxy/http/certificate_names.h"
#include "proxy/http/client_authorities.h"
#include "proxy/http/ocsp_response.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { OCSP_MIB_MAX = 1 };

/* Certificates for the same names, one for each kind of key. */
struct served {
    SSL_CTX *context;
    struct certificate_names names; /* sorted */
    int key_kinds[4];
    size_t kind_count;
};

/* A name, and which of `served` has it. */
struct entry {
    const struct certificate_name *name;
    size_t served;
};

struct certificate_set {
    /* immutable once loaded */
    struct served *served;
    size_t served_count;
    struct entry *entries; /* sorted by name; of equal ones the first alone */
    size_t entry_count;
    struct certificate_facts *facts;
    size_t count;
    X509 **stapled; /* certificates that have a response; held, in no context's list of them */
    size_t stapled_count;
    struct client_authorities *authorities;

    /* atomic: any */
    atomic_uint references;
};

/* --- files ----------------------------------------------------------------------------------- */

/* OpenSSL does not say so in words. */
static bool check_readable(const char *option, const char *path, struct error *err)
{
    return access(path, R_OK) == 0 || error_set_errno(err, "%s=%s", option, path);
}

static X509 *read_leaf(const char *path, struct error *err)
{
    if (!check_readable("certificate", path, err))
        return NULL;
    FILE *file = fopen(path, "re");
    X509 *leaf = file == NULL ? NULL : PEM_read_X509_AUX(file, NULL, NULL, NULL);
    if (file != NULL)
        fclose(file);
    if (leaf == NULL)
        error_set(err, ERROR_INVALID, "certificate=%s holds no certificate: %s", path,
                  tls_take_reason("cannot be read"));
    return leaf;
}

/* A key that wants a password must not ask whoever sits at the terminal. */
static int on_password(char *to, int length, int is_writing, void *context)
{
    (void)to;
    (void)length;
    (void)is_writing;
    (void)context;
    return -1;
}

static bool use_pair(SSL_CTX *context, const struct certificate_file *file, struct error *err)
{
    const char *key = file->key != NULL ? file->key : file->certificate;
    if (SSL_CTX_use_certificate_chain_file(context, file->certificate) != 1)
        return error_set(err, ERROR_INVALID, "certificate=%s: %s", file->certificate,
                         tls_take_reason("cannot be used"));
    if (!check_readable("key", key, err))
        return false;
    SSL_CTX_set_default_passwd_cb(context, on_password);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return true;
    unsigned long code = ERR_peek_error();
    bool does_not_fit =
        ERR_GET_LIB(code) == ERR_LIB_X509 && (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
                                              ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
    const char *reason = tls_take_reason("cannot be used");
    return error_set(err, ERROR_INVALID, "key=%s %s certificate=%s: %s", key,
                     does_not_fit ? "does not fit" : "cannot be used with", file->certificate,
                     reason);
}

/* --- what is stapled ------------------------------------------------------------------------- */

struct loading {
    const struct certificate_preparation *preparation;
    const struct certificate_set *previous; /* NULL: there is none */
    struct certificate_set *set;
};

/* Of the certificate that the context got last. NULL, and why. */
static struct ocsp_response *read_ocsp(SSL_CTX *context, const char *path, struct error *err)
{
    struct buffer bytes = BUFFER_EMPTY;
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(context, &chain);
    X509 *certificate = SSL_CTX_get0_certificate(context);
    struct ocsp_response *response = NULL;
    if (whole_file_load(path, OCSP_MIB_MAX, &bytes, err))
        response =
            ocsp_response_read(buffer_slice(&bytes), certificate, chain, clock_wall_s(), err);
    buffer_clear(&bytes);
    return response;
}

/* What has been stapled to this certificate so far, if it still holds; else NULL. */
static struct ocsp_response *find_previous(const struct certificate_set *previous,
                                           const X509 *certificate)
{
    for (size_t i = 0; previous != NULL && i < previous->stapled_count; i++) {
        if (X509_cmp(previous->stapled[i], certificate) == 0)
            return ocsp_response_copy_of(previous->stapled[i], clock_wall_s());
    }
    return NULL;
}

/* Takes the response. False when there is no memory. */
static bool attach(struct certificate_set *set, X509 *certificate, struct ocsp_response *response)
{
    if (!ocsp_response_attach(response, certificate)) {
        ocsp_response_free(response);
        return false;
    }
    X509_up_ref(certificate);
    set->stapled =
        memory_reallocate(set->stapled, (set->stapled_count + 1) * sizeof(set->stapled[0]));
    set->stapled[set->stapled_count++] = certificate;
    return true;
}

static void tell_problem(const char *event, const char *path, const struct error *err,
                         struct certificate_facts *facts)
{
    char reason[2 * ERROR_MESSAGE_BYTES];
    facts->ocsp_problem = memory_duplicate_string(err->message);
    log_warn(event, "file=%s reason=%s", path, log_quote(reason, sizeof(reason), err->message));
}

/* A certificate is served without it rather than not at all; and with the one so far rather than
 * without one, as nobody has taken that back who only wrote something else. */
static void staple(const struct loading *loading, SSL_CTX *context, const char *path,
                   struct certificate_facts *facts)
{
    struct error err = {0};
    if (path == NULL)
        return;
    facts->ocsp_file = memory_duplicate_string(path);
    X509 *certificate = SSL_CTX_get0_certificate(context);
    struct ocsp_response *response = read_ocsp(context, path, &err);
    bool is_of_file = response != NULL;
    if (!is_of_file && err.code != ERROR_DENIED)
        response = find_previous(loading->previous, certificate);
    int64_t begin_s = response == NULL ? 0 : ocsp_response_begin_s(response);
    int64_t end_s = response == NULL ? 0 : ocsp_response_end_s(response);
    if (response != NULL && !attach(loading->set, certificate, response)) {
        end_s = 0;
        is_of_file = false;
        error_set(&err, ERROR_INTERNAL, "there is no memory to keep it");
    }
    facts->ocsp_end_s = end_s;
    if (!is_of_file)
        tell_problem(end_s == 0 ? "ocsp_response_not_stapled" : "ocsp_response_kept", path, &err,
                     facts);
    else if (begin_s > clock_wall_s())
        log_warn("ocsp_response_early", "file=%s", path);
}

/* --- loading --------------------------------------------------------------------------------- */

static SSL_CTX *make_context(const struct loading *loading, struct error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context != NULL && loading->preparation->prepare(context, loading->preparation->argument) &&
        client_authorities_use(loading->set->authorities, context))
        return context;
    error_set(err, ERROR_INTERNAL, "TLS cannot be set up: %s", tls_take_reason("no context"));
    SSL_CTX_free(context);
    return NULL;
}

/* One with the same names and room for a key of this kind; NULL when there is none. */
static struct served *find_sibling(struct certificate_set *set,
                                   const struct certificate_names *names, int kind)
{
    for (size_t i = 0; i < set->served_count; i++) {
        struct served *served = &set->served[i];
        bool has_kind = served->kind_count == sizeof(served->key_kinds) / sizeof(int);
        for (size_t j = 0; j < served->kind_count; j++)
            has_kind = has_kind || served->key_kinds[j] == kind;
        if (!has_kind && certificate_names_are_equal(&served->names, names))
            return served;
    }
    return NULL;
}

/* Takes the names. */
static struct served *add_served(struct loading *loading, struct certificate_names *names,
                                 struct error *err)
{
    struct certificate_set *set = loading->set;
    SSL_CTX *context = make_context(loading, err);
    if (context == NULL)
        return NULL;
    set->served = memory_reallocate(set->served, (set->served_count + 1) * sizeof(set->served[0]));
    struct served *served = &set->served[set->served_count++];
    *served = (struct served){.context = context, .names = *names};
    *names = (struct certificate_names){0};
    return served;
}

static void add_facts(struct certificate_set *set, const char *file, const X509 *leaf,
                      const struct certificate_names *names)
{
    set->facts = memory_reallocate(set->facts, (set->count + 1) * sizeof(set->facts[0]));
    set->facts[set->count++] = (struct certificate_facts){
        .file = memory_duplicate_string(file),
        .name = certificate_names_first(names),
        .not_after_s = certificate_fields_time(X509_get0_notAfter(leaf)),
    };
}

static bool add_pair(struct loading *loading, const struct certificate_file *file,
                     struct error *err)
{
    X509 *leaf = read_leaf(file->certificate, err);
    if (leaf == NULL)
        return false;
    struct certificate_names names;
    certificate_names_read(&names, leaf);
    add_facts(loading->set, file->certificate, leaf, &names);

    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
    struct served *served = find_sibling(loading->set, &names, kind);
    if (served == NULL)
        served = add_served(loading, &names, err);
    bool is_used = served != NULL && use_pair(served->context, file, err);
    if (is_used) {
        served->key_kinds[served->kind_count++] = kind;
        staple(loading, served->context, file->ocsp, &loading->set->facts[loading->set->count - 1]);
    }
    certificate_names_clear(&names);
    X509_free(leaf);
    return is_used;
}

/* Of equal names the one that was added first comes first. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *first = a;
    const struct entry *second = b;
    int order = certificate_name_compare(first->name, second->name);
    if (order != 0)
        return order;
    return first->served < second->served ? -1 : first->served > second->served;
}

static void build_index(struct certificate_set *set)
{
    size_t most = 0;
    for (size_t i = 0; i < set->served_count; i++)
        most += set->served[i].names.count;
    set->entries = memory_allocate_zeroed(most, sizeof(set->entries[0]));
    for (size_t i = 0; i < set->served_count; i++) {
        for (size_t j = 0; j < set->served[i].names.count; j++)
            set->entries[set->entry_count++] =
                (struct entry){.name = &set->served[i].names.items[j], .served = i};
    }
    if (set->entry_count == 0)
        return;
    qsort(set->entries, set->entry_count, sizeof(set->entries[0]), compare_entries);

    size_t kept = 0;
    for (size_t i = 0; i < set->entry_count; i++) {
        if (kept == 0 ||
            certificate_name_compare(set->entries[kept - 1].name, set->entries[i].name) != 0)
            set->entries[kept++] = set->entries[i];
    }
    set->entry_count = kept;
}

struct certificate_set *certificate_set_load(const struct tls_files *tls, const char *identity,
                                             const struct certificate_preparation *preparation,
                                             const struct certificate_set *previous,
                                             struct error *err)
{
    struct certificate_set *set = memory_allocate_zeroed(1, sizeof(*set));
    atomic_init(&set->references, 1);
    struct loading loading = {.preparation = preparation, .previous = previous, .set = set};
    struct certificate_files files;
    ERR_clear_error();
    set->authorities = client_authorities_load(tls, identity, err);
    if (set->authorities == NULL || !certificate_files_find(tls, &files, err)) {
        certificate_set_release(&set);
        return NULL;
    }
    bool is_loaded = true;
    for (size_t i = 0; is_loaded && i < files.count; i++)
        is_loaded = add_pair(&loading, &files.items[i], err);
    certificate_files_clear(&files);
    if (!is_loaded) {
        certificate_set_release(&set);
        return NULL;
    }
    build_index(set);
    return set;
}

void certificate_set_hold(struct certificate_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
}

void certificate_set_release(struct certificate_set **set)
{
    struct certificate_set *ours = *set;
    *set = NULL;
    if (ours == NULL || atomic_fetch_sub_explicit(&ours->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < ours->served_count; i++) {
        SSL_CTX_free(ours->served[i].context);
        certificate_names_clear(&ours->served[i].names);
    }
    for (size_t i = 0; i < ours->count; i++) {
        free(ours->facts[i].file);
        free(ours->facts[i].name);
        free(ours->facts[i].ocsp_file);
        free(ours->facts[i].ocsp_problem);
    }
    for (size_t i = 0; i < ours->stapled_count; i++)
        X509_free(ours->stapled[i]);
    client_authorities_free(ours->authorities);
    free(ours->stapled);
    free(ours->served);
    free(ours->entries);
    free(ours->facts);
    free(ours);
}

/* --- asking ---------------------------------------------------------------------------------- */

SSL_CTX *certificate_set_default(const struct certificate_set *set)
{
    return set->served[0].context;
}

static int compare_to_name(const void *wanted, const void *entry)
{
    return certificate_name_compare(wanted, ((const struct entry *)entry)->name);
}

static SSL_CTX *find(const struct certificate_set *set, const struct certificate_name *name)
{
    if (set->entry_count == 0)
        return NULL;
    const struct entry *entry =
        bsearch(name, set->entries, set->entry_count, sizeof(set->entries[0]), compare_to_name);
    return entry == NULL ? NULL : set->served[entry->served].context;
}

SSL_CTX *certificate_set_find(const struct certificate_set *set, struct slice host)
{
    char lower[CERTIFICATE_NAME_BYTES];
    struct certificate_name name = {.text = certificate_name_lower(host, lower)};
    if (name.text.length == 0)
        return NULL;
    SSL_CTX *context = find(set, &name);
    const char *dot = memchr(name.text.at, '.', name.text.length);
    if (context != NULL || dot == NULL || dot == name.text.at)
        return context;
    size_t label = (size_t)(dot - name.text.at) + 1;
    name = (struct certificate_name){
        .text = slice_of(name.text.at + label, name.text.length - label), .is_wildcard = true};
    return find(set, &name);
}

size_t certificate_set_count(const struct certificate_set *set)
{
    return set->count;
}

const struct certificate_facts *certificate_set_facts(const struct certificate_set *set,
                                                      size_t index)
{
    assert(index < set->count);
    return &set->facts[index];
}

const struct client_authorities *certificate_set_authorities(const struct certificate_set *set)
{
    return set->authorities;
}

/* --- what ends ------------------------------------------------------------------------------- */

static bool is_between(int64_t time_s, int64_t after_s, int64_t now_s)
{
    return time_s > after_s && time_s <= now_s;
}

void certificate_set_log_ended(const struct certificate_set *set, int64_t after_s, int64_t now_s)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct certificate_facts *facts = &set->facts[i];
        if (is_between(facts->not_after_s, after_s, now_s))
            log_warn("certificate_expired", "file=%s", facts->file);
        if (is_between(facts->ocsp_end_s, after_s, now_s))
            log_warn("ocsp_response_expired", "file=%s", facts->ocsp_file);
    }
    const struct revocation_lists *lists = client_authorities_lists(set->authorities);
    for (size_t i = 0; i < lists->count; i++) {
        char issuer[ERROR_MESSAGE_BYTES];
        if (is_between(lists->items[i].next_update_s, after_s, now_s))
            log_error("client_crl_expired", "issuer=%s",
                      log_quote(issuer, sizeof(issuer), lists->items[i].issuer));
    }
}
