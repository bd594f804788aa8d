/* Services fixture: the parts of control without socket, and short words for calling them.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_CONTROL_SERVICES_FIXTURE_H
#define TESTS_UNIT_CONTROL_SERVICES_FIXTURE_H

#include "control/answer.h"
#include "control/services.h"
#include "proto/message.h"
#include "tests/unit/control/fake_grpc_server.h"

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

struct event_loop;
struct change_feed;
struct confirmation;
struct temp_dir;

struct services_fixture {
    struct temp_dir *dir;
    char *path; /* of the database */
    struct event_loop *loop;
    struct change_feed *changes;
    struct confirmation *confirmation;
    struct services services;
    uint64_t now_ms; /* of the test's clock */
};

/* cmocka's set-up and tear-down; the state is a struct services_fixture. */
int services_fixture_set_up(void **state);
int services_fixture_tear_down(void **state);

/* As if the daemon had been started again. No call may be open. */
void services_fixture_restart(struct services_fixture *fixture);

/* Lets the test's clock go on and the loop's timers run. */
void services_fixture_pass(struct services_fixture *fixture, uint64_t milliseconds);

/* --- requests, which live until the next tear-down ------------------------------------------ */

/* A route of that name for every host and path, to a backend ("": none). */
RouteMessage *make_route(const char *name, const char *backend);
/* A backend with one endpoint at that port. */
BackendMessage *make_backend(const char *name, uint32_t port);
MutationMessage *put_route(const char *name, const char *backend);
MutationMessage *delete_route(const char *name);
MutationMessage *put_backend(const char *name, uint32_t port);
MutationMessage *delete_backend(const char *name);

/* "mutations" ends with NULL. */
Pointsman__V1__ApplyRequest *make_apply(MutationMessage *first, ...) __attribute__((sentinel));

/* --- calls ---------------------------------------------------------------------------------- */

/* Starts a call; the answer comes with commit_group_flush. Free with fake_call_free. */
struct grpc_call *start_apply(struct services_fixture *fixture,
                              const Pointsman__V1__ApplyRequest *request);

/* A whole call. The answer must be OK; free with answer_free. */
AnswerMessage *apply(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request);
/* The same for what it changes alone: the new head. */
uint64_t apply_ok(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request);

/* A whole call that must fail with this status, naming these fields. */
void apply_fails(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request,
                 enum grpc_status status, const char *fields);

#endif
