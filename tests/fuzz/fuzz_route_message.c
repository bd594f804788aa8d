/* A route's bytes: unpacked, validated, built (broken when not valid), looked up, removed. The
 * input is one Route; its tail is used as a request as well, so that finding is fuzzed too, and
 * what filters make of what is found. */
#include "proto/message.h"
#include "proxy/routing/cors.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/route_table.h"
#include "proxy/routing/route_validate.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_HEADERS = 64 };

static uint32_t some_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    return port;
}

/* The request's own headers are what the service answers, too. */
static void ask(const struct filter_list *filters, const struct request_head *head,
                struct arena *arena)
{
    struct header headers[FUZZ_HEADERS];
    struct header_tag tags[FUZZ_HEADERS] = {0};
    struct header_list fields = {.headers = headers, .tags = tags, .capacity = FUZZ_HEADERS};
    for (size_t i = 0; i < head->header_count; i++)
        header_list_add(&fields, head->headers[i].name, head->headers[i].value,
                        header_name_id(head->headers[i].name));
    external_auth_head(filters, head, arena);
    const struct header_list told = external_auth_fields(filters->auth, &fields, arena);
    external_auth_take(filters->auth, &told, &fields, arena);
}

/* What the proxy does to a request by these filters. */
static void apply_filters(const struct filter_list *filters, const struct request_head *head)
{
    struct arena arena = {0};
    struct header edited[FUZZ_HEADERS], told[CORS_MAX_HEADERS];
    struct request_head rewritten = *head;
    if (filters == NULL)
        return;
    if (head->header_count + filters->request_headers.count <= FUZZ_HEADERS) {
        memcpy(edited, head->headers, head->header_count * sizeof(edited[0]));
        header_edits_apply(&filters->request_headers, edited, head->header_count, &arena);
    }
    url_rewrite_apply(&filters->rewrite, &rewritten, &arena);
    if (filters->redirect.status != 0)
        redirect_location(&filters->redirect, head, &arena);
    if (filters->auth != NULL)
        ask(filters, head, &arena);
    if (filters->cors != NULL)
        cors_preflight_headers(filters->cors, head, told, &arena);
    arena_clear(&arena);
}

/* Whatever is found must be a rule of the only route there is. */
static void look_up(const struct route_table *table, const struct route *route, struct slice host,
                    struct slice path)
{
    const struct header headers[] = {{SLICE("a"), host},
                                     {SLICE("A"), path},
                                     {SLICE("origin"), host},
                                     {SLICE("access-control-request-method"), path}};
    const struct request_head head = {
        .method = SLICE("GET"),
        .host = host,
        .path = path,
        .query = path,
        .has_query = true,
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
        .scheme = SLICE("http"),
    };
    const struct rule *rule = route_table_find(table, &head);
    if (rule == NULL)
        return;
    if (rule->route != route)
        abort();
    apply_filters(rule->policy->filters, &head);
    const struct session_policy *session = rule->policy->session;
    if (session != NULL && (session->name.length == 0 || session->path.at[0] != '/'))
        abort();
    for (size_t i = 0; i < rule->choice_count; i++)
        apply_filters(rule->choices[i].filters, &head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    ProtobufCMessage *unpacked =
        message_unpack(&pointsman__v1__route__descriptor, bytes, MESSAGE_MEMORY_DEFAULT,
                       UNKNOWN_FIELDS_REFUSED, NULL);
    if (unpacked == NULL)
        return 0;

    const RouteMessage *message = (const RouteMessage *)unpacked;
    bool is_valid = route_validate(message, NULL, NULL);
    struct route *route = route_new(message, bytes, !is_valid, some_backend, NULL);
    struct route_table_builder *builder = route_table_builder_new();
    route_table_builder_add(builder, route);
    struct route_table *table = route_table_builder_publish(builder, 1, 0);

    size_t tail = size < 32 ? size : 32;
    look_up(table, route, slice_of("a.example.com", 13), SLICE("/a/b"));
    look_up(table, route, slice_of(bytes.at + size - tail, tail / 2),
            slice_of(bytes.at + size - tail / 2, tail / 2));
    if (is_valid && message->n_hostnames > 0)
        look_up(table, route, slice_from_string(message->hostnames[0]), SLICE("/"));

    route_table_builder_remove(builder, route);
    route_table_release(&table);
    route_table_builder_collect(builder);
    if (route_table_builder_index_bytes(builder) != 0)
        abort();
    route_table_builder_free(builder);
    message_free(unpacked);
    return 0;
}
