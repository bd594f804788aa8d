#include "proxy/http/hash_key.h"

#include "common/hash.h"
#include "proxy/upstream/backend.h"

static struct slice trim(struct slice text)
{
    while (text.length > 0 && (*text.at == ' ' || *text.at == '\t'))
        text = slice_of(text.at + 1, text.length - 1);
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* Takes what is in front of the next `separator`, or all that is left, off the front of `rest`. */
static struct slice take_up_to(struct slice *rest, char separator)
{
    const char *end = memchr(rest->at, separator, rest->length);
    size_t length = end == NULL ? rest->length : (size_t)(end - rest->at);
    struct slice taken = slice_of(rest->at, length);
    size_t used = end == NULL ? length : length + 1;
    *rest = slice_of(rest->at + used, rest->length - used);
    return taken;
}

/* `name=value; name=value` (RFC 6265 section 4.2.1). */
static bool find_in_cookies(struct slice cookies, struct slice name, struct slice *value)
{
    while (cookies.length > 0) {
        struct slice pair = take_up_to(&cookies, ';');
        struct slice pair_name = trim(take_up_to(&pair, '='));
        if (slice_equals(pair_name, name)) {
            *value = trim(pair);
            return true;
        }
    }
    return false;
}

static bool find_value(const struct backend *backend, const struct request_head *head,
                       struct slice *value)
{
    struct slice header_name =
        backend->hash_on == HASH_ON_COOKIE ? SLICE("cookie") : backend->hash_name;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!slice_equals_ignoring_case(head->headers[i].name, header_name))
            continue;
        *value = head->headers[i].value;
        if (backend->hash_on == HASH_ON_HEADER ||
            find_in_cookies(head->headers[i].value, backend->hash_name, value))
            return true;
    }
    return false;
}

bool hash_key_of(const struct backend *backend, const struct request_head *head,
                 struct slice client_address, uint64_t *key)
{
    struct slice value = client_address;
    if (backend->hash_on != HASH_ON_SOURCE_ADDRESS && !find_value(backend, head, &value))
        return false;
    *key = hash_stable(value.at, value.length);
    return true;
}
