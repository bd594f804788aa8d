#include "control/routectl/output_history.h"

#include "control/routectl/object_part.h"
#include "control/routectl/output_changes.h"
#include "control/routectl/table_lines.h"
#include "control/routectl/time_text.h"

#include <inttypes.h>
#include <pwd.h>

enum { CHANGES_NAMED = 2 }; /* in a line of the history */

/* --- parts of a commit ---------------------------------------------------------------------- */

/* A name where the system knows one. */
static void append_user(struct buffer *to, const Pointsman__V1__Author *author)
{
    if (author == NULL)
        return;
    const struct passwd *user = getpwuid(author->uid);
    if (user != NULL)
        buffer_append_string(to, user->pw_name);
    else
        buffer_printf(to, "%" PRIu32, author->uid);
}

static void append_author(struct buffer *to, const Pointsman__V1__Author *author)
{
    append_user(to, author);
    if (author != NULL)
        buffer_printf(to, " (uid %" PRIu32 ", gid %" PRIu32 ", pid %" PRIu32 "): %s", author->uid,
                      author->gid, author->pid, author->command);
}

static uint64_t change_count(const Pointsman__V1__Commit *commit)
{
    return (uint64_t)commit->created + commit->updated + commit->deleted;
}

/* "route api created, backend api created (+3)" */
static void append_changes(struct buffer *to, const Pointsman__V1__Commit *commit)
{
    uint64_t count = change_count(commit);
    size_t named = commit->n_changes < CHANGES_NAMED ? commit->n_changes : CHANGES_NAMED;
    for (size_t i = 0; i < named; i++) {
        buffer_append_string(to, i == 0 ? "" : ", ");
        append_change(to, commit->changes[i]);
    }
    if (count > named)
        buffer_printf(to, "%s(+%" PRIu64 ")", named == 0 ? "" : " ", count - named);
}

static void append_confirmation(struct buffer *to, const Pointsman__V1__Commit *commit)
{
    switch (commit->confirm_state) {
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING:
        buffer_append_string(to, "waits to be confirmed by ");
        append_time(to, commit->confirm_by_ms);
        return;
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED:
        buffer_append_string(to, "confirmed");
        return;
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED:
        buffer_append_string(to, "not confirmed, taken back");
        return;
    case POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_UNSPECIFIED:
    case _POINTSMAN__V1__CONFIRM_STATE_IS_INT_SIZE:
        return;
    }
}

static void append_undone(struct buffer *to, const Pointsman__V1__Commit *commit)
{
    if (commit->undoes_first == 0)
        return;
    buffer_printf(to, "%" PRIu64, commit->undoes_first);
    if (commit->undoes_last > commit->undoes_first)
        buffer_printf(to, " to %" PRIu64, commit->undoes_last);
}

/* Why, and, where it is not as others are, what became of it. */
static void append_message(struct buffer *to, const Pointsman__V1__Commit *commit)
{
    struct buffer note = BUFFER_EMPTY;
    if (commit->confirm_state != POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED)
        append_confirmation(&note, commit);
    buffer_append_string(to, commit->message);
    if (note.length > 0)
        buffer_printf(to, "%s[%s]", *commit->message == '\0' ? "" : " ", buffer_string(&note));
    buffer_clear(&note);
}

/* --- history -------------------------------------------------------------------------------- */

void output_history_show_commits(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    static const char *const narrow[] = {"REVISION", "MADE", "BY", "CHANGES", "MESSAGE", NULL};
    static const char *const wide[] = {"REVISION", "MADE",    "BY",      "UID",     "GID", "PID",
                                       "COMMAND",  "REQUEST", "CHANGES", "MESSAGE", NULL};
    const Pointsman__V1__ListCommitsResponse *list =
        (const Pointsman__V1__ListCommitsResponse *)answer;
    struct text_table table;
    struct buffer text = BUFFER_EMPTY;
    text_table_init(&table, sink->is_wide ? wide : narrow);
    for (size_t i = 0; i < list->n_commits; i++) {
        const Pointsman__V1__Commit *commit = list->commits[i];
        text_table_cell(&table, "%" PRIu64, commit->revision);
        append_time(&text, commit->made_ms);
        cell_from(&table, &text);
        append_user(&text, commit->author);
        cell_from(&table, &text);
        if (sink->is_wide) {
            static const Pointsman__V1__Author nobody = POINTSMAN__V1__AUTHOR__INIT;
            const Pointsman__V1__Author *author = commit->author == NULL ? &nobody : commit->author;
            text_table_cell(&table, "%" PRIu32, author->uid);
            text_table_cell(&table, "%" PRIu32, author->gid);
            text_table_cell(&table, "%" PRIu32, author->pid);
            text_table_cell(&table, "%s", author->command);
            text_table_cell(&table, "%s", commit->request_id);
        }
        append_changes(&text, commit);
        cell_from(&table, &text);
        append_message(&text, commit);
        cell_from(&table, &text);
    }
    print_table(sink, &table);
    buffer_clear(&text);
}

