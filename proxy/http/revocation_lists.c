#include "proxy/http/revocation_lists.h"

#include "common/buffer.h"
#include "proxy/http/byte_stream.h"
#include "proxy/http/certificate_fields.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* OpenSSL sorts a list when it is first looked into: here, and not while clients wait. */
static void sort(X509_CRL *list)
{
    ASN1_INTEGER *nobodys = ASN1_INTEGER_new();
    X509_REVOKED *nobody;
    if (nobodys != NULL)
        X509_CRL_get0_by_serial(list, &nobody, nobodys);
    ASN1_INTEGER_free(nobodys);
}

/* Takes the list. */
static bool add(struct revocation_lists *lists, X509_CRL *list, struct error *err)
{
    lists->items = memory_reallocate(lists->items, (lists->count + 1) * sizeof(lists->items[0]));
    struct revocation_list *added = &lists->items[lists->count++];
    *added = (struct revocation_list){
        .list = list,
        .issuer = certificate_fields_name(X509_CRL_get_issuer(list)),
        .next_update_s = certificate_fields_time(X509_CRL_get0_nextUpdate(list)),
    };
    sort(list);
    if (added->issuer == NULL)
        return error_set(err, ERROR_INTERNAL, "the name of a list's issuer cannot be told");
    return added->next_update_s != 0 ||
           error_set(err, ERROR_INVALID, "the list of %s does not say when the next one comes",
                     added->issuer);
}

/* Whether reading ended because nothing follows. */
static bool is_end(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static bool read_all(BIO *from, struct revocation_lists *lists, struct error *err)
{
    X509_CRL *list;
    ERR_clear_error();
    while ((list = PEM_read_bio_X509_CRL(from, NULL, NULL, NULL)) != NULL) {
        if (!add(lists, list, err))
            return false;
    }
    if (!is_end())
        return error_set(err, ERROR_INVALID, "list %zu cannot be read: %s", lists->count + 1,
                         tls_take_reason("it is damaged"));
    ERR_clear_error();
    return lists->count > 0 || error_set(err, ERROR_INVALID, "holds no revocation list in PEM");
}

bool revocation_lists_parse(struct slice text, struct revocation_lists *lists, struct error *err)
{
    *lists = (struct revocation_lists){0};
    if (text.length > INT_MAX)
        return error_set(err, ERROR_LIMIT, "is too large");
    BIO *from = BIO_new_mem_buf(text.length == 0 ? "" : text.at, (int)text.length);
    if (from == NULL)
        return error_set(err, ERROR_INTERNAL, "there is no memory to read it");
    bool is_read = read_all(from, lists, err);
    BIO_free(from);
    if (!is_read)
        revocation_lists_clear(lists);
    return is_read;
}

void revocation_lists_clear(struct revocation_lists *lists)
{
    for (size_t i = 0; i < lists->count; i++) {
        X509_CRL_free(lists->items[i].list);
        free(lists->items[i].issuer);
    }
    free(lists->items);
    *lists = (struct revocation_lists){0};
}

int64_t revocation_lists_end_s(const struct revocation_lists *lists)
{
    int64_t end_s = INT64_MAX;
    for (size_t i = 0; i < lists->count; i++) {
        if (lists->items[i].next_update_s < end_s)
            end_s = lists->items[i].next_update_s;
    }
    return end_s;
}
