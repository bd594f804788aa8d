#include "control/commit.h"

#include "common/clock.h"
#include "common/hash.h"
#include "control/commit_parts.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the request ---------------------------------------------------------------------------- */

static bool is_too_long(const struct commit_request *request)
{
    const Pointsman__V1__ApplyRequest *apply = request->apply;
    size_t bytes = 0;
    if (request->apply_bytes != 0 && request->apply_bytes <= APPLY_BYTES_MAX)
        return false;
    for (size_t i = 0; i < apply->n_mutations; i++)
        bytes += protobuf_c_message_get_packed_size(&apply->mutations[i]->base);
    return bytes > APPLY_BYTES_MAX;
}

/* 0 ms: it need not be confirmed. */
static bool read_confirm_within(const Pointsman__V1__ApplyRequest *apply, uint64_t *within_ms)
{
    const DurationMessage *within = apply->confirm_within;
    *within_ms = 0;
    if (within == NULL)
        return true;
    if (within->seconds < 0 || within->seconds > COMMIT_CONFIRM_MAX_MS / 1000 ||
        within->nanos < 0 || within->nanos > 999999999)
        return false;
    *within_ms = (uint64_t)within->seconds * 1000 + (uint64_t)within->nanos / 1000000;
    return *within_ms >= COMMIT_CONFIRM_MIN_MS && *within_ms <= COMMIT_CONFIRM_MAX_MS;
}

static bool check_limits(const struct commit *commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    if (apply->n_mutations == 0 && commit->request->fill == NULL)
        violations_add(commit->violations, ERROR_INVALID, "mutations", "there are none");
    if (apply->n_mutations > APPLY_MUTATIONS_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "mutations", "%zu of them, at most %d",
                       apply->n_mutations, APPLY_MUTATIONS_MAX);
    if (is_too_long(commit->request))
        violations_add(commit->violations, ERROR_LIMIT, "mutations", "more than %d MiB of them",
                       APPLY_BYTES_MAX >> 20);
    if (strlen(apply->message) > COMMIT_MESSAGE_BYTES_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "message", "longer than %d bytes",
                       COMMIT_MESSAGE_BYTES_MAX);
    if (strlen(apply->request_id) > COMMIT_REQUEST_ID_BYTES_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "request_id", "longer than %d characters",
                       COMMIT_REQUEST_ID_BYTES_MAX);
    uint64_t within_ms;
    if (!read_confirm_within(apply, &within_ms))
        violations_add(commit->violations, ERROR_INVALID, "confirm_within", "must be 1s to 24h");
    return commit->violations->count == 0;
}

static void read_mutation(struct commit *commit, const MutationMessage *message,
                          enum mutation_naming naming, size_t index)
{
    if (mutation_read(message, naming, index, &commit->names, &commit->mutations[commit->count])) {
        commit->count++;
        return;
    }
    char field[32];
    snprintf(field, sizeof(field), "mutations[%zu]", index);
    violations_add(commit->violations, ERROR_INVALID, field, "names no operation");
}

static bool are_sorted(const struct mutation *mutations, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (mutation_compare(&mutations[i - 1], &mutations[i]) > 0)
            return false;
    }
    return true;
}

/* Many batches are in order: what is exported is. */
static void sort_mutations(struct commit *commit)
{
    size_t bytes = commit->count * sizeof(commit->sorted[0]);
    commit->sorted = memory_allocate(bytes);
    memcpy(commit->sorted, commit->mutations, bytes);
    if (!are_sorted(commit->sorted, commit->count))
        qsort(commit->sorted, commit->count, sizeof(commit->sorted[0]), mutation_compare);
}

/* Those of the request, and those that follow from the store. */
static bool read_mutations(struct commit *commit)
{
    const struct commit_request *request = commit->request;
    const Pointsman__V1__ApplyRequest *apply = request->apply;
    struct mutation_list more = {0};
    if (request->fill != NULL && !request->fill(request->fill_context, commit->store, &more,
                                                commit->violations, commit->err))
        return false;

    size_t count = apply->n_mutations + more.count;
    commit->mutations = memory_allocate((count + 1) * sizeof(commit->mutations[0]));
    for (size_t i = 0; i < apply->n_mutations; i++)
        read_mutation(commit, apply->mutations[i], request->naming, i);
    for (size_t i = 0; i < more.count; i++)
        read_mutation(commit, more.items[i], MUTATION_BY_NAME, apply->n_mutations + i);
    sort_mutations(commit);
    return true;
}

static void refuse_repeated_names(struct commit *commit)
{
    for (size_t i = 1; i < commit->count; i++) {
        const struct mutation *mutation = &commit->sorted[i];
        if (mutation_compare(mutation, mutation - 1) == 0)
            commit_refuse(commit, mutation, ERROR_INVALID,
                          "another mutation names the same object");
    }
}

/* --- the commit ----------------------------------------------------------------------------- */

static uint64_t fingerprint_of(const struct commit_request *request)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(request->asked != NULL ? request->asked : &request->apply->base, &bytes);
    uint64_t fingerprint = hash_stable(bytes.at, bytes.length);
    buffer_clear(&bytes);
    return fingerprint;
}

