/* Feed stage: a feed session between a fake control and an owner that notes what it is told.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_PROXY_FEED_STAGE_H
#define TESTS_UNIT_PROXY_FEED_STAGE_H

#include "common/event_loop.h"
#include "proxy/feed_session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/fake_grpc_client.h"
#include "tests/unit/proxy/fake_replica.h"

enum { HEARTBEAT_MS = 1000 };

/* What the session told its owner. */
struct feed_told {
    size_t words;
    uint64_t head_revision;
    size_t up_to_date;
    size_t tables;
    uint64_t table_revision;
    size_t rejections;
    size_t losses;
    enum error_code loss_code;
    bool needs_snapshot;
    bool is_snapshot;
    size_t objects;  /* of the last update */
    char names[256]; /* theirs: "users orders-deleted " */
};

struct feed_stage {
    struct event_loop *loop;
    struct identity identity;
    struct route_replica *replica;
    struct feed_session_options options;
    struct feed_session *session;
    struct feed_told told;
    uint64_t now_ms;
};

int feed_stage_set_up(void **state);
int feed_stage_tear_down(void **state);

void feed_stage_open(struct feed_stage *fixture);
/* Lets `ms` pass, in steps so that timers fire in their order. */
void feed_stage_pass(struct feed_stage *fixture, uint64_t ms);

/* --- what control says ---------------------------------------------------------------------- */

void feed_stage_welcome(Pointsman__V1__WelcomeMode mode);
void feed_stage_welcome_in(Pointsman__V1__WelcomeMode mode, uint32_t protocol);
void feed_stage_heartbeat(uint64_t head_revision);

/* In one message; its digest is for the test to set. */
Pointsman__V1__Update feed_stage_make_update(bool snapshot, uint64_t base, uint64_t revision);
/* With one route of that name, */
void feed_stage_say_update(Pointsman__V1__Update update, const char *name);
/* which counts so in the digest. */
uint64_t feed_stage_digest_of(const char *name);

/* Opens the session, which then holds the route "users" at revision 41. */
void feed_stage_apply_snapshot(struct feed_stage *fixture);

#endif
