#include "tests/unit/proto/core_world.h"

#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_call(void *context, struct grpc_stream *stream, struct slice path,
                    uint64_t timeout_ms)
{
    struct world *world = context;
    snprintf(world->path, sizeof(world->path), "%.*s", (int)path.length, path.at);
    world->timeout_ms = timeout_ms;
    world->calls++;
    if (strcmp(world->path, "/refused") == 0) {
        grpc_stream_finish(stream, GRPC_NOT_FOUND, SLICE("50 % là\n"), SLICE(""));
        return;
    }
    if (strcmp(world->path, "/long-winded") == 0) {
        static char text[3000];
        static char details[3000];
        memset(text, '!', sizeof(text));
        grpc_stream_finish(stream, GRPC_ABORTED, slice_of(text, sizeof(text)),
                           slice_of(details, sizeof(details)));
        return;
    }
    if (strcmp(world->path, "/too-long-winded") == 0) {
        static char details[6000];
        grpc_stream_finish(stream, GRPC_ABORTED, SLICE("short \xc3"),
                           slice_of(details, sizeof(details)));
        return;
    }
    world->open++;
    world->friend = strcmp(world->path, "/friends") == 0 ? stream : NULL;
    grpc_stream_set_user(stream, world);
    grpc_stream_set_max_message(stream, strcmp(world->path, "/large") == 0 ? 4 << 20 : 1000);
}

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    struct world *world = context;
    world->messages++;
    world->last_message_bytes = bytes.length;
    if (strcmp(world->path, "/early") == 0) {
        world->open--;
        grpc_stream_finish(stream, GRPC_ABORTED, SLICE("early"), SLICE(""));
    }
}

static void on_half_close(void *context, struct grpc_stream *stream)
{
    struct world *world = context;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    if (strcmp(world->path, "/never") == 0)
        return;
    if (strcmp(world->path, "/endless") == 0 || strcmp(world->path, "/stutter") == 0) {
        grpc_stream_start_pull(stream);
        return;
    }
    world->open--;
    grpc_stream_send(stream, &label.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""), SLICE(""));
}

static enum grpc_pull on_pull(void *context, struct grpc_stream *stream, struct buffer *to)
{
    struct world *world = context;
    world->pulled++;
    if (strcmp(world->path, "/stutter") == 0) {
        if (world->pulled == 1) {
            grpc_stream_resume(stream);
            return GRPC_PULL_WAIT;
        }
        if (world->pulled == 3) {
            world->open--;
            return GRPC_PULL_END;
        }
    }
    memset(buffer_reserve(to, 1000), 'a', 1000);
    buffer_extend(to, 1000);
    return GRPC_PULL_MESSAGE;
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    struct world *world = context;
    struct grpc_stream *friend = world->friend;
    assert_int_not_equal(result->status, GRPC_OK);
    world->open--;
    world->friend = NULL;
    if (friend != NULL && friend != stream) {
        world->open--;
        grpc_stream_finish(friend, GRPC_ABORTED, SLICE("without you"), SLICE(""));
    }
}

int core_world_set_up(void **state)
{
    struct world *world = memory_allocate_zeroed(1, sizeof(*world));
    const struct grpc_core_handlers handlers = {
        .context = world,
        .on_call = on_call,
        .on_message = on_message,
        .on_half_close = on_half_close,
        .on_pull = on_pull,
        .on_close = on_close,
    };
    world->client = raw_client_new(&handlers);
    assert_true(raw_client_run(world->client, true));
    *state = world;
    return 0;
}

int core_world_tear_down(void **state)
{
    struct world *world = *state;
    raw_client_free(world->client);
    assert_int_equal(world->open, 0); /* every call that began has ended */
    free(world);
    return 0;
}

const char *core_world_call(struct world *world, const struct raw_header *headers)
{
    int stream = raw_client_request(world->client, headers, false);
    raw_client_data(world->client, stream, MESSAGE, true);
    assert_true(raw_client_run(world->client, true));
    return raw_client_story(world->client, stream);
}
