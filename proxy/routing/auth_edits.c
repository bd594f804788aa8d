#include "proxy/routing/auth_edits.h"

#include "common/character.h"
#include "common/hex.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/request_values.h"

#include <string.h>

/* --- headers -------------------------------------------------------------------------------- */

static bool is_present(const struct header_list *fields, struct slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped &&
            slice_equals_ignoring_case(fields->headers[i].name, name))
            return true;
    }
    return false;
}

static bool is_added(const struct auth_edit *edit, const struct header_list *fields)
{
    switch (edit->action) {
    case AUTH_EDIT_REPLACE:
    case AUTH_EDIT_APPEND:
        return true;
    case AUTH_EDIT_ADD_IF_ABSENT:
        return !is_present(fields, edit->header.name);
    case AUTH_EDIT_REPLACE_IF_PRESENT:
        return is_present(fields, edit->header.name);
    }
    return false;
}

static bool keeps_others(const struct auth_edit *edit)
{
    return edit->action == AUTH_EDIT_APPEND || edit->action == AUTH_EDIT_ADD_IF_ABSENT;
}

/* Whether a service behind the proxy could read a field of a request as that name, so that it would
 * be the client's word about it. */
static bool is_read_as(struct slice field, struct slice name)
{
    return header_name_reads_as(field, name) &&
           external_auth_may_write(field, header_name_id(field));
}

static bool is_replaced_by(const struct auth_edit *edit, struct slice field, bool is_request)
{
    if (slice_equals_ignoring_case(field, edit->header.name))
        return !keeps_others(edit);
    return is_request && is_read_as(field, edit->header.name);
}

/* The first `count` fields were there before. */
static void drop_others(const struct auth_edit *edit, struct header_list *fields, size_t count,
                        bool is_request)
{
    for (size_t i = 0; i < count; i++) {
        if (is_replaced_by(edit, fields->headers[i].name, is_request))
            fields->tags[i].is_dropped = true;
    }
}

static void make_room(struct header_list *fields, size_t more, struct arena *arena)
{
    header_list_move(fields, more, arena);
    header_list_tag(fields);
}

static void apply(const struct auth_edit_list *edits, struct header_list *fields, bool is_request)
{
    const size_t count = fields->count;
    for (size_t i = 0; i < edits->count; i++) {
        const struct auth_edit *edit = &edits->items[i];
        enum header_id id = header_name_id(edit->header.name);
        bool may_be_written = is_request ? external_auth_may_write(edit->header.name, id)
                                         : (header_name_traits(id) & HEADER_IS_PER_HOP) == 0;
        if (!may_be_written || !is_added(edit, fields))
            continue;
        drop_others(edit, fields, count, is_request);
        header_list_add(fields, edit->header.name, edit->header.value, id);
    }
}

static void drop_removed(struct slice name, struct header_list *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (is_read_as(fields->headers[i].name, name))
            fields->tags[i].is_dropped = true;
    }
}

void auth_edits_apply_request(const struct auth_edits *edits, struct header_list *fields,
                              struct arena *arena)
{
    if (edits->request_headers.count + edits->removed_header_count == 0)
        return;
    make_room(fields, edits->request_headers.count, arena);
    for (size_t i = 0; i < edits->removed_header_count; i++)
        drop_removed(edits->removed_headers[i], fields);
    apply(&edits->request_headers, fields, true);
}

void auth_edits_apply_response(const struct auth_edit_list *edits, struct header_list *fields,
                               struct arena *arena)
{
    if (edits->count == 0)
        return;
    make_room(fields, edits->count, arena);
    apply(edits, fields, false);
}

/* --- the query ------------------------------------------------------------------------------ */

struct query_writer {
    char *text;
    size_t length;
};

static void put_char(struct query_writer *writer, char c)
{
    writer->text[writer->length++] = c;
}

static void put_raw(struct query_writer *writer, struct slice text)
{
    if (text.length > 0)
        memcpy(writer->text + writer->length, text.at, text.length);
    writer->length += text.length;
}

static void put_escape(struct query_writer *writer, unsigned char byte)
{
    hex_write_escape(writer->text + writer->length, byte);
    writer->length += PERCENT_ESCAPE_BYTES;
}

/* What stands for a byte already is left as it is. */
static bool is_escape(struct slice rest)
{
    return rest.at[0] == '%' && rest.length >= PERCENT_ESCAPE_BYTES &&
           character_hex_byte(rest.at + 1) >= 0;
}

static void put_encoded(struct query_writer *writer, struct slice text, char separator)
{
    for (; text.length > 0; text.at++, text.length--) {
        char c = *text.at;
        bool is_plain = character_is(c, CHARACTER_TARGET) && c != '&' && c != separator &&
                        (c != '%' || is_escape(text));
        if (is_plain)
            put_char(writer, c);
        else
            put_escape(writer, (unsigned char)c);
    }
}

static void put_separator(struct query_writer *writer)
{
    if (writer->length > 0)
        put_char(writer, '&');
}

static bool is_replaced(const struct auth_edits *edits, struct slice name)
{
    for (size_t i = 0; i < edits->parameter_count; i++) {
        if (request_query_names_equal(name, edits->parameters[i].name))
            return true;
    }
    for (size_t i = 0; i < edits->removed_parameter_count; i++) {
        if (request_query_names_equal(name, edits->removed_parameters[i]))
            return true;
    }
    return false;
}

bool auth_edits_have_query(const struct auth_edits *edits)
{
    return edits->parameter_count + edits->removed_parameter_count > 0;
}

static size_t most_bytes(const struct auth_edits *edits, const struct request_head *head)
{
    size_t bytes = head->query.length;
    for (size_t i = 0; i < edits->parameter_count; i++)
        bytes += PERCENT_ESCAPE_BYTES *
                     (edits->parameters[i].name.length + edits->parameters[i].value.length) +
                 sizeof("&=");
    return bytes;
}

void auth_edits_apply_query(const struct auth_edits *edits, struct request_head *head,
                            struct arena *arena)
{
    struct query_writer writer = {.text = arena_allocate(arena, most_bytes(edits, head) + 1)};
    struct slice rest = head->query;
    struct query_param param;
    while (request_query_next(&rest, &param)) {
        if (is_replaced(edits, param.name))
            continue;
        put_separator(&writer);
        put_raw(&writer, slice_of(param.name.at, (size_t)(rest.at - param.name.at)));
    }
    for (size_t i = 0; i < edits->parameter_count; i++) {
        put_separator(&writer);
        put_encoded(&writer, edits->parameters[i].name, '=');
        put_char(&writer, '=');
        put_encoded(&writer, edits->parameters[i].value, '&');
    }
    head->query = slice_of(writer.text, writer.length);
    head->has_query = writer.length > 0;
}
