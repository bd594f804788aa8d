#include "control/routectl/object_diff.h"

#include "control/routectl/documents.h"
#include "control/routectl/text_diff.h"
#include "control/routectl/text_table.h"
#include "proto/route_id.h"

#include <inttypes.h>

/* A document without the line that begins it, which in a diff would look like a title. */
static struct slice document_body(const struct buffer *document)
{
    static const struct slice start = SLICE("---\n");
    struct slice text = buffer_slice(document);
    if (slice_has_prefix(text, start))
        text = slice_of(text.at + start.length, text.length - start.length);
    return text;
}

/* The document of an object, and its revision. Nothing of an object that is not there. */
static uint64_t write_document(struct buffer *to, const Pointsman__V1__Object *object)
{
    switch (object == NULL ? POINTSMAN__V1__OBJECT__KIND__NOT_SET : object->kind_case) {
    case POINTSMAN__V1__OBJECT__KIND_ROUTE:
        documents_write_route(to, object->route);
        return object->route->revision;
    case POINTSMAN__V1__OBJECT__KIND_BACKEND:
        documents_write_backend(to, object->backend);
        return object->backend->revision;
    case POINTSMAN__V1__OBJECT__KIND__NOT_SET:
    case _POINTSMAN__V1__OBJECT__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return 0;
}

struct side {
    const char *mark;
    const Pointsman__V1__Object *object;
    const char *origin;
};

static void append_title(struct buffer *to, const Pointsman__V1__Change *change,
                         const struct side *side, uint64_t revision, bool has_colour)
{
    bool is_route = change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    buffer_printf(to, "%s%s ", has_colour ? "\033[1m" : "", side->mark);
    if (side->object == NULL) {
        buffer_append_string(to, "/dev/null");
    } else {
        const char *kind = is_route ? route_kind_name(side->object->route->kind) : BACKEND_KIND;
        buffer_printf(to, "%s ", kind);
        append_printable(to, route_id_name_text(change->name));
        if (side->origin != NULL)
            buffer_printf(to, " (%s)", side->origin);
        else
            buffer_printf(to, " (revision %" PRIu64 ")", revision);
    }
    buffer_printf(to, "%s\n", has_colour ? "\033[0m" : "");
}

void object_diff(struct buffer *to, const Pointsman__V1__Change *change, const char *origin,
                 bool has_colour)
{
    const struct side old = {"---", change->before, NULL}, new = {"+++", change->after, origin};
    struct buffer before = BUFFER_EMPTY, after = BUFFER_EMPTY;
    uint64_t before_revision = write_document(&before, change->before);
    uint64_t after_revision = write_document(&after, change->after);
    append_title(to, change, &old, before_revision, has_colour);
    append_title(to, change, &new, after_revision, has_colour);
    text_diff(to, document_body(&before), document_body(&after), has_colour);
    buffer_clear(&before);
    buffer_clear(&after);
}
