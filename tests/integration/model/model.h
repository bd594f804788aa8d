/* Model: what the routes are, as simply as it can be said, at every revision there was.
 *
 * A few routes and backends by number. The model says what a change makes of them, what the objects
 * look like on the wire, and what a request gets; control and its proxies must say the same.
 *
 * Threads: one owns a model. */
#ifndef TESTS_INTEGRATION_MODEL_MODEL_H
#define TESTS_INTEGRATION_MODEL_MODEL_H

#include "common/arena.h"
#include "common/buffer.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_ROUTES = 8,
    MODEL_BACKENDS = 6,
    MODEL_BACKEND_REFS = MODEL_BACKENDS + 1, /* the last is never there */
    MODEL_HOSTS = 3,
    MODEL_PREFIXES = 4,
    MODEL_SHARDS = 2, /* each object has a label that says to which it belongs */
    MODEL_MUTATIONS = MODEL_ROUTES + MODEL_BACKENDS, /* of one change, at most */
};

/* `revision` 0: it is not there. */
struct model_route {
    uint64_t created_revision;
    uint64_t revision;
    unsigned host;
    unsigned prefix;
    unsigned backend;
};

struct model_backend {
    uint64_t created_revision;
    uint64_t revision;
    uint32_t port;
};

struct model_state {
    uint64_t revision;
    struct model_route routes[MODEL_ROUTES];
    struct model_backend backends[MODEL_BACKENDS];
    struct model_route bad; /* a route that no proxy can build */
};

enum model_precondition {
    MODEL_ANY,
    MODEL_MUST_NOT_EXIST,
    MODEL_MUST_EXIST,
    MODEL_REVISION_IS,
};

struct model_mutation {
    bool is_route;
    bool is_delete;
    bool ignores_missing;
    bool is_forced;
    unsigned index;
    unsigned host, prefix, backend; /* of a route; the prefix of a GRPCRoute is 0 or 1 */
    uint32_t port;                  /* of a backend */
    uint64_t created_revision;      /* of what an undo brings back; 0: its own, or a new one */
    enum model_precondition precondition;
    uint64_t revision_is;
};

struct model_change {
    struct model_mutation mutations[MODEL_MUTATIONS]; /* of different objects */
    size_t count;
    uint64_t if_revision;
    bool replaces; /* of this shard, what the mutations do not name is deleted */
    unsigned shard;
};

/* Of two routes one after the other, the second is the GRPCRoute of the first one's name. */
bool model_is_grpc(unsigned route);

struct model;

/* Nothing, at revision 0. */
struct model *model_new(void);
void model_free(struct model *model);

/* What there was at a revision, up to the head. Borrowed until the next commit. */
const struct model_state *model_at(const struct model *model, uint64_t revision);
const struct model_state *model_head(const struct model *model);

/* What the change would make of the head; false when it is refused. The revision of `next` is the
 * head's when nothing changes. */
bool model_try(const struct model *model, const struct model_change *change,
               struct model_state *next);
/* The change that takes back what the revisions from `first` to `last` changed; false when what
 * they changed was changed again since, unless it is forced. None of these states may hold the bad
 * route. */
bool model_undo(const struct model *model, uint64_t first, uint64_t last, bool is_forced,
                struct model_change *change);
/* From now on nothing may change what this revision has changed; 0: everything may be. */
void model_hold(struct model *model, uint64_t revision);
/* It has happened. */
void model_commit(struct model *model, const struct model_state *next);

/* --- the same for others ---------------------------------------------------------------------- */

/* The change as a request; lives as long as the arena. */
Pointsman__V1__ApplyRequest *model_request(struct arena *arena, const struct model_change *change);

/* The name and the exact bytes of the route that no proxy can build, at its revision. */
const char *model_bad_route(uint64_t revision, struct buffer *bytes);

/* Every object with its bytes, one a line, by kind and name; and the sum of their digests. */
void model_describe(const struct model_state *state, struct buffer *to, uint64_t *digest);
/* One such line. */
void model_describe_object(Pointsman__V1__ObjectKind kind, struct slice name, struct slice bytes,
                           struct buffer *to);

/* A request's host and path, by number, and what it gets: a port, or 404 or 500. Host MODEL_HOSTS
 * is that of the bad route. */
const char *model_host(unsigned host);
const char *model_path(unsigned path);
unsigned model_answer(const struct model_state *state, unsigned host, unsigned path);

#endif
