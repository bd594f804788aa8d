#include "control/commit_group.h"

#include "common/event_loop.h"
#include "common/log.h"
#include "control/change_feed.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <assert.h>
#include <stdlib.h>

struct pending {
    struct pending *next;
    struct grpc_call *call; /* NULL: it was cancelled, or never was */
    ProtobufCMessage *answer;
    char *log_line; /* NULL: it made no revision */
};

struct commit_group {
    struct store *store;
    struct change_feed *feed;
    struct pending *first;
    struct pending **last;
};

static void on_turn_end(void *context)
{
    commit_group_flush(context);
}

struct commit_group *commit_group_new(struct event_loop *loop, struct store *store,
                                      struct change_feed *feed)
{
    struct commit_group *group = memory_allocate_zeroed(1, sizeof(*group));
    group->store = store;
    group->feed = feed;
    group->last = &group->first;
    event_loop_on_turn_end(loop, on_turn_end, group);
    return group;
}

void commit_group_free(struct commit_group *group)
{
    assert(group == NULL || group->first == NULL);
    free(group);
}

bool commit_group_join(struct commit_group *group, struct error *err)
{
    return store_in_transaction(group->store) || store_transaction_begin(group->store, err);
}

static void on_call_end(void *context)
{
    struct pending *pending = context;
    pending->call = NULL;
}

void commit_group_add(struct commit_group *group, struct grpc_call *call, ProtobufCMessage *answer,
                      const char *log_line)
{
    struct pending *pending = memory_allocate_zeroed(1, sizeof(*pending));
    pending->call = call;
    pending->answer = answer;
    pending->log_line = log_line == NULL ? NULL : memory_duplicate_string(log_line);
    if (call != NULL)
        grpc_call_on_end(call, on_call_end, pending);
    *group->last = pending;
    group->last = &pending->next;
}

static void finish(struct pending *pending, const struct error *failure)
{
    if (failure == NULL && pending->log_line != NULL)
        log_info("commit", "%s", pending->log_line);
    if (pending->call != NULL && failure == NULL)
        grpc_call_reply(pending->call, pending->answer);
    else if (pending->call != NULL)
        grpc_call_fail_error(pending->call, failure);
    message_free(pending->answer);
    free(pending->log_line);
    free(pending);
}

void commit_group_flush(struct commit_group *group)
{
    if (!store_in_transaction(group->store))
        return;

    uint64_t before = store_head(group->store).revision;
    struct error err = {0};
    bool is_durable = store_transaction_end(group->store, &err);
    if (!is_durable)
        log_error("commit_failed", "reason=\"%s\"", err.message);

    struct pending *next;
    for (struct pending *at = group->first; at != NULL; at = next) {
        next = at->next;
        finish(at, is_durable ? NULL : &err);
    }
    group->first = NULL;
    group->last = &group->first;
    if (store_head(group->store).revision != before)
        change_feed_announce(group->feed);
}
