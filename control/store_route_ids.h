/* Store route ids: what the migration to schema 7 asks of a database that has routes by their names
 * (proto/route_id.h).
 *
 * Threads: main, at start. */
#ifndef CONTROL_STORE_ROUTE_IDS_H
#define CONTROL_STORE_ROUTE_IDS_H

#include "common/error.h"

#include <stdbool.h>

struct sqlite3;

/* Adds two functions for SQL to the connection:
 *
 *   route_id(name, bytes)       the id of the route that has this name and these bytes
 *   reference_log_ids(entries)  entries of reference_log, with the ids of the routes that are
 *                               there in the place of their names */
bool store_add_route_id_functions(struct sqlite3 *database, struct error *err);

#endif
