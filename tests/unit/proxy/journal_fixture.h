/* Journal fixture: a local copy in a folder of its own, and what a test does with it.
 *
 * Threads: one owns it. */
#ifndef TESTS_UNIT_PROXY_JOURNAL_FIXTURE_H
#define TESTS_UNIT_PROXY_JOURNAL_FIXTURE_H

#include "common/buffer.h"
#include "proxy/local_copy.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/copy_reading.h"
#include "tests/unit/proxy/fake_replica.h"

#include <stdatomic.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

/* A proxy's control thread, as far as the copy sees it. */
struct journal_fixture {
    struct temp_dir *dir;
    char *path;
    char *journal_path;
    struct route_replica *replica;
    struct local_copy *copy;
    uint64_t now_ms;
    atomic_uint snapshots_read;
};

int journal_set_up(void **state);

int journal_tear_down(void **state);

/* Goes on with what is on disk, as a start does. */
void journal_start(struct journal_fixture *fixture);

void journal_stop(struct journal_fixture *fixture);

/* The base: "users" at revision 1. */
void journal_write_base(struct journal_fixture *fixture);

void journal_commit(struct journal_fixture *fixture);

void journal_put(struct journal_fixture *fixture, Pointsman__V1__ObjectKind kind, const char *name,
                 struct slice bytes);

void journal_take_away(struct journal_fixture *fixture, Pointsman__V1__ObjectKind kind,
                       const char *name);

/* Each update is a group of its own when the copy is stopped in between. */
void journal_put_as_a_group(struct journal_fixture *fixture, const char *name);

void journal_assert_on_disk(struct journal_fixture *fixture);

void journal_assert_refused(struct journal_fixture *fixture, enum error_code code);

void journal_write_file(const char *path, struct slice content);

struct buffer journal_read_file(const char *path);

#endif
