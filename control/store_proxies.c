#include "control/store_sqlite.h"

bool store_put_proxy(struct store *store, const char *id, uint64_t lost_wall_ms,
                     uint64_t forget_wall_ms, struct error *err)
{
    sqlite3_stmt *forget = store_statement(store, STATEMENT_FORGET_PROXIES, err);
    if (forget == NULL)
        return false;
    store_bind_number(forget, 1, forget_wall_ms);
    if (!store_execute(store, forget, err))
        return false;

    sqlite3_stmt *put = store_statement(store, STATEMENT_PUT_PROXY, err);
    if (put == NULL)
        return false;
    store_bind_text(put, 1, id);
    store_bind_number(put, 2, lost_wall_ms);
    return store_execute(store, put, err);
}

bool store_each_proxy(struct store *store,
                      void (*visit)(void *context, const char *id, uint64_t lost_wall_ms),
                      void *context, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_READ_PROXIES, err);
    if (statement == NULL)
        return false;
    for (;;) {
        bool has_row;
        if (!store_step(store, statement, &has_row, err))
            return false;
        if (!has_row)
            return true;
        visit(context, (const char *)sqlite3_column_text(statement, 0),
              store_column_number(statement, 1));
    }
}
