#include "proxy/routing/header_list.h"

bool header_list_add(struct header_list *list, struct slice name, struct slice value,
                     enum header_id id)
{
    if (list->count == list->capacity)
        return false;

    list->headers[list->count] = (struct header){.name = name, .value = value};
    list->tags[list->count] = (struct header_tag){
        .id = (uint8_t)id,
        .is_dropped = (header_name_traits(id) & HEADER_IS_PER_HOP) != 0,
    };
    list->count++;
    return true;
}

const struct slice *header_list_find(const struct header_list *list, enum header_id id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->tags[i].id == id)
            return &list->headers[i].value;
    }
    return NULL;
}

void slice_follow(struct slice *slice, const struct slice_move *move)
{
    uintptr_t offset = (uintptr_t)slice->at - (uintptr_t)move->from;
    if (offset < move->length)
        slice->at = move->to + offset;
}

void header_list_follow(struct header_list *list, const struct slice_move *move)
{
    for (size_t i = 0; i < list->count; i++) {
        slice_follow(&list->headers[i].name, move);
        slice_follow(&list->headers[i].value, move);
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

bool header_value_next(struct slice *rest, struct slice *element)
{
    while (rest->length > 0) {
        const char *comma = memchr(rest->at, ',', rest->length);
        struct slice part = *rest;
        if (comma == NULL) {
            *rest = slice_of(NULL, 0);
        } else {
            part.length = (size_t)(comma - rest->at);
            *rest = slice_of(comma + 1, rest->length - part.length - 1);
        }

        while (part.length > 0 && is_space(part.at[0])) {
            part.at++;
            part.length--;
        }
        while (part.length > 0 && is_space(part.at[part.length - 1]))
            part.length--;
        if (part.length > 0) {
            *element = part;
            return true;
        }
    }
    return false;
}

bool header_value_has_token(struct slice value, struct slice token)
{
    struct slice element;
    while (header_value_next(&value, &element)) {
        if (slice_equals_ignoring_case(element, token))
            return true;
    }
    return false;
}
