/* Feed fixture: a proxy at the other end of the feed service, by hand.
 *
 * Threads: one owns it. */
#ifndef TESTS_UNIT_CONTROL_FEED_FIXTURE_H
#define TESTS_UNIT_CONTROL_FEED_FIXTURE_H

#include "control/proxy_registry.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/fake_grpc_server.h"
#include "tests/unit/control/services_fixture.h"

#define SNAPSHOT POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_SNAPSHOT
#define DELTA POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_DELTA
#define UP_TO_DATE POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE

#define EVENT_WELCOME POINTSMAN__V1__WATCH_RESPONSE__EVENT_WELCOME
#define EVENT_UPDATE POINTSMAN__V1__WATCH_RESPONSE__EVENT_UPDATE
#define EVENT_HEARTBEAT POINTSMAN__V1__WATCH_RESPONSE__EVENT_HEARTBEAT

struct grpc_call *feed_watch(struct services_fixture *fixture,
                             Pointsman__V1__WatchRequest *request);

Pointsman__V1__WatchRequest feed_new_proxy(void);

Pointsman__V1__WatchResponse *feed_pull(struct grpc_call *call);

void feed_expect_welcome(struct grpc_call *call, Pointsman__V1__WelcomeMode mode,
                         Pointsman__V1__WelcomeReason reason);

void feed_expect_nothing(struct grpc_call *call);

/* An update of one message. Its objects as "api b-deleted"; its head goes to `*update`. */
void feed_expect_update(struct grpc_call *call, const char *objects, Pointsman__V1__Update *update);

enum grpc_status feed_report(struct services_fixture *fixture,
                             const Pointsman__V1__ReportRequest *request);

Pointsman__V1__ReportRequest feed_sign_of_life(struct services_fixture *fixture, uint64_t revision,
                                               uint64_t digest);

void feed_report_applied(struct services_fixture *fixture, const Pointsman__V1__Update *update,
                         uint64_t digest);

void feed_report_rejected(struct services_fixture *fixture, const Pointsman__V1__Update *update);

/* A proxy that has applied what there is. */
struct grpc_call *feed_connected_proxy(struct services_fixture *fixture);

struct proxy *feed_the_proxy(struct services_fixture *fixture);

void feed_put(struct services_fixture *fixture, const char *name, uint32_t port);

void feed_watch_is_refused(struct services_fixture *fixture, Pointsman__V1__WatchRequest *request,
                           enum grpc_status status);

#endif
