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

int64_t certificate_fields_time(const ASN1_TIME *time)
{
    struct tm parts = {0};
    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}
