#include "proxy/routing/request_values.h"

#include "common/character.h"
#include "common/hash.h"
#include "proxy/routing/regex.h"

#include <string.h>

/* An expression needs its value in one piece. Heads are at most 64 KiB, so what is longer than
 * that never comes from a request. */
enum { SCRATCH_BYTES = 65536, PIECE_BYTES = 64 };
static _Thread_local char scratch[SCRATCH_BYTES];

/* So that a header and a parameter of one name and value hash apart. */
enum { HEADER_SEED = 1, QUERY_SEED = 2 };

static const struct slice joint = {.at = ", ", .length = 2};

/* --- headers -------------------------------------------------------------------------------- */

static bool is_joined(struct slice name)
{
    return !slice_equals_ignoring_case(name, SLICE("set-cookie"));
}

/* The first header of this name at or behind `from`, or header_count. */
static size_t find_header(const struct request_head *head, struct slice name, size_t from)
{
    size_t i = from;
    /* Lengths tell most names apart without a call. */
    while (i < head->header_count && (head->headers[i].name.length != name.length ||
                                      !slice_equals_ignoring_case(head->headers[i].name, name)))
        i++;
    return i;
}

/* The next header whose value is joined to the one at `index`, or header_count. */
static size_t next_header(const struct request_head *head, size_t index)
{
    struct slice name = head->headers[index].name;
    size_t next = find_header(head, name, index + 1);
    return next < head->header_count && is_joined(name) ? next : head->header_count;
}

static bool take_prefix(struct slice *rest, struct slice prefix)
{
    if (!slice_has_prefix(*rest, prefix))
        return false;
    rest->at += prefix.length;
    rest->length -= prefix.length;
    return true;
}

bool request_header_equals(const struct request_head *head, struct slice name, struct slice value)
{
    size_t i = find_header(head, name, 0);
    if (i == head->header_count)
        return false;

    struct slice rest = value;
    while (take_prefix(&rest, head->headers[i].value)) {
        i = next_header(head, i);
        if (i == head->header_count)
            return rest.length == 0;
        if (!take_prefix(&rest, joint))
            return false;
    }
    return false;
}

static bool append(size_t *length, struct slice piece)
{
    if (SCRATCH_BYTES - *length < piece.length)
        return false;
    if (piece.length > 0)
        memcpy(scratch + *length, piece.at, piece.length);
    *length += piece.length;
    return true;
}

bool request_header_value(const struct request_head *head, size_t index, struct slice *value)
{
    *value = head->headers[index].value;
    size_t next = next_header(head, index);
    if (next == head->header_count)
        return true;

    size_t length = 0;
    if (!append(&length, *value))
        return false;
    for (; next < head->header_count; next = next_header(head, next)) {
        if (!append(&length, joint) || !append(&length, head->headers[next].value))
            return false;
    }
    *value = slice_of(scratch, length);
    return true;
}

bool request_header_matches(const struct request_head *head, struct slice name,
                            const struct regex *regex)
{
    struct slice value;
    size_t i = find_header(head, name, 0);
    return i < head->header_count && request_header_value(head, i, &value) &&
           regex_matches(regex, value);
}

bool request_header_is_first(const struct request_head *head, size_t index)
{
    return find_header(head, head->headers[index].name, 0) == index;
}

uint64_t request_header_name_hash(struct slice name)
{
    return hash_lower(name.at, name.length, HEADER_SEED);
}

uint64_t request_header_hash(const struct request_head *head, size_t index)
{
    struct slice name = head->headers[index].name;
    struct hash_state state;
    hash_start(&state, request_header_name_hash(name));
    for (size_t i = index;;) {
        hash_add(&state, head->headers[i].value.at, head->headers[i].value.length);
        i = next_header(head, i);
        if (i == head->header_count)
            return hash_value(&state);
        hash_add(&state, joint.at, joint.length);
    }
}

uint64_t request_header_hash_of(struct slice name, struct slice value)
{
    return hash_bytes(value.at, value.length, request_header_name_hash(name));
}

/* --- the query ------------------------------------------------------------------------------ */

