#include "tests/unit/proxy/fake_grpc_client.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_MAX = 8 };

struct grpc_client {
    struct event_loop *loop;
    struct event_timer script_timer;
    void (*on_closed)(void *context);
    void *context;
};

static struct {
    bool refuses;
    struct grpc_client *client;
    ProtobufCMessage *watch;
    ProtobufCMessage *report;
    struct grpc_client_call_handlers watch_handlers;
    struct grpc_client_call_handlers report_handlers;
    size_t report_count;
    struct buffer script[SCRIPT_MAX];
    size_t script_count;
    bool script_ends;
} fake;

/* --- what the session calls ----------------------------------------------------------------- */

struct grpc_client *grpc_client_open(struct event_loop *loop, const char *socket_path,
                                     void (*on_closed)(void *context), void *context,
                                     struct error *err)
{
    if (fake.refuses) {
        error_set(err, ERROR_UNAVAILABLE, "nobody listens on %s", socket_path);
        return NULL;
    }
    assert(fake.client == NULL);
    fake.client = memory_allocate_zeroed(1, sizeof(*fake.client));
    fake.client->loop = loop;
    fake.client->on_closed = on_closed;
    fake.client->context = context;
    return fake.client;
}

/* Keeps a copy of the request. */
static void keep(ProtobufCMessage **kept, const ProtobufCMessage *request)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(request, &bytes);
    message_free(*kept);
    *kept = message_unpack(request->descriptor, buffer_slice(&bytes), MESSAGE_MEMORY_DEFAULT,
                           UNKNOWN_FIELDS_REFUSED, NULL);
    assert(*kept != NULL);
    buffer_clear(&bytes);
}

static void play_script(struct event_timer *timer)
{
    (void)timer;
    for (size_t i = 0; i < fake.script_count; i++)
        fake_grpc_say_bytes(buffer_slice(&fake.script[i]));
    if (fake.script_ends)
        fake_grpc_end_watch(GRPC_UNAVAILABLE, "the script ends");
}

void grpc_client_start(struct grpc_client *client, const char *path,
                       const ProtobufCMessage *request, size_t max_message_bytes,
                       uint64_t timeout_ms, const struct grpc_client_call_handlers *handlers)
{
    (void)max_message_bytes;
    (void)timeout_ms;
    assert(client == fake.client);
    if (strcmp(path, "/pointsman.v1.RouteFeed/Watch") == 0) {
        keep(&fake.watch, request);
        fake.watch_handlers = *handlers;
        if (fake.script_count > 0)
            event_timer_start(&client->script_timer, client->loop, 0, play_script, NULL);
    } else {
        assert(strcmp(path, "/pointsman.v1.RouteFeed/Report") == 0);
        keep(&fake.report, request);
        fake.report_handlers = *handlers;
        fake.report_count++;
    }
}

void grpc_client_free(struct grpc_client *client)
{
    assert(client == fake.client);
    event_timer_stop(&client->script_timer);
    free(client);
    fake.client = NULL;
}

/* --- what the test does --------------------------------------------------------------------- */

void fake_grpc_reset(void)
{
    message_free(fake.watch);
    message_free(fake.report);
    assert(fake.client == NULL);
    for (size_t i = 0; i < fake.script_count; i++)
        buffer_clear(&fake.script[i]);
    memset(&fake, 0, sizeof(fake));
}

void fake_grpc_refuse(void)
{
    fake.refuses = true;
}

void fake_grpc_script(const Pointsman__V1__WatchResponse *response)
{
    assert(fake.script_count < SCRIPT_MAX);
    message_pack(&response->base, &fake.script[fake.script_count++]);
}

void fake_grpc_script_end(void)
{
    fake.script_ends = true;
}

bool fake_grpc_is_open(void)
{
    return fake.client != NULL;
}

const Pointsman__V1__WatchRequest *fake_grpc_watch(void)
{
    return (const Pointsman__V1__WatchRequest *)fake.watch;
}

const Pointsman__V1__ReportRequest *fake_grpc_report(void)
{
    return (const Pointsman__V1__ReportRequest *)fake.report;
}

size_t fake_grpc_report_count(void)
{
    return fake.report_count;
}

void fake_grpc_say(const Pointsman__V1__WatchResponse *response)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(&response->base, &bytes);
    fake_grpc_say_bytes(buffer_slice(&bytes));
    buffer_clear(&bytes);
}

void fake_grpc_say_bytes(struct slice bytes)
{
    fake.watch_handlers.on_message(fake.watch_handlers.context, bytes);
}

static void end(const struct grpc_client_call_handlers *handlers, enum grpc_status status,
                const char *message)
{
    struct grpc_result result = {.status = status};
    snprintf(result.message, sizeof(result.message), "%s", message);
    handlers->on_end(handlers->context, &result);
}

void fake_grpc_end_watch(enum grpc_status status, const char *message)
{
    end(&fake.watch_handlers, status, message);
}

void fake_grpc_end_report(enum grpc_status status, const char *message)
{
    end(&fake.report_handlers, status, message);
}

void fake_grpc_close(void)
{
    fake.client->on_closed(fake.client->context);
}
