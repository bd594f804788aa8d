/* Commit streams: tell whoever asked of commits as they are made.
 *
 * A stream is a cursor into the log, not a queue: a slow reader costs no memory, and reads on from
 * where it is as long as the history has it.
 *
 * Threads: main. */
#ifndef CONTROL_COMMIT_STREAM_H
#define CONTROL_COMMIT_STREAM_H

#include "proto/messages.h"

struct change_feed;
struct commit_streams;
struct grpc_call;
struct store;

/* Both outlive it. */
struct commit_streams *commit_streams_new(struct store *store, struct change_feed *feed);
/* No call may be open. Harmless on NULL. */
void commit_streams_free(struct commit_streams *streams);

/* Turns the call into a stream, or fails it. */
void commit_streams_add(struct commit_streams *streams, struct grpc_call *call,
                        const Pointsman__V1__WatchCommitsRequest *request);

#endif
