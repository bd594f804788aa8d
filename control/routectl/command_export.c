#include "control/routectl/command.h"
#include "control/routectl/document_json.h"
#include "control/routectl/documents.h"
#include "control/routectl/moment.h"
#include "control/routectl/object_list.h"
#include "control/routectl/route_places.h"
#include "control/routectl/say.h"
#include "proto/route_id.h"

#include <stdlib.h>
#include <string.h>

static struct option_list selector;

static const struct option options[] = {
    {"selector", OPTION_LIST, &selector, "KEY=VALUE",
     "Only what has this label; with all of them."},
    {0},
};

/* --- printing --------------------------------------------------------------------------------- */

/* The document at hand, and in JSON the list around all of them. */
struct printer {
    FILE *to;
    bool is_json;
    struct buffer document;
    struct json_writer json;
};

static void print(struct printer *printer, struct buffer *text)
{
    fwrite(text->at, 1, text->length, printer->to);
    buffer_reset(text);
}

static void print_document(struct printer *printer)
{
    if (!printer->is_json) {
        print(printer, &printer->document);
        return;
    }
    document_json_write(&printer->json, buffer_slice(&printer->document));
    buffer_reset(&printer->document);
    print(printer, &printer->json.text);
}

static void print_routes(struct printer *printer, const struct object_list *list)
{
    size_t count = list->routes.n_routes;
    struct placed_route *routes = memory_allocate_zeroed(count, sizeof(*routes));
    for (size_t i = 0; i < count; i++)
        routes[i].route = list->routes.routes[i];
    route_places_find(routes, count);
    for (size_t i = 0; i < count; i++) {
        documents_write_route_in_order(&printer->document, routes[i].route, routes[i].order);
        print_document(printer);
    }
    free(routes);
}

/* Documents one after the other; in JSON one list, for that is what programs take apart. */
static void print_all(const struct session *session, const struct object_list *list)
{
    struct printer printer = {.to = session->sink.to, .is_json = session->output == &output_json};
    if (printer.is_json) {
        json_writer_begin_object(&printer.json, NULL);
        json_writer_string(&printer.json, "apiVersion", "v1");
        json_writer_string(&printer.json, "kind", "List");
        json_writer_begin_list(&printer.json, "items");
    }
    print_routes(&printer, list);
    for (size_t i = 0; i < list->backends.n_backends; i++) {
        documents_write_backend(&printer.document, list->backends.backends[i]);
        print_document(&printer);
    }
    if (printer.is_json) {
        json_writer_end_list(&printer.json);
        json_writer_end_object(&printer.json);
        print(&printer, &printer.json.text);
    }
    buffer_clear(&printer.document);
    json_writer_clear(&printer.json);
}

/* --- what is exported ------------------------------------------------------------------------- */

/* Routes of both kinds may have its name. */
static bool has_backend(const struct object_list *list, const char *name)
{
    for (size_t i = 0; i < list->backends.n_backends; i++) {
        if (strcmp(list->backends.backends[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* The route and the backend of a name; one of them may be missing. */
static enum exit_code read_named(struct object_list *list, struct session *session,
                                 const char *name)
{
    enum exit_code code;
    RouteMessage *route = object_find_route(session, name, &list->at, &code);
    if (route != NULL) {
        ARENA_APPEND(&list->arena, list->pages, list->page_count, &route->base);
        ARENA_APPEND(&list->arena, list->routes.routes, list->routes.n_routes, route);
    }
    if (code != EXIT_OK)
        return code;

    const char *own_name = route_id_name_text(name);
    if (has_backend(list, own_name))
        return EXIT_OK;
    BackendMessage *backend = object_find_backend(session, own_name, &list->at, &code);
    if (backend != NULL) {
        ARENA_APPEND(&list->arena, list->pages, list->page_count, &backend->base);
        ARENA_APPEND(&list->arena, list->backends.backends, list->backends.n_backends, backend);
    }
    if (code == EXIT_OK && route == NULL && backend == NULL) {
        object_say_missing(session, name, &list->at);
        return EXIT_NOT_FOUND;
    }
    return code;
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    if (operands->count > 0 && selector.count > 0) {
        say("export: either names or --selector");
        return EXIT_USAGE;
    }

    struct object_list list;
    enum exit_code code = object_list_init(&list, "export", &selector);
    if (code == EXIT_OK && operands->count == 0)
        code = object_list_read_all(&list, session);
    for (size_t i = 0; i < operands->count && code == EXIT_OK; i++)
        code = read_named(&list, session, operands->items[i]);
    if (code == EXIT_OK)
        print_all(session, &list);
    object_list_clear(&list);
    return code;
}

const struct command command_export = {
    .name = "export",
    .kind = COMMAND_FILES,
    .operands = "[NAME]...",
    .summary = "Print routes and backends as documents for 'apply'",
    .details = "Without a name, all there are. A name stands for the route and the backend that\n"
               "have it, GRPCRoute/NAME for a GRPCRoute and that backend. 'apply' makes the same\n"
               "objects of the documents, here or elsewhere. An annotation keeps older routes in\n"
               "front of younger ones where names would not. The documents are YAML; with -o json\n"
               "they are one list of kind List.",
    .example = "  routectl export > all.yaml\n"
               "  routectl export api users\n"
               "  routectl export --selector team=accounts\n"
               "  routectl export users --at 41 | routectl apply -f -\n"
               "      As they were at that revision.",
    .max_operands = SIZE_MAX,
    .groups = {{"Options", options}, {"When", moment_options}},
    .run = run,
};
