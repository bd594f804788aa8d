/* Commit: what one Apply does. Checks all of its mutations, then writes them, or none.
 *
 * Mutations are written as they come, inside a commit of the store, and what must hold of the
 * whole (no route left with a backend that this very batch removes, say) is then asked of the
 * store as it would be. Any violation, and a dry run, abandons the commit.
 *
 * While a commit waits to be confirmed, no other may change what it changed, but one that takes it
 * back: so a revert never meets younger work.
 *
 * Threads: main. */
#ifndef CONTROL_COMMIT_H
#define CONTROL_COMMIT_H

#include "control/answer.h"
#include "control/mutation.h"
#include "control/store.h"
#include "control/violations.h"
#include "proto/unix_socket.h"

struct proxy_registry;
struct shadow_index;

enum {
    COMMIT_OBJECT_BYTES_MAX = 1 << 20,
    COMMIT_MESSAGE_BYTES_MAX = 1024,
    COMMIT_REQUEST_ID_BYTES_MAX = 128,
    COMMIT_DIFF_BYTES_MAX = 3 << 20, /* of before and after in the answer of a dry run */
    COMMIT_CONFIRM_MIN_MS = 1000,
    COMMIT_CONFIRM_MAX_MS = 24 * 60 * 60 * 1000,
};

struct commit_request;

/* Mutations that follow from the store as it is now. The list starts empty, its items stay the
 * filler's. False when there can be no commit: `violations` or `err` say why. */
struct mutation_list {
    MutationMessage **items;
    size_t count;
};
typedef bool commit_fill_fn(void *context, struct store *store, struct mutation_list *list,
                            struct violations *violations, struct error *err);

struct commit_request {
    const Pointsman__V1__ApplyRequest *apply;
    const struct peer_credentials *author;
    enum mutation_naming naming;

    /* What it took to send `apply`: more than its mutations do. 0: unknown. */
    size_t apply_bytes;
    /* What the peer said, for knowing a repeated request; NULL: `apply`. */
    const ProtobufCMessage *asked;
    /* Asked for more mutations, after those of `apply`, once the request is known to be new. NULL:
     * there are no more. */
    commit_fill_fn *fill;
    void *fill_context;

    /* It takes back these revisions; 0: it is no undo. */
    uint64_t undoes_first;
    uint64_t undoes_last;
    /* The objects of its puts were accepted before: they are not validated again. */
    bool is_trusted;
};

/* In an open transaction of `store`. `shadows` (or NULL) finds rules that no request reaches.
 * Returns the answer, for when the transaction is durable; free with answer_free. NULL when nothing
 * is to be committed: then there are `violations`, or none and `err` says what failed. `*is_commit`
 * says whether there is a new revision. */
AnswerMessage *commit_run(struct store *store, const struct proxy_registry *proxies,
                          struct shadow_index *shadows, const struct commit_request *request,
                          struct violations *violations, bool *is_commit, struct error *err);

#endif
