#include "control/history_service.h"

#include "control/change_message.h"
#include "control/commit_group.h"
#include "control/object_page.h"
#include "control/packed_object.h"
#include "control/services.h"
#include "proto/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMMITS_DEFAULT = 100, TOKEN_BYTES = 96 };

static bool read_page_size(uint32_t asked, size_t otherwise, size_t *size, struct error *err)
{
    if (asked > PAGE_SIZE_MAX)
        return error_set(err, ERROR_INVALID, "page_size: at most %d", PAGE_SIZE_MAX);
    *size = asked == 0 ? otherwise : asked;
    return true;
}

/* `count` numbers, "41:7:1200". */
static bool read_token(const char *token, uint64_t *numbers, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        errno = 0;
        numbers[i] = strtoull(token, &end, 10);
        if (errno != 0 || token[0] < '0' || token[0] > '9' || *end != (i + 1 < count ? ':' : '\0'))
            return error_set(err, ERROR_INVALID, "page_token: is not from a page before");
        token = end + 1;
    }
    return true;
}

/* --- commits -------------------------------------------------------------------------------- */

struct commit_page {
    struct store *store;
    size_t size;
    Pointsman__V1__ListCommitsResponse *response;
    uint64_t *revisions; /* when only those of one object are wanted */
    size_t revision_count;
    size_t revision_limit;
    struct error *err;
    bool has_failed;
};

static void add_commit(struct commit_page *page, Pointsman__V1__Commit *commit)
{
    Pointsman__V1__ListCommitsResponse *response = page->response;
    page->has_failed = commit == NULL;
    if (commit == NULL)
        return;
    response->commits = message_list_grow(response->commits, response->n_commits);
    response->commits[response->n_commits++] = commit;
}

static bool take_commit(void *context, const struct store_logged_commit *commit)
{
    struct commit_page *page = context;
    if (page->response->n_commits == page->size)
        return false;
    add_commit(page, commit_message_of(page->store, commit, page->err));
    return !page->has_failed;
}

/* The range of revisions asked for. An empty one is `newest` < `oldest`. */
static bool find_range(struct store *store, const Pointsman__V1__ListCommitsRequest *list,
                       uint64_t *newest, uint64_t *oldest, struct error *err)
{
    struct error why = {0};
    uint64_t before;
    *newest = store_head(store).revision;
    *oldest = store_compacted_revision(store) + 1;
    if (list->page_token[0] != '\0') {
        uint64_t next;
        if (!read_token(list->page_token, &next, 1, err))
            return false;
        *newest = next < *newest ? next : *newest;
    }
    if (list->since_ms != 0) {
        if (store_revision_at(store, list->since_ms - 1, &before, &why))
            *oldest = before + 1 > *oldest ? before + 1 : *oldest;
        else if (why.code != ERROR_OUT_OF_RANGE)
            return error_set(err, why.code, "%s", why.message);
    }
    if (list->until_ms != 0) {
        if (store_revision_at(store, list->until_ms, &before, &why))
            *newest = before < *newest ? before : *newest;
        else if (why.code == ERROR_OUT_OF_RANGE)
            *newest = 0;
        else
            return error_set(err, why.code, "%s", why.message);
    }
    return true;
}

static bool take_revision(void *context, const struct store_change *change)
{
    struct commit_page *page = context;
    if (page->revision_count == page->revision_limit)
        return false;
    page->revisions[page->revision_count++] = change->revision;
    return true;
}

static int newer_first(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left == right ? 0 : left > right ? -1 : 1;
}

/* One more than the page of each kind, so that their union has the page, and shows whether there
 * is more. */
static bool read_revisions(struct commit_page *page, const Pointsman__V1__ListCommitsRequest *list,
                           uint64_t newest, uint64_t oldest)
{
    static const Pointsman__V1__ObjectKind kinds[] = {
        POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
        POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
    };
    size_t each = page->size + 1;
    page->revisions = memory_allocate(2 * each * sizeof(page->revisions[0]));
    for (size_t i = 0; i < 2; i++) {
        page->revision_limit = page->revision_count + each;
        if (list->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_UNSPECIFIED &&
            list->kind != kinds[i])
            continue;
        if (!store_object_changes(page->store, kinds[i], list->name, newest, oldest, STORE_NAMES,
                                  take_revision, page, page->err))
            return false;
    }
    qsort(page->revisions, page->revision_count, sizeof(page->revisions[0]), newer_first);
    return true;
}

