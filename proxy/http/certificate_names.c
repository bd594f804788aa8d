#include "proxy/http/certificate_names.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

struct slice certificate_name_lower(struct slice host, char to[CERTIFICATE_NAME_BYTES])
{
    if (host.length > 0 && host.at[host.length - 1] == '.')
        host.length--;
    if (host.length == 0 || host.length > CERTIFICATE_NAME_BYTES ||
        memchr(host.at, '\0', host.length) != NULL)
        return slice_of(NULL, 0);
    for (size_t i = 0; i < host.length; i++)
        to[i] = ascii_lower(host.at[i]);
    return slice_of(to, host.length);
}

int certificate_name_compare(const struct certificate_name *a, const struct certificate_name *b)
{
    int order = slice_compare(a->text, b->text);
    return order != 0 ? order : (int)a->is_wildcard - (int)b->is_wildcard;
}

static int compare_items(const void *a, const void *b)
{
    return certificate_name_compare(a, b);
}

static void add(struct certificate_names *names, const ASN1_STRING *string)
{
    struct slice text =
        slice_of((const char *)ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
    char lower[CERTIFICATE_NAME_BYTES];
    struct certificate_name name = {.text = certificate_name_lower(text, lower)};
    if (slice_has_prefix(name.text, SLICE("*."))) {
        name.is_wildcard = true;
        name.text = slice_of(name.text.at + 2, name.text.length - 2);
    }
    if (name.text.length == 0 || memchr(name.text.at, '*', name.text.length) != NULL)
        return;

    char *copy = memory_allocate(name.text.length);
    memcpy(copy, name.text.at, name.text.length);
    name.text.at = copy;
    names->items = memory_reallocate(names->items, (names->count + 1) * sizeof(names->items[0]));
    names->items[names->count++] = name;
    if (names->first == NULL) {
        names->first = memory_allocate_zeroed(1, text.length + 1);
        memcpy(names->first, text.at, text.length);
    }
}

static void add_alternatives(struct certificate_names *names, X509 *certificate)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *one = sk_GENERAL_NAME_value(all, i);
        if (one->type == GEN_DNS)
            add(names, one->d.dNSName);
    }
    GENERAL_NAMES_free(all);
}

static void add_common_name(struct certificate_names *names, X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (place >= 0)
        add(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
}

/* Sorts, and leaves each once. */
static void settle(struct certificate_names *names)
{
    if (names->count == 0)
        return;
    qsort(names->items, names->count, sizeof(names->items[0]), compare_items);
    size_t kept = 1;
    for (size_t i = 1; i < names->count; i++) {
        if (certificate_name_compare(&names->items[kept - 1], &names->items[i]) != 0)
            names->items[kept++] = names->items[i];
        else
            free((char *)(uintptr_t)names->items[i].text.at);
    }
    names->count = kept;
}

void certificate_names_read(struct certificate_names *names, X509 *certificate)
{
    *names = (struct certificate_names){0};
    add_alternatives(names, certificate);
    if (names->count == 0)
        add_common_name(names, certificate);
    settle(names);
}

void certificate_names_clear(struct certificate_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free((char *)(uintptr_t)names->items[i].text.at);
    free(names->items);
    free(names->first);
    *names = (struct certificate_names){0};
}

bool certificate_names_are_equal(const struct certificate_names *a,
                                 const struct certificate_names *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (certificate_name_compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

char *certificate_names_first(const struct certificate_names *names)
{
    return memory_duplicate_string(names->first == NULL ? "" : names->first);
}
