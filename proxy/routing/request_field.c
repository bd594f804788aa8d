#include "proxy/routing/request_field.h"

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

/* `name=value; name=value`. */
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

bool request_field_find(const struct request_head *head, struct slice name, struct slice *value)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (slice_equals_ignoring_case(head->headers[i].name, name)) {
            *value = head->headers[i].value;
            return true;
        }
    }
    return false;
}

bool request_field_find_cookie(const struct request_head *head, struct slice name,
                               struct slice *value)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct header *header = &head->headers[i];
        if (slice_equals_ignoring_case(header->name, SLICE("cookie")) &&
            find_in_cookies(header->value, name, value))
            return true;
    }
    return false;
}