/* --- one commit ----------------------------------------------------------------------------- */

static void print_if_any(const struct output_sink *sink, const char *name, struct buffer *text)
{
    if (text->length > 0)
        print_line(sink, name, text);
}

void output_history_show_commit(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__Commit *commit = (const Pointsman__V1__Commit *)answer;
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%" PRIu64, commit->revision);
    print_line(sink, "revision", &text);
    append_time(&text, commit->made_ms);
    buffer_append_string(&text, ", ");
    append_age(&text, commit->made_ms);
    buffer_append_string(&text, " ago");
    print_line(sink, "made", &text);
    append_author(&text, commit->author);
    print_line(sink, "by", &text);
    buffer_append_string(&text, commit->message);
    print_line(sink, "message", &text);
    buffer_append_string(&text, commit->request_id);
    print_if_any(sink, "request", &text);
    append_undone(&text, commit);
    print_if_any(sink, "undoes", &text);
    append_confirmation(&text, commit);
    print_if_any(sink, "confirm", &text);
    buffer_printf(&text, "%" PRIu32 " created, %" PRIu32 " updated, %" PRIu32 " removed",
                  commit->created, commit->updated, commit->deleted);
    print_line(sink, "changes", &text);
    buffer_clear(&text);

    if (commit->n_changes > 0)
        fputc('\n', sink->to);
    print_differences(sink, commit->changes, commit->n_changes, NULL);
}

/* --- blame ---------------------------------------------------------------------------------- */

static const Pointsman__V1__Commit *find_commit(const Pointsman__V1__BlameResponse *blame,
                                                uint64_t revision)
{
    for (size_t i = 0; i < blame->n_commits; i++) {
        if (blame->commits[i]->revision == revision)
            return blame->commits[i];
    }
    return NULL;
}

static void add_blamed_commit(struct text_table *table, const Pointsman__V1__Commit *commit)
{
    struct buffer text = BUFFER_EMPTY;
    if (commit != NULL)
        append_time(&text, commit->made_ms);
    cell_from(table, &text);
    if (commit != NULL)
        append_user(&text, commit->author);
    cell_from(table, &text);
    if (commit != NULL)
        append_message(&text, commit);
    cell_from(table, &text);
    buffer_clear(&text);
}

void output_history_show_blame(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    static const char *const headings[] = {"REVISION", "MADE",  "BY", "MESSAGE",
                                           "PART",     "VALUE", NULL};
    const Pointsman__V1__BlameResponse *blame = (const Pointsman__V1__BlameResponse *)answer;
    struct text_table table;
    struct buffer text = BUFFER_EMPTY;
    text_table_init(&table, headings);
    for (size_t i = 0; i < blame->n_parts; i++) {
        const Pointsman__V1__BlamedPart *part = blame->parts[i];
        if (part->revision == 0)
            text_table_cell(&table, "%s", "older");
        else
            text_table_cell(&table, "%" PRIu64, part->revision);
        add_blamed_commit(&table, find_commit(blame, part->revision));
        text_table_cell(&table, "%s", part->field);
        append_object_part(&text, blame->object, part->field);
        cell_from(&table, &text);
    }
    print_table(sink, &table);
    buffer_clear(&text);
}

/* --- as it happens -------------------------------------------------------------------------- */

void output_history_show_event(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__WatchCommitsResponse *event =
        (const Pointsman__V1__WatchCommitsResponse *)answer;
    const Pointsman__V1__Commit *commit = event->commit;
    struct buffer line = BUFFER_EMPTY, printable = BUFFER_EMPTY;
    for (size_t i = 0; commit != NULL && i < event->n_changes; i++) {
        buffer_printf(&line, "%" PRIu64 "  ", commit->revision);
        append_time(&line, commit->made_ms);
        buffer_append_string(&line, "  ");
        append_user(&line, commit->author);
        buffer_append_string(&line, "  ");
        append_change(&line, event->changes[i]);
        if (*commit->message != '\0')
            buffer_printf(&line, "  (%s)", commit->message);
        append_printable(&printable, buffer_string(&line));
        fprintf(sink->to, "%s\n", buffer_string(&printable));
        buffer_reset(&line);
        buffer_reset(&printable);
    }
    print_differences(sink, event->changes, event->n_changes, NULL);
    buffer_clear(&line);
    buffer_clear(&printable);
}
