#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/document_files.h"
#include "control/routectl/object_list.h"
#include "control/routectl/prune.h"
#include "control/routectl/text_diff.h"

#include <inttypes.h>
#include <string.h>

/* The daemon says which objects the files would change: it is asked to apply them as a dry run,
 * so that what it would refuse or warn of is told here as well. */

/* One side of an object's difference. */
struct side {
    struct buffer text;  /* its document; empty when it is not there */
    struct buffer title; /* what stands behind "---" or "+++" */
};

static void side_clear(struct side *side)
{
    buffer_clear(&side->text);
    buffer_clear(&side->title);
}

static enum exit_code load_live_route(struct session *session, const char *name, struct side *side)
{
    enum exit_code code;
    RouteMessage *route = object_find_route(session, name, &code);
    if (route == NULL)
        return code;
    buffer_printf(&side->title, "HTTPRoute %s (revision %" PRIu64 ")", name, route->revision);
    documents_write_route(&side->text, route);
    message_free(&route->base);
    return EXIT_OK;
}

static enum exit_code load_live_backend(struct session *session, const char *name,
                                        struct side *side)
{
    enum exit_code code;
    BackendMessage *backend = object_find_backend(session, name, &code);
    if (backend == NULL)
        return code;
    buffer_printf(&side->title, "Backend %s (revision %" PRIu64 ")", name, backend->revision);
    documents_write_backend(&side->text, backend);
    message_free(&backend->base);
    return EXIT_OK;
}

static void write_wanted(const struct draft *draft, const Pointsman__V1__Change *change,
                         struct side *side)
{
    const MutationMessage *mutation = draft_find(draft, change->kind, change->name);
    if (mutation == NULL)
        return;
    bool is_route = change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    const char *place = draft_find_object_origin(draft, change->kind, change->name, "name");
    buffer_printf(&side->title, "%s %s (%.*s)", is_route ? "HTTPRoute" : "Backend", change->name,
                  place == NULL ? 0 : (int)strcspn(place, " ") - 1, place);
    if (is_route)
        documents_write_route(&side->text, mutation->put_route);
    else
        documents_write_backend(&side->text, mutation->put_backend);
}

static void append_title(struct buffer *to, const char *mark, struct side *side, bool has_colour)
{
    const char *title = side->title.length == 0 ? "/dev/null" : buffer_string(&side->title);
    buffer_printf(to, "%s%s %s%s\n", has_colour ? "\033[1m" : "", mark, title,
                  has_colour ? "\033[0m" : "");
}

/* A document without the line that begins it, which in a diff would look like a title. */
static struct slice document_body(const struct side *side)
{
    static const struct slice start = SLICE("---\n");
    struct slice text = buffer_slice(&side->text);
    if (slice_has_prefix(text, start))
        text = slice_of(text.at + start.length, text.length - start.length);
    return text;
}

static enum exit_code show_difference(struct session *session, const struct draft *draft,
                                      const Pointsman__V1__Change *change)
{
    struct side live = {.text = BUFFER_EMPTY}, wanted = {.text = BUFFER_EMPTY};
    struct buffer text = BUFFER_EMPTY;
    enum exit_code code = change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
                              ? load_live_route(session, change->name, &live)
                              : load_live_backend(session, change->name, &live);
    if (code == EXIT_OK) {
        write_wanted(draft, change, &wanted);
        append_title(&text, "---", &live, session->sink.has_colour);
        append_title(&text, "+++", &wanted, session->sink.has_colour);
        text_diff(&text, document_body(&live), document_body(&wanted), session->sink.has_colour);
        fwrite(text.at, 1, text.length, session->sink.to);
    }
    side_clear(&live);
    side_clear(&wanted);
    buffer_clear(&text);
    return code;
}

/* EXIT_FAILED when anything differs. */
static enum exit_code show_differences(struct session *session, struct draft *draft)
{
    enum exit_code code = EXIT_OK;
    bool is_same = true;
    Pointsman__V1__ApplyResponse *response = change_try(session, draft, &code);
    for (size_t i = 0; response != NULL && i < response->n_changes && code == EXIT_OK; i++) {
        if (response->changes[i]->change == POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED)
            continue;
        is_same = false;
        code = show_difference(session, draft, response->changes[i]);
    }
    message_free((ProtobufCMessage *)response);
    /* 1 says that something differs, and nothing else. */
    if (code == EXIT_FAILED)
        return EXIT_USAGE;
    return code == EXIT_OK && !is_same ? EXIT_FAILED : code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct draft draft;
    draft_init(&draft);
    enum exit_code code = document_files_read("diff", &draft);
    if (code == EXIT_OK)
        code = prune_add(session, "diff", &draft);
    if (code == EXIT_FAILED)
        code = EXIT_USAGE;
    else if (code == EXIT_OK)
        code = show_differences(session, &draft);
    draft_clear(&draft);
    return code;
}

const struct command command_diff = {
    .name = "diff",
    .operands = "-f FILE",
    .summary = "Show what 'apply' would change",
    .details = "Takes the same files as 'apply', and tells the same errors and warnings. Exits\n"
               "with 0 when nothing would change, 1 when something would, 2 or more on error.",
    .example = "  routectl diff -f routes/\n"
               "  routectl diff -f routes/ --prune --selector team=accounts",
    .groups = {{"Documents", document_file_options}, {"Removing what is left", prune_options}},
    .run = run,
};