/* True when the request was answered before; the commit's answer is that one then. */
static bool find_first_answer(struct commit *commit, uint64_t fingerprint, bool *is_repeat)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct error why = {0};
    uint64_t first;
    *is_repeat = false;
    if (!store_find_request(commit->store, commit->request->apply->request_id, &first, &bytes,
                            &why)) {
        if (why.code != ERROR_NOT_FOUND)
            *commit->err = why;
        return why.code == ERROR_NOT_FOUND;
    }

    bool is_done = true;
    *is_repeat = true;
    if (first != fingerprint) {
        is_done = violations_add(commit->violations, ERROR_INVALID, "request_id",
                                 "'%s' was the id of another request",
                                 commit->request->apply->request_id);
    } else {
        answer_free(commit->answer);
        commit->answer = answer_unpack(buffer_slice(&bytes), commit->err);
        is_done = commit->answer != NULL;
    }
    buffer_clear(&bytes);
    return is_done;
}

static bool check_head(struct commit *commit)
{
    uint64_t head = store_next_revision(commit->store) - 1;
    uint64_t expected = commit->request->apply->if_revision;
    if (expected == 0 || expected == head)
        return true;
    return violations_add(commit->violations, ERROR_CONFLICT, "if_revision",
                          "the head is revision %" PRIu64 ", not %" PRIu64, head, expected);
}

/* One at a time may wait to be confirmed; it may be taken back, and nothing else may touch it. */
static void check_pending(struct commit *commit)
{
    const struct commit_request *request = commit->request;
    uint64_t confirm_by_wall_ms;
    uint64_t pending = store_pending(commit->store, &confirm_by_wall_ms);
    if (pending == 0 || (request->undoes_first <= pending && pending <= request->undoes_last))
        return;
    commit->held_revision = pending;
    if (request->apply->confirm_within != NULL)
        violations_add(commit->violations, ERROR_CONFLICT, "confirm_within",
                       "revision %" PRIu64 " waits to be confirmed or undone already", pending);
}

/* What was taken back waits no more. */
static bool end_pending(struct commit *commit)
{
    const struct commit_request *request = commit->request;
    uint64_t confirm_by_wall_ms;
    uint64_t pending = store_pending(commit->store, &confirm_by_wall_ms);
    if (pending == 0 || pending < request->undoes_first || pending > request->undoes_last)
        return true;
    return store_end_pending(commit->store, POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_REVERTED,
                             commit->err);
}

static bool write_all(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (!commit_write_mutation(commit, &commit->mutations[i]))
            return false;
    }
    if (!commit_check_whole(commit) || commit->violations->count > 0)
        return false;
    if (commit->lint != NULL)
        shadow_lint_warn(commit->lint, commit->answer);
    return true;
}

static bool remember(struct commit *commit, uint64_t fingerprint)
{
    buffer_reset(&commit->bytes);
    message_pack(&commit->answer->base, &commit->bytes);
    return store_remember_request(commit->store, commit->request->apply->request_id, fingerprint,
                                  buffer_slice(&commit->bytes), commit->err);
}

static bool end_commit(struct commit *commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    const struct peer_credentials *author = commit->request->author;
    const struct store_commit record = {
        .uid = author->uid,
        .gid = author->gid,
        .pid = author->pid,
        .command = author->command,
        .message = apply->message,
        .request_id = apply->request_id,
        .undoes_first = commit->request->undoes_first,
        .undoes_last = commit->request->undoes_last,
        .confirm_by_wall_ms = commit->answer->confirm_by_ms,
    };
    return store_commit_end(commit->store, commit->is_changed ? &record : NULL, commit->err);
}

/* False when nothing came of it, and the commit is abandoned. */
static bool run(struct commit *commit, bool *is_commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    bool has_id = apply->request_id[0] != '\0' && !apply->dry_run;
    uint64_t fingerprint = has_id ? fingerprint_of(commit->request) : 0;
    bool is_repeat = false;
    if (has_id && (!find_first_answer(commit, fingerprint, &is_repeat) || is_repeat))
        return is_repeat && commit->answer != NULL && commit->violations->count == 0;

    if (!check_head(commit))
        return false;
    check_pending(commit);
    if (!read_mutations(commit))
        return false;
    refuse_repeated_names(commit);
    if (!store_commit_begin(commit->store, commit->err))
        return false;
    bool is_good = write_all(commit);
    uint64_t next = store_next_revision(commit->store);
    uint64_t within_ms = 0;
    commit->answer->revision = commit->is_changed ? next : next - 1;
    if (commit->is_changed && read_confirm_within(apply, &within_ms) && within_ms != 0)
        commit->answer->confirm_by_ms = clock_wall_ms() + within_ms;
    if (!is_good || apply->dry_run || (has_id && !remember(commit, fingerprint)) ||
        !end_pending(commit) || !end_commit(commit)) {
        store_commit_abandon(commit->store);
        return is_good && apply->dry_run;
    }
    *is_commit = commit->is_changed;
    return true;
}

AnswerMessage *commit_run(struct store *store, const struct proxy_registry *proxies,
                          struct shadow_index *shadows, const struct commit_request *request,
                          struct violations *violations, bool *is_commit, struct error *err)
{
    struct commit commit = {
        .store = store,
        .proxies = proxies,
        .request = request,
        .violations = violations,
        .err = err,
        .answer = answer_new(),
        .lint = shadows == NULL ? NULL : shadow_lint_new(shadows, store),
    };
    answer_set_epoch(commit.answer, store_epoch(store));
    *is_commit = false;

    bool is_done = check_limits(&commit) && run(&commit, is_commit);
    free(commit.mutations);
    arena_clear(&commit.names);
    free(commit.sorted);
    buffer_clear(&commit.bytes);
    message_arena_clear(&commit.arena);
    shadow_lint_free(commit.lint);
    if (is_done)
        return commit.answer;
    answer_free(commit.answer);
    return NULL;
}
