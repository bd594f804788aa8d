#include "control/routectl/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"

#include <string.h>

/* Both lists come in pages. The pages are kept until all are there, then shown as one. */

static struct option_list selector;

static const struct option options[] = {
    {"selector", OPTION_LIST, &selector, "KEY=VALUE",
     "Only those with this label; with all of them."},
    {0},
};

/* What the pages of one list share. */
struct pages {
    struct arena arena;
    ProtobufCMessage **items;
    size_t count;
    uint64_t revision;
    bool has_changed;
};

/* The next page, kept; NULL with *code set when there was none. */
static ProtobufCMessage *pages_call(struct pages *pages, struct session *session, const char *path,
                                    const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *response,
                                    enum exit_code *code)
{
    ProtobufCMessage *page =
        session_call(session, path, request, response, session_options.timeout_ms, NULL, code);
    if (page != NULL)
        ARENA_APPEND(&pages->arena, pages->items, pages->count, page);
    return page;
}

static void pages_note_revision(struct pages *pages, uint64_t revision)
{
    if (pages->revision != 0 && revision != pages->revision)
        pages->has_changed = true;
    pages->revision = revision;
}

static void pages_clear(struct pages *pages)
{
    for (size_t i = 0; i < pages->count; i++)
        message_free(pages->items[i]);
    arena_clear(&pages->arena);
}

static bool read_selector(struct pages *pages, LabelMessage ***labels, size_t *label_count)
{
    struct error err = {0};
    if (flag_labels("--selector", &selector, &pages->arena, labels, label_count, &err))
        return true;
    say("list: %s", err.message);
    return false;
}

static void note_change(const struct pages *pages)
{
    if (pages->has_changed)
        say("note: something was changed while the list was read");
}

/* --- routes --------------------------------------------------------------------------------- */

static enum exit_code run_list_routes(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct pages pages = {0};
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    Pointsman__V1__ListRoutesResponse all = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    enum exit_code code = EXIT_OK;
    if (!read_selector(&pages, &request.selector, &request.n_selector)) {
        pages_clear(&pages);
        return EXIT_USAGE;
    }

    do {
        Pointsman__V1__ListRoutesResponse *page = (Pointsman__V1__ListRoutesResponse *)pages_call(
            &pages, session, "/pointsman.v1.RouteControl/ListRoutes", &request.base,
            &pointsman__v1__list_routes_response__descriptor, &code);
        if (page == NULL)
            break;
        for (size_t i = 0; i < page->n_routes; i++)
            ARENA_APPEND(&pages.arena, all.routes, all.n_routes, page->routes[i]);
        pages_note_revision(&pages, page->revision);
        request.page_token = page->next_page_token;
    } while (*request.page_token != '\0');

    if (code == EXIT_OK) {
        all.revision = pages.revision;
        session->output->show_routes(&session->sink, &all);
        note_change(&pages);
    }
    pages_clear(&pages);
    return code;
}

const struct command command_list = {
    .name = "list",
    .operands = "",
    .summary = "List routes",
    .details =
        "MATCH shows the first rule: method, path, then headers and ?parameters. /users/* is a\n"
        "prefix, /users exactly this path, ~... a regular expression. -o wide shows more columns.",
    .example = "  routectl list\n"
               "  routectl list --selector team=accounts -o wide\n"
               "  routectl list -o json | jq -r '.routes[].name'",
    .groups = {{"Options", options}},
    .run = run_list_routes,
};

/* --- backends ------------------------------------------------------------------------------- */

static enum exit_code run_list_backends(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct pages pages = {0};
    Pointsman__V1__ListBackendsRequest request = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    Pointsman__V1__ListBackendsResponse all = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    enum exit_code code = EXIT_OK;
    if (!read_selector(&pages, &request.selector, &request.n_selector)) {
        pages_clear(&pages);
        return EXIT_USAGE;
    }

    do {
        Pointsman__V1__ListBackendsResponse *page =
            (Pointsman__V1__ListBackendsResponse *)pages_call(
                &pages, session, "/pointsman.v1.RouteControl/ListBackends", &request.base,
                &pointsman__v1__list_backends_response__descriptor, &code);
        if (page == NULL)
            break;
        for (size_t i = 0; i < page->n_backends; i++)
            ARENA_APPEND(&pages.arena, all.backends, all.n_backends, page->backends[i]);
        pages_note_revision(&pages, page->revision);
        request.page_token = page->next_page_token;
    } while (*request.page_token != '\0');

    if (code == EXIT_OK) {
        all.revision = pages.revision;
        session->output->show_backends(&session->sink, &all);
        note_change(&pages);
    }
    pages_clear(&pages);
    return code;
}

const struct command command_backend_list = {
    .name = "backend list",
    .operands = "",
    .summary = "List backends",
    .details = "-o wide shows more columns.",
    .example = "  routectl backend list\n"
               "  routectl backend list --selector team=accounts -o json",
    .groups = {{"Options", options}},
    .run = run_list_backends,
};
