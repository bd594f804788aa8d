/* A route's bytes: unpacked, validated, built (broken when not valid), looked up, removed. The
 * input is one Route; its tail is used as a request as well, so that finding is fuzzed too. */
#include "proto/message.h"
#include "proxy/routing/route_table.h"
#include "proxy/routing/route_validate.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static uint32_t some_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    return port;
}

/* Whatever is found must be a rule of the only route there is. */
static void look_up(const struct route_table *table, const struct route *route, struct slice host,
                    struct slice path)
{
    const struct header headers[] = {{SLICE("a"), host}, {SLICE("A"), path}, {SLICE("b"), host}};
    const struct request_head head = {
        .method = SLICE("GET"),
        .host = host,
        .path = path,
        .query = path,
        .has_query = true,
        .headers = headers,
        .header_count = 3,
    };
    const struct rule *rule = route_table_find(table, &head);
    if (rule != NULL && rule->route != route)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of((const char *)data, size);
    ProtobufCMessage *unpacked = message_unpack(&pointsman__v1__route__descriptor, bytes,
                                                MESSAGE_MEMORY_DEFAULT, true, NULL);
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
