/* Store migration: brings a database up to the newest schema file.
 *
 * Each file of schema/ is applied in one transaction that also moves user_version, so a database
 * is always at exactly one of the versions. Before the first of them the database as it was is
 * copied beside it.
 *
 * Threads: main, at start. */
#ifndef CONTROL_STORE_MIGRATE_H
#define CONTROL_STORE_MIGRATE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sqlite3;

struct schema_file {
    int version; /* from 1, without gaps */
    const char *name;
    const char *sql;
};

/* schema/, in order. */
extern const struct schema_file schema_files[];
extern const size_t schema_file_count;

/* Applies those of `files` that are newer than the database. When the database is not new, it is
 * first copied to PATH.before-VERSION. A database newer than all files is ERROR_UNSUPPORTED. */
bool store_migrate(struct sqlite3 *database, const char *path, const struct schema_file *files,
                   size_t file_count, struct error *err);

#endif
