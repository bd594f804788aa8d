/* Filter text: the filters of tests, as words with spaces between them.
 *
 *   set:NAME=VALUE add:NAME=VALUE remove:NAME       request headers
 *   response-set:... response-add:... response-remove:...
 *   rewrite-host:H rewrite-path:P rewrite-prefix:P
 *   redirect redirect-scheme:S redirect-host:H redirect-port:N redirect-code:N redirect-path:P
 *   redirect-prefix:P
 *   cors cors-origin:O cors-method:M cors-header:H cors-expose:H cors-credentials cors-max-age:N
 *
 *   mirror:NAME mirror:NAME@PERCENT mirror:NAME@NUMERATOR/DENOMINATOR      one each
 *
 *   auth:NAME auth-path:P auth-allow:H auth-take:H auth-body:BYTES
 *   auth-grpc                        the protocol GRPC, before any other word of it but auth:NAME
 *
 * Words about the same kind of filter make one filter. Values have no spaces. */
#ifndef TESTS_UNIT_PROXY_ROUTING_FILTER_TEXT_H
#define TESTS_UNIT_PROXY_ROUTING_FILTER_TEXT_H

#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/routing/filter.h"

#include <stddef.h>

/* Appends to a repeated field of a message that is freed with its free_unpacked. Aborts on a word
 * it does not know. */
void filter_text_parse(const char *text, FilterMessage ***filters, size_t *count);

/* Frees what filter_text_parse has made for a list that was NULL and 0. */
void filter_text_free(FilterMessage **filters, size_t count);

/* What these filters are compiled to; NULL: none. Caller frees. Without `context`, they are of no
 * prefix, and name no backends. */
struct filter_list *filter_text_compile(const char *text, const struct filter_context *context);

/* Grows an array of pointers by one. */
#define TEXT_APPEND(array, count, item)                                                            \
    do {                                                                                           \
        (array) = memory_reallocate((array), ((count) + 1) * sizeof(*(array)));                    \
        (array)[(count)++] = (item);                                                               \
    } while (0)

#endif
