#include "control/routectl/output_changes.h"

#include "control/routectl/object_diff.h"
#include "control/routectl/object_text.h"
#include "control/routectl/text_table.h"

static const char *change_name(Pointsman__V1__ChangeKind change)
{
    switch (change) {
    case POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED:
        return "created";
    case POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED:
        return "updated";
    case POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED:
        return "removed";
    case POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED:
        return "unchanged";
    case POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED:
    case _POINTSMAN__V1__CHANGE_KIND_IS_INT_SIZE:
        break;
    }
    return "changed";
}

void append_change(struct buffer *to, const Pointsman__V1__Change *change)
{
    buffer_printf(to, "%s ", object_kind_word(change->kind));
    append_printable(to, change->name);
    buffer_printf(to, " %s", change_name(change->change));
}

void print_differences(const struct output_sink *sink, Pointsman__V1__Change *const *changes,
                       size_t count, const char *const *origins)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (changes[i]->before == NULL && changes[i]->after == NULL)
            continue;
        object_diff(&text, changes[i], origins == NULL ? NULL : origins[i], sink->has_colour);
        fwrite(text.at, 1, text.length, sink->to);
        buffer_reset(&text);
    }
    buffer_clear(&text);
}

void output_changes_show(const struct output_sink *sink, const struct change_result *result)
{
    const Pointsman__V1__ApplyResponse *response = result->response;
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < response->n_changes; i++) {
        append_change(&text, response->changes[i]);
        buffer_append_string(&text, result->is_dry_run ? " (dry run)\n" : "\n");
    }
    if (text.length > 0)
        fwrite(text.at, 1, text.length, sink->to);
    buffer_clear(&text);
    print_differences(sink, response->changes, response->n_changes, NULL);
}

void output_changes_show_difference(const struct output_sink *sink,
                                    const struct difference *difference)
{
    print_differences(sink, difference->diff->changes, difference->diff->n_changes,
                      difference->origins);
}
