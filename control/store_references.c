/* Which routes name which backends: a log of what was made and dropped lately, and the table it is
 * sorted into. The log is in memory, and in the database for the next start. */
#include "control/store_sqlite.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_TOGETHER = 16 }; /* references, by STATEMENT_PUT_REFERENCES */

/* The log is sorted into the table once it holds as many references as four transactions like the
 * one at hand make, but within these bounds: batches gather enough to share pages, and a small
 * commit never pays for many at once. */
enum { SORTED_AT_LEAST = 64, SORTED_AT_MOST = 4096, TRANSACTIONS = 4 };

static const char MADE = '+';
static const char DROPPED = '-';

/* --- in memory ------------------------------------------------------------------------------ */

static void truncate_log(struct reference_log *log, size_t count)
{
    if (count >= log->count)
        return;
    log->names.length = log->entries[count].at;
    log->count = count;
}

static void append_entry(struct reference_log *log, const char *backend, const char *route,
                         bool is_dropped)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 64 : 2 * log->capacity;
        log->entries = memory_reallocate(log->entries, log->capacity * sizeof(log->entries[0]));
    }
    log->entries[log->count++] = (struct logged_reference){log->names.length, is_dropped};
    buffer_append(&log->names, backend, strlen(backend) + 1);
    buffer_append(&log->names, route, strlen(route) + 1);
}

/* Its backend and its route, each with its terminator. */
static struct slice names_of(const struct reference_log *log, size_t index)
{
    size_t at = log->entries[index].at;
    size_t end = index + 1 < log->count ? log->entries[index + 1].at : log->names.length;
    return slice_of(log->names.at + at, end - at);
}

void store_clear_reference_log(struct store *store)
{
    free(store->references.entries);
    buffer_clear(&store->references.names);
    store->references = (struct reference_log){0};
}

void store_log_reference(struct store *store, const char *backend, const char *route,
                         bool is_dropped)
{
    truncate_log(&store->references, store->working.logged_references);
    append_entry(&store->references, backend, route, is_dropped);
    store->working.logged_references++;
}

void store_trim_reference_log(struct store *store)
{
    struct store_state *committed = &store->committed;
    if (committed->sorted_references == committed->logged_references) {
        committed->sorted_references = 0;
        committed->logged_references = 0;
    }
    truncate_log(&store->references, committed->logged_references);
}

/* --- in the database ------------------------------------------------------------------------ */

bool store_write_reference_log(struct store *store, struct error *err)
{
    const struct reference_log *log = &store->references;
    const struct store_state *working = &store->working;
    size_t first = store->before_commit.logged_references;
    if (first < working->sorted_references)
        first = working->sorted_references;
    if (first == working->logged_references)
        return true;

    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_REFERENCE_LOG, err);
    if (statement == NULL)
        return false;
    struct buffer entries = BUFFER_EMPTY;
    for (size_t i = first; i < working->logged_references; i++) {
        buffer_append_char(&entries, log->entries[i].is_dropped ? DROPPED : MADE);
        buffer_append_slice(&entries, names_of(log, i));
    }
    struct slice bytes = buffer_slice(&entries);
    store_bind_number(statement, 1, store_next_revision(store));
    store_bind_bytes(statement, 2, &bytes);
    bool is_written = store_execute(store, statement, err);
    buffer_clear(&entries);
    return is_written;
}

/* Takes a name with its terminator from the front; NULL: there is none. */
static const char *take_name(struct slice *entries)
{
    const char *name = entries->at;
    const char *end = entries->length == 0 ? NULL : memchr(name, '\0', entries->length);
    if (end == NULL)
        return NULL;
    *entries = slice_of(end + 1, entries->length - (size_t)(end + 1 - name));
    return name;
}

static bool read_entries(struct store *store, struct slice entries, struct error *err)
{
    while (entries.length > 0) {
        char mark = *entries.at;
        entries = slice_of(entries.at + 1, entries.length - 1);
        const char *backend = take_name(&entries);
        const char *route = backend == NULL ? NULL : take_name(&entries);
        if (route == NULL || (mark != MADE && mark != DROPPED))
            return error_set(err, ERROR_CORRUPT,
                             "the database is damaged: its log of references ends too soon");
        append_entry(&store->references, backend, route, mark == DROPPED);
    }
    return true;
}