static bool read_commits_of_object(struct commit_page *page,
                                   const Pointsman__V1__ListCommitsRequest *list, uint64_t newest,
                                   uint64_t oldest, char token[TOKEN_BYTES])
{
    if (!read_revisions(page, list, newest, oldest))
        return false;
    for (size_t i = 0; i < page->revision_count; i++) {
        if (i > 0 && page->revisions[i] == page->revisions[i - 1])
            continue;
        if (page->response->n_commits == page->size) {
            snprintf(token, TOKEN_BYTES, "%" PRIu64, page->revisions[i]);
            return true;
        }
        add_commit(page, commit_message_read(page->store, page->revisions[i], page->err));
        if (page->has_failed)
            return false;
    }
    return true;
}

static bool read_commits(struct commit_page *page, const Pointsman__V1__ListCommitsRequest *list,
                         char token[TOKEN_BYTES])
{
    uint64_t newest;
    uint64_t oldest;
    if (list->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_UNSPECIFIED && list->name[0] == '\0')
        return error_set(page->err, ERROR_INVALID, "kind: goes with a name");
    if (!read_page_size(list->page_size, COMMITS_DEFAULT, &page->size, page->err) ||
        !find_range(page->store, list, &newest, &oldest, page->err))
        return false;
    if (newest < oldest)
        return true;
    if (list->name[0] != '\0')
        return read_commits_of_object(page, list, newest, oldest, token);

    if (!store_commits(page->store, newest, oldest, take_commit, page, page->err) ||
        page->has_failed)
        return false;
    uint64_t next = newest - page->response->n_commits;
    if (next >= oldest)
        snprintf(token, TOKEN_BYTES, "%" PRIu64, next);
    return true;
}

void history_service_list_commits(void *context, struct grpc_call *call,
                                  const ProtobufCMessage *request)
{
    struct services *services = context;
    Pointsman__V1__ListCommitsResponse response = POINTSMAN__V1__LIST_COMMITS_RESPONSE__INIT;
    char token[TOKEN_BYTES] = "";
    struct error err = {0};
    struct commit_page page = {.store = services->store, .response = &response, .err = &err};

    commit_group_flush(services->commits);
    if (read_commits(&page, (const Pointsman__V1__ListCommitsRequest *)request, token)) {
        response.next_page_token = token;
        response.compacted_revision = store_compacted_revision(services->store);
        grpc_call_reply(call, &response.base);
    } else {
        grpc_call_fail_error(call, &err);
    }
    for (size_t i = 0; i < response.n_commits; i++)
        message_free(&response.commits[i]->base);
    free(response.commits);
    free(page.revisions);
}

void history_service_get_commit(void *context, struct grpc_call *call,
                                const ProtobufCMessage *request)
{
    const Pointsman__V1__GetCommitRequest *get = (const Pointsman__V1__GetCommitRequest *)request;
    struct services *services = context;
    struct error err = {0};
    commit_group_flush(services->commits);
    Pointsman__V1__Commit *commit = commit_message_read(services->store, get->revision, &err);
    if (commit != NULL)
        grpc_call_reply(call, &commit->base);
    else
        grpc_call_fail_error(call, &err);
    message_free((ProtobufCMessage *)commit);
}

/* --- differences ---------------------------------------------------------------------------- */

struct diff_page {
    size_t size;
    size_t bytes;
    Pointsman__V1__DiffResponse *response;
    struct error *err;
    bool has_failed;
};

static bool is_full(const struct diff_page *page)
{
    return page->response->n_changes == page->size || page->bytes >= PAGE_BYTES_MAX;
}

static bool take_change(void *context, const struct store_change *change)
{
    struct diff_page *page = context;
    Pointsman__V1__DiffResponse *response = page->response;
    if (is_full(page))
        return false;
    if (change->was_there == change->is_there &&
        packed_object_equals(change->before, change->after))
        return true;

    Pointsman__V1__Change *message = change_message_of(change);
    response->changes = message_list_grow(response->changes, response->n_changes);
    response->changes[response->n_changes++] = message;
    page->bytes += change->before.length + change->after.length;
    page->has_failed = !change_message_add_objects(message, change, page->err);
    return !page->has_failed;
}

