#include "proxy/http/certificate_fields.h"

#include "common/buffer.h"

#include <string.h>
#include <time.h>

#include <openssl/bio.h>

char *certificate_fields_name(const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *copy = NULL;
    if (text != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) >= 0) {
        char *bytes = NULL;
        long length = BIO_get_mem_data(text, &bytes);
        copy = memory_allocate_zeroed(1, (size_t)length + 1);
        if (length > 0)
            memcpy(copy, bytes, (size_t)length);
    }
    BIO_free(text);
    return copy;
}

struct slice certificate_fields_alternative(const X509 *certificate, int kind, struct arena *arena)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct slice found = SLICE("");
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && found.length == 0; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != kind)
            continue;
        const ASN1_IA5STRING *text = name->d.ia5;
        size_t length = (size_t)ASN1_STRING_length(text);
        found = slice_of(arena_string(arena, (const char *)ASN1_STRING_get0_data(text), length),
                         length);
    }
    GENERAL_NAMES_free(names);
    return found;
}

int64_t certificate_fields_time(const ASN1_TIME *time)
{
    struct tm parts = {0};
    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}
