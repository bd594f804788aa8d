/* Commit: what one Apply does. Checks all of its mutations, then writes them, or none.
 *
 * Mutations are written as they come, inside a commit of the store, and what must hold of the
 * whole (no route left with a backend that this very batch removes, say) is then asked of the
 * store as it would be. Any violation, and a dry run, abandons the commit.
 *
 * Threads: main. */
#ifndef CONTROL_COMMIT_H
#define CONTROL_COMMIT_H

#include "control/answer.h"
#include "control/store.h"
#include "control/violations.h"
#include "proto/unix_socket.h"

struct proxy_registry;

enum {
    COMMIT_OBJECT_BYTES_MAX = 1 << 20,
    COMMIT_MESSAGE_BYTES_MAX = 1024,
    COMMIT_REQUEST_ID_BYTES_MAX = 128,
};

struct commit_request {
    const Pointsman__V1__ApplyRequest *apply;
    const struct peer_credentials *author;
    /* Came as PutRoute or the like: fields are named as they are there. */
    bool is_single;
};

/* In an open transaction of `store`. Returns the answer, for when the transaction is durable;
 * free with answer_free. NULL when nothing is to be committed: then there are `violations`, or
 * none and `err` says what failed. `*is_commit` says whether there is a new revision. */
AnswerMessage *commit_run(struct store *store, const struct proxy_registry *proxies,
                          const struct commit_request *request, struct violations *violations,
                          bool *is_commit, struct error *err);

#endif
