#include "control/store_route_ids.h"

#include "common/buffer.h"
#include "control/packed_route.h"
#include "control/store_sqlite.h"
#include "proto/route_id.h"

#include <string.h>

static struct slice value_bytes(sqlite3_value *value)
{
    const char *at = sqlite3_value_blob(value);
    return slice_of(at, (size_t)sqlite3_value_bytes(value));
}

static void append_id(struct buffer *to, struct slice name, struct slice bytes)
{
    buffer_append_string(to, route_id_start(packed_route_kind(bytes)));
    buffer_append_slice(to, name);
}

static void answer_route_id(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct buffer id = BUFFER_EMPTY;
    append_id(&id, value_bytes(values[0]), value_bytes(values[1]));
    sqlite3_result_text(context, id.at, (int)id.length, SQLITE_TRANSIENT);
    buffer_clear(&id);
}

/* Takes a text with its terminator from the front; false: there is none. */
static bool take_text(struct slice *entries, struct slice *text)
{
    const char *end = entries->length == 0 ? NULL : memchr(entries->at, '\0', entries->length);
    if (end == NULL)
        return false;
    *text = slice_of(entries->at, (size_t)(end - entries->at) + 1);
    *entries = slice_of(end + 1, entries->length - text->length);
    return true;
}

/* The id of the route that is there under this name; just the name when none is. */
static bool append_id_of(struct buffer *to, struct slice name, sqlite3_stmt *find)
{
    sqlite3_bind_text(find, 1, name.at, (int)name.length, SQLITE_STATIC);
    int step = sqlite3_step(find);
    append_id(to, name, step == SQLITE_ROW ? store_column_bytes(find, 0) : slice_of(NULL, 0));
    sqlite3_reset(find);
    return step == SQLITE_ROW || step == SQLITE_DONE;
}

/* A log that is damaged stays so: whoever reads it next says it. */
static bool append_entries(struct buffer *to, struct slice entries, sqlite3_stmt *find)
{
    while (entries.length > 0) {
        const struct slice rest = entries;
        struct slice mark_and_backend, route;
        if (!take_text(&entries, &mark_and_backend) || !take_text(&entries, &route)) {
            buffer_append_slice(to, rest);
            return true;
        }
        buffer_append_slice(to, mark_and_backend);
        if (!append_id_of(to, slice_of(route.at, route.length - 1), find))
            return false;
        buffer_append_char(to, '\0');
    }
    return true;
}

static void answer_reference_log_ids(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3 *database = sqlite3_context_db_handle(context);
    sqlite3_stmt *find = NULL;
    struct buffer ids = BUFFER_EMPTY;
    if (sqlite3_prepare_v2(database, "SELECT bytes FROM objects WHERE kind = 1 AND name = ?1", -1,
                           &find, NULL) == SQLITE_OK &&
        append_entries(&ids, value_bytes(values[0]), find))
        sqlite3_result_blob(context, buffer_string(&ids), (int)ids.length, SQLITE_TRANSIENT);
    else
        sqlite3_result_error(context, sqlite3_errmsg(database), -1);
    sqlite3_finalize(find);
    buffer_clear(&ids);
}

bool store_add_route_id_functions(struct sqlite3 *database, struct error *err)
{
    return (sqlite3_create_function(database, "route_id", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                    NULL, answer_route_id, NULL, NULL) == SQLITE_OK &&
            sqlite3_create_function(database, "reference_log_ids", 1, SQLITE_UTF8, NULL,
                                    answer_reference_log_ids, NULL, NULL) == SQLITE_OK) ||
           store_error_of(database, err, "adding functions for the migration");
}
