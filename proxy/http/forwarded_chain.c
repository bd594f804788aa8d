#include "proxy/http/forwarded_chain.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the last member out of a list (RFC 9110 section 5.6.1), without white space around it. */
static struct slice take_last(struct slice *list)
{
    const char *comma = memrchr(list->at, ',', list->length);
    size_t start = comma == NULL ? 0 : (size_t)(comma - list->at) + 1;
    struct slice member = slice_of(list->at + start, list->length - start);
    list->length = comma == NULL ? 0 : start - 1;
    while (member.length > 0 && is_space(member.at[0]))
        member = slice_of(member.at + 1, member.length - 1);
    while (member.length > 0 && is_space(member.at[member.length - 1]))
        member.length--;
    return member;
}

/* What is left of an address without its port and brackets. */
static struct slice host_of(struct slice member)
{
    if (member.at[0] == '[') {
        const char *end = memchr(member.at, ']', member.length);
        return slice_of(member.at + 1, (size_t)(end - member.at) - 1);
    }
    const char *colon = memchr(member.at, ':', member.length);
    bool is_ipv4_with_port = colon != NULL && memchr(member.at, '.', (size_t)(colon - member.at));
    return is_ipv4_with_port ? slice_of(member.at, (size_t)(colon - member.at)) : member;
}

/* Goes on to the left; false when the search is over. */
static bool look_at(struct slice member, const struct address_set *trusted, struct slice *client)
{
    struct ip_address address;
    if (member.length == 0)
        return true; /* an empty member means nothing */
    if (!ip_address_parse(member, true, &address))
        return false;
    *client = host_of(member);
    return address_set_has_ip(trusted, &address);
}

struct slice forwarded_chain_client(const struct header_list *fields,
                                    const struct address_set *trusted, struct slice peer)
{
    struct slice client = peer;
    for (size_t i = fields->count; i > 0; i--) {
        if (fields->tags[i - 1].id != HEADER_X_FORWARDED_FOR)
            continue;
        struct slice list = fields->headers[i - 1].value;
        while (list.length > 0) {
            if (!look_at(take_last(&list), trusted, &client))
                return client;
        }
    }
    return client;
}