bool store_read_reference_log(struct store *store, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_READ_REFERENCE_LOG, err);
    bool has_row;
    truncate_log(&store->references, 0);
    if (statement == NULL)
        return false;
    while (store_step(store, statement, &has_row, err)) {
        if (!has_row) {
            store->committed.logged_references = store->references.count;
            return true;
        }
        if (!read_entries(store, store_column_bytes(statement, 0), err)) {
            sqlite3_reset(statement);
            return false;
        }
    }
    return false;
}

/* --- sorting -------------------------------------------------------------------------------- */

struct sorted_reference {
    struct slice names; /* the backend's and the route's, each with its terminator */
    size_t index;       /* in the log */
};

/* That of the table: a terminator is less than any character, and stands in no name. */
static int compare_names(const struct sorted_reference *a, const struct sorted_reference *b)
{
    size_t shorter = a->names.length < b->names.length ? a->names.length : b->names.length;
    return memcmp(a->names.at, b->names.at, shorter);
}

/* Of one reference, the last that was said of it comes last. */
static int compare_references(const void *a, const void *b)
{
    const struct sorted_reference *left = a;
    const struct sorted_reference *right = b;
    int order = compare_names(left, right);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static bool is_dropped(const struct store *store, const struct sorted_reference *reference)
{
    return store->references.entries[reference->index].is_dropped;
}

/* Runs the statement for `count` references, all made or all dropped. */
static bool run_for(struct store *store, enum statement id,
                    const struct sorted_reference *references, size_t count, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, id, err);
    if (statement == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *backend = references[i].names.at;
        store_bind_text(statement, (int)(2 * i + 1), backend);
        store_bind_text(statement, (int)(2 * i + 2), backend + strlen(backend) + 1);
    }
    return store_execute(store, statement, err);
}

/* Only the last that was said of a reference is left. Returns how many. */
static size_t keep_last(struct sorted_reference *sorted, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || compare_names(&sorted[i], &sorted[i + 1]) != 0)
            sorted[kept++] = sorted[i];
    }
    return kept;
}

/* How many made references come first, up to as many as are put together. */
static size_t count_made(const struct store *store, const struct sorted_reference *sorted,
                         size_t count)
{
    size_t made = 0;
    while (made < count && made < MADE_TOGETHER && !is_dropped(store, &sorted[made]))
        made++;
    return made;
}

static bool put_all_in_table(struct store *store, const struct sorted_reference *sorted,
                             size_t count, struct error *err)
{
    size_t together;
    for (size_t i = 0; i < count; i += together) {
        size_t made = count_made(store, &sorted[i], count - i);
        enum statement id = made == MADE_TOGETHER ? STATEMENT_PUT_REFERENCES
                            : made > 0            ? STATEMENT_PUT_REFERENCE
                                                  : STATEMENT_DELETE_REFERENCE;
        together = made == MADE_TOGETHER ? made : 1;
        if (!run_for(store, id, &sorted[i], together, err))
            return false;
    }
    return store_run(store, STATEMENT_CLEAR_REFERENCE_LOG, err);
}

bool store_sort_references(struct store *store, struct error *err)
{
    const struct reference_log *log = &store->references;
    struct store_state *working = &store->working;
    assert(store->in_transaction);
    size_t first = working->sorted_references;
    size_t count = working->logged_references - first;
    if (count == 0)
        return true;

    struct sorted_reference *sorted = memory_allocate(count * sizeof(sorted[0]));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct sorted_reference){names_of(log, first + i), first + i};
    qsort(sorted, count, sizeof(sorted[0]), compare_references);
    bool is_done = put_all_in_table(store, sorted, keep_last(sorted, count), err);
    free(sorted);
    if (is_done)
        working->sorted_references = working->logged_references;
    return is_done;
}

bool store_sort_many_references(struct store *store, struct error *err)
{
    const struct store_state *working = &store->working;
    size_t waiting = working->logged_references - working->sorted_references;
    size_t enough =
        TRANSACTIONS * (working->logged_references - store->committed.logged_references);
    if (enough == 0)
        return true;
    if (enough < SORTED_AT_LEAST)
        enough = SORTED_AT_LEAST;
    if (enough > SORTED_AT_MOST)
        enough = SORTED_AT_MOST;
    return waiting < enough || store_sort_references(store, err);
}
