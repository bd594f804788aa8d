#include "control/commit_stream.h"

#include "control/change_feed.h"
#include "control/change_message.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS_MAX = 256, MESSAGE_BYTES_MAX = 256 * 1024, MESSAGE_CHANGES_MAX = 1000 };

struct commit_streams {
    struct store *store;
    struct change_feed *feed;
    size_t count;
};

struct commit_stream {
    struct commit_streams *streams;
    struct grpc_call *call;
    struct change_listener listener;
    enum store_detail detail;
    bool is_greeted;
    uint64_t revision; /* commits up to here have been told */
    uint64_t sequence; /* and of the next commit up to here; 0: nothing */
};

struct commit_streams *commit_streams_new(struct store *store, struct change_feed *feed)
{
    struct commit_streams *streams = memory_allocate_zeroed(1, sizeof(*streams));
    streams->store = store;
    streams->feed = feed;
    return streams;
}

void commit_streams_free(struct commit_streams *streams)
{
    assert(streams == NULL || streams->count == 0);
    free(streams);
}

static void stream_free(struct commit_stream *stream)
{
    change_feed_remove(stream->streams->feed, &stream->listener);
    stream->streams->count--;
    free(stream);
}

static void on_call_end(void *context)
{
    stream_free(context);
}

/* --- messages ------------------------------------------------------------------------------- */

struct message {
    struct commit_stream *stream;
    Pointsman__V1__WatchCommitsResponse *response;
    uint64_t sequence;
    size_t bytes;
    bool is_full;
    bool has_failed;
    struct error *err;
};

static bool take_change(void *context, const struct store_change *change)
{
    struct message *message = context;
    Pointsman__V1__WatchCommitsResponse *response = message->response;
    size_t bytes = change->before.length + change->after.length;
    message->is_full = response->n_changes == MESSAGE_CHANGES_MAX ||
                       (response->n_changes > 0 && message->bytes + bytes > MESSAGE_BYTES_MAX);
    if (message->is_full)
        return false;

    Pointsman__V1__Change *told = change_message_of(change);
    response->changes = message_list_grow(response->changes, response->n_changes);
    response->changes[response->n_changes++] = told;
    message->bytes += bytes;
    message->sequence = change->sequence;
    if (message->stream->detail == STORE_OBJECTS)
        message->has_failed = !change_message_add_objects(told, change, message->err);
    return !message->has_failed;
}

/* The next message of the commit after stream->revision. */
static bool fill(struct commit_stream *stream, Pointsman__V1__WatchCommitsResponse *response,
                 struct error *err)
{
    struct store *store = stream->streams->store;
    struct message message = {.stream = stream, .response = response, .err = err};
    response->revision = stream->revision + 1;
    if (stream->sequence == 0) {
        response->commit = commit_message_read(store, response->revision, err);
        if (response->commit == NULL)
            return false;
    }
    if (!store_commit_changes(store, response->revision, stream->sequence, stream->detail,
                              take_change, &message, err) ||
        message.has_failed)
        return false;
    response->last = !message.is_full;
    stream->sequence = response->last ? 0 : message.sequence;
    stream->revision += response->last ? 1 : 0;
    return true;
}

static void pack(const struct commit_stream *stream, Pointsman__V1__WatchCommitsResponse *response,
                 struct buffer *to)
{
    response->epoch = (char *)store_epoch(stream->streams->store);
    message_pack(&response->base, to);
}

static enum grpc_pull pull(void *context, struct buffer *to)
{
    struct commit_stream *stream = context;
    Pointsman__V1__WatchCommitsResponse response = POINTSMAN__V1__WATCH_COMMITS_RESPONSE__INIT;
    struct error err = {0};
    if (!stream->is_greeted) {
        stream->is_greeted = true;
        response.revision = stream->revision;
        pack(stream, &response, to);
        return GRPC_PULL_MESSAGE;
    }
    if (stream->revision >= store_head(stream->streams->store).revision)
        return GRPC_PULL_WAIT;

    bool is_filled = fill(stream, &response, &err);
    if (is_filled)
        pack(stream, &response, to);
    message_free((ProtobufCMessage *)response.commit);
    for (size_t i = 0; i < response.n_changes; i++)
        message_free(&response.changes[i]->base);
    free(response.changes);
    if (is_filled)
        return GRPC_PULL_MESSAGE;
    grpc_call_fail_error(stream->call, &err);
    stream_free(stream);
    return GRPC_PULL_WAIT;
}

static void on_change(struct change_listener *listener)
{
    const struct commit_stream *stream =
        (const struct commit_stream *)((const char *)listener -
                                       offsetof(struct commit_stream, listener));
    grpc_call_resume(stream->call);
}

/* --- starting ------------------------------------------------------------------------------- */

static bool find_start(struct commit_streams *streams,
                       const Pointsman__V1__WatchCommitsRequest *request, uint64_t *revision,
                       struct error *err)
{
    uint64_t digest;
    const char *epoch = store_epoch(streams->store);
    if (request->epoch[0] != '\0' && strcmp(request->epoch, epoch) != 0)
        return error_set(err, ERROR_CONFLICT,
                         "epoch: is not that of this database: revisions do not compare");
    *revision = store_head(streams->store).revision;
    if (request->start_case == POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION)
        *revision = request->after_revision;
    return store_digest_at(streams->store, *revision, &digest, err);
}

void commit_streams_add(struct commit_streams *streams, struct grpc_call *call,
                        const Pointsman__V1__WatchCommitsRequest *request)
{
    struct error err = {0};
    uint64_t revision = 0;
    if (streams->count == STREAMS_MAX)
        error_set(&err, ERROR_LIMIT, "%d watch commits already", STREAMS_MAX);
    if (err.code != ERROR_NONE || !find_start(streams, request, &revision, &err)) {
        grpc_call_fail_error(call, &err);
        return;
    }
    struct commit_stream *stream = memory_allocate_zeroed(1, sizeof(*stream));
    stream->streams = streams;
    stream->call = call;
    stream->detail = request->with_objects ? STORE_OBJECTS : STORE_NAMES;
    stream->revision = revision;
    streams->count++;
    change_feed_add(streams->feed, &stream->listener, on_change);
    grpc_call_on_end(call, on_call_end, stream);
    grpc_call_stream(call, pull, stream);
}
