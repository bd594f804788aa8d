#include "control/routectl/object_list.h"

#include "control/routectl/moment.h"
#include "control/routectl/say.h"
#include "proto/message.h"
#include "proto/route_id.h"
#include "proxy/routing/route_validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code object_list_init(struct object_list *list, const char *verb,
                                const struct option_list *selector)
{
    struct error err = {0};
    *list = (struct object_list){
        .routes = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT,
        .backends = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT,
    };
    if (flag_labels("--selector", selector, &list->arena, &list->selector, &list->selector_count,
                    &err))
        return moment_read(verb, &list->at);
    say("%s: %s", verb, err.message);
    return EXIT_USAGE;
}

void object_list_clear(struct object_list *list)
{
    for (size_t i = 0; i < list->page_count; i++)
        message_free(list->pages[i]);
    arena_clear(&list->arena);
}

/* The next page, kept; NULL with *code set when there was none. */
static ProtobufCMessage *read_page(struct object_list *list, struct session *session,
                                   const char *path, const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response, enum exit_code *code)
{
    ProtobufCMessage *page =
        session_call(session, path, request, response, session_options.timeout_ms, NULL, code);
    if (page != NULL)
        ARENA_APPEND(&list->arena, list->pages, list->page_count, page);
    return page;
}

enum exit_code object_list_read_routes(struct object_list *list, struct session *session)
{
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    Pointsman__V1__ListRoutesResponse *all = &list->routes;
    enum exit_code code = EXIT_OK;
    request.selector = list->selector;
    request.n_selector = list->selector_count;
    request.at_revision = list->at.revision;
    request.at_time_ms = list->at.time_ms;
    do {
        Pointsman__V1__ListRoutesResponse *page = (Pointsman__V1__ListRoutesResponse *)read_page(
            list, session, "/pointsman.v1.RouteControl/ListRoutes", &request.base,
            &pointsman__v1__list_routes_response__descriptor, &code);
        if (page == NULL)
            return code;
        for (size_t i = 0; i < page->n_routes; i++)
            ARENA_APPEND(&list->arena, all->routes, all->n_routes, page->routes[i]);
        all->revision = page->revision;
        request.page_token = page->next_page_token;
    } while (*request.page_token != '\0');
    return EXIT_OK;
}

enum exit_code object_list_read_backends(struct object_list *list, struct session *session)
{
    Pointsman__V1__ListBackendsRequest request = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    Pointsman__V1__ListBackendsResponse *all = &list->backends;
    enum exit_code code = EXIT_OK;
    request.selector = list->selector;
    request.n_selector = list->selector_count;
    request.at_revision = list->at.revision;
    request.at_time_ms = list->at.time_ms;
    do {
        Pointsman__V1__ListBackendsResponse *page =
            (Pointsman__V1__ListBackendsResponse *)read_page(
                list, session, "/pointsman.v1.RouteControl/ListBackends", &request.base,
                &pointsman__v1__list_backends_response__descriptor, &code);
        if (page == NULL)
            return code;
        for (size_t i = 0; i < page->n_backends; i++)
            ARENA_APPEND(&list->arena, all->backends, all->n_backends, page->backends[i]);
        all->revision = page->revision;
        request.page_token = page->next_page_token;
    } while (*request.page_token != '\0');
    return EXIT_OK;
}

enum exit_code object_list_read_all(struct object_list *list, struct session *session)
{
    enum exit_code code = object_list_read_routes(list, session);
    if (code != EXIT_OK)
        return code;
    list->at = (struct flag_moment){.revision = list->routes.revision};
    return object_list_read_backends(list, session);
}

/* --- one object ------------------------------------------------------------------------------- */

RouteMessage *object_find_route(struct session *session, const char *name,
                                const struct flag_moment *at, enum exit_code *code)
{
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    request.name = memory_duplicate_string(name);
    request.at_revision = at == NULL ? 0 : at->revision;
    request.at_time_ms = at == NULL ? 0 : at->time_ms;
    ProtobufCMessage *route = session_find(session, "/pointsman.v1.RouteControl/GetRoute",
                                           &request.base, &pointsman__v1__route__descriptor, code);
    free(request.name);
    return (RouteMessage *)route;
}

BackendMessage *object_find_backend(struct session *session, const char *name,
                                    const struct flag_moment *at, enum exit_code *code)
{
    Pointsman__V1__GetBackendRequest request = POINTSMAN__V1__GET_BACKEND_REQUEST__INIT;
    request.name = memory_duplicate_string(name);
    request.at_revision = at == NULL ? 0 : at->revision;
    request.at_time_ms = at == NULL ? 0 : at->time_ms;
    ProtobufCMessage *backend =
        session_find(session, "/pointsman.v1.RouteControl/GetBackend", &request.base,
                     &pointsman__v1__backend__descriptor, code);
    free(request.name);
    return (BackendMessage *)backend;
}

void object_say_missing(struct session *session, const char *name, const struct flag_moment *at)
{
    char other[OBJECT_NAME_BYTES];
    RouteMessage *route = NULL;
    enum exit_code code;
    snprintf(other, sizeof(other), "%s%s",
             route_id_start(POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC), name);
    if (route_id_kind(slice_from_string(name)) != POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC)
        route = object_find_route(session, other, at, &code);
    if (route == NULL)
        say("there is no route and no backend '%s'", name);
    else
        say("there is no route and no backend '%s'; there is '%s'", name, other);
    message_free((ProtobufCMessage *)route);
}
