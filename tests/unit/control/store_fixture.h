/* Store fixture: a database in a folder of its own, and short words for what tests do with it.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_CONTROL_STORE_FIXTURE_H
#define TESTS_UNIT_CONTROL_STORE_FIXTURE_H

#include "control/store.h"
#include "tests/support/temp_dir.h"

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

struct store_fixture {
    struct temp_dir *dir;
    char *path; /* of the database */
    struct store *store;
};

/* cmocka's set-up and tear-down; the state is a struct store_fixture. */
int store_fixture_set_up(void **state);
int store_fixture_tear_down(void **state);

void store_fixture_reopen(struct store_fixture *fixture);

/* --- inside a commit ------------------------------------------------------------------------ */

/* Puts or (bytes NULL) deletes an object, whatever it was before. `backend` is what a route names,
 * or NULL. */
bool store_fixture_write(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                         const char *bytes, const char *backend, struct error *err);
/* The same for a route that named `backend_before`. */
bool store_fixture_relink(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                          const char *bytes, const char *backend_before, const char *backend,
                          struct error *err);

/* --- a commit of one object in a transaction of its own ------------------------------------- */

bool store_fixture_try_put(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                           const char *bytes, struct error *err);
/* These must succeed, and return the new revision. */
uint64_t store_fixture_put(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                           const char *bytes);
uint64_t store_fixture_delete(struct store *store, Pointsman__V1__ObjectKind kind,
                              const char *name);

/* --- reading -------------------------------------------------------------------------------- */

/* What there is at a revision: "route a=1 route b=2 backend c=3". Caller frees. */
char *store_fixture_list(struct store *store, uint64_t revision);
/* What changed: "a=1 b-deleted". Caller frees. */
char *store_fixture_changes(struct store *store, uint64_t base_revision, uint64_t revision);

#endif
