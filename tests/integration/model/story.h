/* Story: control, its proxies and the model, on their way through one random run.
 *
 * Threads: one owns it. */
#ifndef TESTS_INTEGRATION_MODEL_STORY_H
#define TESTS_INTEGRATION_MODEL_STORY_H

#include "tests/integration/model/live_control.h"
#include "tests/integration/model/live_proxy.h"
#include "tests/integration/model/model.h"
#include "tests/support/control_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>

#define CONTROL "/pointsman.v1.RouteControl/"

enum { PROXIES = 3 };

struct proxy_of_story {
    char id[8];
    char *local_copy; /* NULL: it keeps none */
    struct live_proxy *live;
    bool is_frozen; /* it rejects what there is, and stays where it is */
    uint64_t frozen_at;
};

struct story {
    uint64_t seed;
    uint64_t random;
    unsigned step;
    const char *doing;
    struct temp_dir *dir;
    char *database;
    char *socket_path;
    struct model *model;
    struct live_control *control;
    struct grpc_client *client;
    struct proxy_of_story proxies[PROXIES];
    unsigned refusals;
    unsigned request_ids;
    char difference[8192]; /* why the last look did not find agreement */
};

/* cmocka cuts long messages. */
#define FAIL(story, ...)                                                                           \
    do {                                                                                           \
        fprintf(stderr, "seed %" PRIu64 ", step %u, %s: ", (story)->seed, (story)->step,           \
                (story)->doing);                                                                   \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        fail();                                                                                    \
    } while (0)

#define DIFFERS(story, ...)                                                                        \
    (snprintf((story)->difference, sizeof((story)->difference), __VA_ARGS__), false)

unsigned story_chance(struct story *story, unsigned below);
bool story_happens(struct story *story, unsigned percent);

/* --- agreement.c ------------------------------------------------------------------------------ */

/* Waits until all of them agree; fails when they do not come to. */
void story_check(struct story *story);
/* Some revisions that are gone by, as control lists them. */
void story_check_past(struct story *story);

#endif