static bool diff_object(struct diff_page *page, struct store *store,
                        const Pointsman__V1__DiffRequest *diff)
{
    const Pointsman__V1__DiffResponse *response = page->response;
    const Pointsman__V1__ObjectKind route = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    const Pointsman__V1__ObjectKind backend = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
    page->size = 2;
    page->bytes = 0;
    return (diff->kind == backend ||
            store_diff_object(store, response->from_revision, response->to_revision, route,
                              diff->name, take_change, page, page->err)) &&
           (diff->kind == route ||
            store_diff_object(store, response->from_revision, response->to_revision, backend,
                              diff->name, take_change, page, page->err)) &&
           !page->has_failed;
}

static bool diff_all(struct diff_page *page, struct store *store, struct store_diff_cursor *cursor)
{
    for (int i = 0; i < PAGE_SCANS_MAX && !cursor->is_finished && !is_full(page); i++) {
        if (!store_diff(store, page->response->from_revision, page->response->to_revision, cursor,
                        take_change, page, page->err) ||
            page->has_failed)
            return false;
    }
    return true;
}

/* A token is "FROM:TO:SEQUENCE". */
static bool find_revisions(struct store *store, const Pointsman__V1__DiffRequest *diff,
                           Pointsman__V1__DiffResponse *response, struct store_diff_cursor *cursor,
                           struct error *err)
{
    response->from_revision = diff->from_revision;
    response->to_revision = diff->to_revision == 0 ? store_head(store).revision : diff->to_revision;
    if (diff->page_token[0] != '\0') {
        uint64_t numbers[3];
        if (!read_token(diff->page_token, numbers, 3, err))
            return false;
        if (numbers[0] != diff->from_revision ||
            (diff->to_revision != 0 && numbers[1] != diff->to_revision))
            return error_set(err, ERROR_INVALID, "page_token: is of %" PRIu64 " to %" PRIu64,
                             numbers[0], numbers[1]);
        response->to_revision = numbers[1];
        cursor->sequence = numbers[2];
    }
    if (response->to_revision < response->from_revision)
        return error_set(err, ERROR_INVALID,
                         "to_revision: %" PRIu64 " is before from_revision, %" PRIu64,
                         response->to_revision, response->from_revision);
    return true;
}

static bool read_diff(struct diff_page *page, struct store *store,
                      const Pointsman__V1__DiffRequest *diff, char token[TOKEN_BYTES])
{
    Pointsman__V1__DiffResponse *response = page->response;
    struct store_diff_cursor cursor = {0};
    if (diff->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_UNSPECIFIED && diff->name[0] == '\0')
        return error_set(page->err, ERROR_INVALID, "kind: goes with a name");
    if (!read_page_size(diff->page_size, PAGE_SIZE_DEFAULT, &page->size, page->err) ||
        !find_revisions(store, diff, response, &cursor, page->err))
        return false;
    if (diff->name[0] != '\0')
        return diff_object(page, store, diff);
    if (!diff_all(page, store, &cursor))
        return false;
    if (!cursor.is_finished)
        snprintf(token, TOKEN_BYTES, "%" PRIu64 ":%" PRIu64 ":%" PRIu64, response->from_revision,
                 response->to_revision, cursor.sequence);
    return true;
}

void history_service_diff(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    struct services *services = context;
    Pointsman__V1__DiffResponse response = POINTSMAN__V1__DIFF_RESPONSE__INIT;
    char token[TOKEN_BYTES] = "";
    struct error err = {0};
    struct diff_page page = {.response = &response, .err = &err};

    commit_group_flush(services->commits);
    if (read_diff(&page, services->store, (const Pointsman__V1__DiffRequest *)request, token)) {
        response.next_page_token = token;
        grpc_call_reply(call, &response.base);
    } else {
        grpc_call_fail_error(call, &err);
    }
    for (size_t i = 0; i < response.n_changes; i++)
        message_free(&response.changes[i]->base);
    free(response.changes);
}
