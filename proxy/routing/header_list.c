#include "proxy/routing/header_list.h"

#include <string.h>

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

void header_list_drop(struct header_list *list, enum header_id id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->tags[i].id == id)
            list->tags[i].is_dropped = true;
    }
}

void header_list_drop_name(struct header_list *list, struct slice name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (slice_equals_ignoring_case(list->headers[i].name, name))
            list->tags[i].is_dropped = true;
    }
}

static struct slice copy_text(char **at, struct slice text)
{
    struct slice copy = slice_of(*at, text.length);
    if (text.length > 0)
        memcpy(*at, text.at, text.length);
    *at += text.length;
    return copy;
}

struct header_list header_list_copy(const struct header_list *list, struct arena *arena)
{
    size_t bytes = 0;
    for (size_t i = 0; i < list->count; i++)
        bytes += list->headers[i].name.length + list->headers[i].value.length;
    char *text = arena_allocate(arena, bytes);
    struct header_list copied = {
        .headers = arena_allocate(arena, list->count * sizeof(struct header)),
        .tags = arena_allocate(arena, list->count * sizeof(struct header_tag)),
        .capacity = list->count,
        .count = list->count,
    };
    for (size_t i = 0; i < list->count; i++) {
        copied.headers[i].name = copy_text(&text, list->headers[i].name);
        copied.headers[i].value = copy_text(&text, list->headers[i].value);
        copied.tags[i] = list->tags[i];
    }
    return copied;
}

void header_list_move(struct header_list *list, size_t more, struct arena *arena)
{
    size_t capacity = list->count + more;
    struct header_list moved = {
        .headers = arena_allocate(arena, capacity * sizeof(struct header)),
        .tags = arena_allocate(arena, capacity * sizeof(struct header_tag)),
        .capacity = capacity,
    };
    for (size_t i = 0; i < list->count; i++) {
        if (!list->tags[i].is_dropped)
            moved.headers[moved.count++] = list->headers[i];
    }
    *list = moved;
}

void header_list_tag(struct header_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->tags[i].id = (uint8_t)header_name_id(list->headers[i].name);
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

static bool drop_one(struct header_list *list, struct slice name)
{
    if (header_name_traits(header_name_id(name)) & HEADER_IS_END_TO_END)
        return false;
    header_list_drop_name(list, name);
    return true;
}

/* Of a connection itself, which name no field. */
static bool is_connection_option(struct slice option)
{
    return slice_equals_ignoring_case(option, SLICE("close")) ||
           slice_equals_ignoring_case(option, SLICE("keep-alive")) ||
           slice_equals_ignoring_case(option, SLICE("upgrade"));
}

bool header_list_drop_named(struct header_list *list)
{
    bool all_may_be_named = true;
    for (size_t i = 0; i < list->count; i++) {
        if (list->tags[i].id != HEADER_CONNECTION)
            continue;
        struct slice rest = list->headers[i].value;
        struct slice option;
        while (header_value_next(&rest, &option)) {
            if (!is_connection_option(option))
                all_may_be_named = drop_one(list, option) && all_may_be_named;
        }
    }
    return all_may_be_named;
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