/* Takes one decoded byte off the front of `rest`, which is not empty. What is no escape stands
 * for itself. */
static char take_decoded(struct slice *rest)
{
    char c = *rest->at;
    size_t taken = 1;
    if (c == '+') {
        c = ' ';
    } else if (c == '%' && rest->length >= 3) {
        int byte = character_hex_byte(rest->at + 1);
        if (byte >= 0) {
            c = (char)byte;
            taken = 3;
        }
    }
    rest->at += taken;
    rest->length -= taken;
    return c;
}

static bool decoded_equals(struct slice raw, struct slice plain)
{
    size_t i = 0;
    while (raw.length > 0) {
        if (i == plain.length || take_decoded(&raw) != plain.at[i++])
            return false;
    }
    return i == plain.length;
}

bool request_query_next(struct slice *rest, struct query_param *param)
{
    while (rest->length > 0 && *rest->at == '&') {
        rest->at++;
        rest->length--;
    }
    if (rest->length == 0)
        return false;

    const char *ampersand = memchr(rest->at, '&', rest->length);
    size_t length = ampersand == NULL ? rest->length : (size_t)(ampersand - rest->at);
    const char *equals = memchr(rest->at, '=', length);
    size_t name_length = equals == NULL ? length : (size_t)(equals - rest->at);
    size_t value_start = equals == NULL ? length : name_length + 1;

    param->name = slice_of(rest->at, name_length);
    param->value = slice_of(rest->at + value_start, length - value_start);
    rest->at += length;
    rest->length -= length;
    return true;
}

/* The first of this name. */
static bool find_param(const struct request_head *head, struct slice name,
                       struct query_param *param)
{
    struct slice rest = head->query;
    while (request_query_next(&rest, param)) {
        if (decoded_equals(param->name, name))
            return true;
    }
    return false;
}

bool request_query_equals(const struct request_head *head, struct slice name, struct slice value)
{
    struct query_param param;
    return find_param(head, name, &param) && decoded_equals(param.value, value);
}

bool request_query_names_equal(struct slice name, struct slice other)
{
    while (name.length > 0 && other.length > 0) {
        if (take_decoded(&name) != take_decoded(&other))
            return false;
    }
    return name.length == other.length;
}

bool request_query_value(const struct query_param *param, struct slice *value)
{
    struct slice raw = param->value;
    if (raw.length > SCRATCH_BYTES)
        return false;
    size_t length = 0;
    while (raw.length > 0)
        scratch[length++] = take_decoded(&raw);
    *value = slice_of(scratch, length);
    return true;
}

bool request_query_matches(const struct request_head *head, struct slice name,
                           const struct regex *regex)
{
    struct query_param param;
    struct slice value;
    return find_param(head, name, &param) && request_query_value(&param, &value) &&
           regex_matches(regex, value);
}

static void hash_decoded(struct hash_state *state, struct slice raw)
{
    char piece[PIECE_BYTES];
    while (raw.length > 0) {
        size_t held = 0;
        while (raw.length > 0 && held < PIECE_BYTES)
            piece[held++] = take_decoded(&raw);
        hash_add(state, piece, held);
    }
}

uint64_t request_query_raw_name_hash(struct slice name)
{
    struct hash_state state;
    hash_start(&state, QUERY_SEED);
    hash_decoded(&state, name);
    return hash_value(&state);
}

uint64_t request_query_name_hash(struct slice name)
{
    return hash_bytes(name.at, name.length, QUERY_SEED);
}

uint64_t request_query_hash(const struct query_param *param)
{
    struct hash_state state;
    hash_start(&state, QUERY_SEED);
    hash_decoded(&state, param->name);
    hash_add(&state, "=", 1);
    hash_decoded(&state, param->value);
    return hash_value(&state);
}

uint64_t request_query_hash_of(struct slice name, struct slice value)
{
    struct hash_state state;
    hash_start(&state, QUERY_SEED);
    hash_add(&state, name.at, name.length);
    hash_add(&state, "=", 1);
    hash_add(&state, value.at, value.length);
    return hash_value(&state);
}
