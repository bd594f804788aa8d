/* Request values: headers and query parameters as matching sees them.
 *
 * A repeated header counts as its values joined with ", " (RFC 9110 section 5.3), except
 * Set-Cookie, of which the first counts. A query parameter counts percent-decoded, '+' as space,
 * the first of a repeated one. Nothing is allocated: values are compared and hashed in pieces.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_REQUEST_VALUES_H
#define PROXY_ROUTING_REQUEST_VALUES_H

#include "common/slice.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;

/* --- headers -------------------------------------------------------------------------------- */

bool request_header_equals(const struct request_head *head, struct slice name, struct slice value);
bool request_header_matches(const struct request_head *head, struct slice name,
                            const struct regex *regex);

/* Whether no header in front of `index` has its name. */
bool request_header_is_first(const struct request_head *head, size_t index);

/* All values joined of the header that first occurs at `index`. False when that is more than any
 * request has. Borrowed until the next call of this thread to this, request_query_value or
 * request_*_matches. */
bool request_header_value(const struct request_head *head, size_t index, struct slice *value);

/* Whatever the case. */
uint64_t request_header_name_hash(struct slice name);

/* The hash of the name and of all values joined of the header that first occurs at `index`. */
uint64_t request_header_hash(const struct request_head *head, size_t index);

/* The hash that a request with such a header has. */
uint64_t request_header_hash_of(struct slice name, struct slice value);

/* --- the query ------------------------------------------------------------------------------ */

bool request_query_equals(const struct request_head *head, struct slice name, struct slice value);
bool request_query_matches(const struct request_head *head, struct slice name,
                           const struct regex *regex);

/* One parameter, as it stands in the query. */
struct query_param {
    struct slice name;
    struct slice value;
};

/* Takes the next parameter off the front of `rest`. False at the end. */
bool request_query_next(struct slice *rest, struct query_param *param);

/* Whether both names, as they stand in queries, are the same decoded. */
bool request_query_names_equal(struct slice name, struct slice other);

/* Decoded. False when that is more than any request has. Borrowed as in request_header_value. */
bool request_query_value(const struct query_param *param, struct slice *value);

/* The hash of the decoded name; of one that is decoded, request_query_name_hash. */
uint64_t request_query_raw_name_hash(struct slice name);
uint64_t request_query_name_hash(struct slice name);

uint64_t request_query_hash(const struct query_param *param);
uint64_t request_query_hash_of(struct slice name, struct slice value);

#endif
