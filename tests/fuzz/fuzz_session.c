/* What a client says of its session: a Cookie field, in which the token of the cookie "sid" is
 * looked for and read. As two fields it says the same. What is read as a token is the only text of
 * it. */
#include "proxy/routing/request_field.h"
#include "proxy/routing/session_token.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool find(const struct header *fields, size_t count, struct slice *value)
{
    const struct request_head head = {.headers = fields, .header_count = count};
    return request_field_find_cookie(&head, SLICE("sid"), value);
}

static void check_token(struct slice text)
{
    const struct session_key key = session_key_of("fuzz");
    struct session_token token;
    char again[SESSION_TOKEN_LENGTH];
    if (!session_token_read(text, &key, &token))
        return;
    session_token_write(&token, &key, again);
    if (!slice_equals(text, slice_of(again, sizeof(again))))
        abort();
}

/* Cut behind the first ';', where one cookie ends in any case. */
static void check_two_fields(struct slice all, bool was_found, struct slice value)
{
    const char *end = memchr(all.at, ';', all.length);
    if (end == NULL)
        return;
    size_t first = (size_t)(end - all.at);
    const struct header fields[] = {
        {SLICE("cookie"), slice_of(all.at, first)},
        {SLICE("Cookie"), slice_of(end + 1, all.length - first - 1)},
    };
    struct slice found;
    if (find(fields, 2, &found) != was_found || (was_found && !slice_equals(found, value)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In memory of its own, so that reading past the end is seen. */
    char *copy = malloc(size == 0 ? 1 : size);
    if (size > 0)
        memcpy(copy, data, size);
    struct slice all = slice_of(copy, size);
    const struct header field = {SLICE("Cookie"), all};
    struct slice value = {0};
    bool was_found = find(&field, 1, &value);
    if (was_found && (value.at < copy || value.at + value.length > copy + size))
        abort();
    if (was_found)
        check_token(value);
    check_token(all); /* as a header has it */
    check_two_fields(all, was_found, value);
    free(copy);
    return 0;
}
