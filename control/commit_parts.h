/* Commit parts: what the files of commit.h share, a commit under way.
 *
 * Functions that return bool return false when the store fails, with `err`; what is wrong with the
 * request is a violation, and not that.
 *
 * Threads: main. */
#ifndef CONTROL_COMMIT_PARTS_H
#define CONTROL_COMMIT_PARTS_H

#include "control/commit.h"
#include "control/mutation.h"
#include "control/shadow_lint.h"
#include "proto/message_arena.h"

struct commit {
    struct store *store;
    const struct proxy_registry *proxies;
    const struct commit_request *request;
    AnswerMessage *answer;
    struct violations *violations;
    struct error *err;
    struct shadow_lint *lint; /* NULL: of no use here */

    struct arena names;         /* of the mutations */
    struct mutation *mutations; /* those that name an operation */
    size_t count;
    struct mutation *sorted; /* the same by kind and name */
    bool is_changed;
    uint64_t held_revision;     /* waits to be confirmed: what it changed stays as it is; 0: none */
    struct buffer bytes;        /* of the object at hand */
    struct message_arena arena; /* for what it was before */
    size_t told_bytes;          /* of before and after in a dry run's answer */
};

/* --- commit_write.c ------------------------------------------------------------------------- */

void commit_refuse(struct commit *commit, const struct mutation *mutation, enum error_code code,
                   const char *text);

/* True also when there is no such object. */
bool commit_look_up(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                    struct store_record *record, bool *is_there);

/* Validates one mutation, checks its precondition, and writes it. */
bool commit_write_mutation(struct commit *commit, struct mutation *mutation);

bool commit_write_delete(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                         const struct store_record *record);

/* Whether the commit that waits to be confirmed has changed this object. */
bool commit_is_held(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                    bool *is_held);

/* --- commit_check.c ------------------------------------------------------------------------- */

/* What must hold of the whole, once all mutations are written. */
bool commit_check_whole(struct commit *commit);

#endif
