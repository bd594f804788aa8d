#include "tests/unit/control/feed_fixture.h"

#include "control/commit_group.h"
#include "control/feed_service.h"
#include "control/store.h"
#include "proto/feed_protocol.h"
#include "proto/message.h"

#include <stdlib.h>
#include <string.h>

struct grpc_call *feed_watch(struct services_fixture *fixture, Pointsman__V1__WatchRequest *request)
{
    struct grpc_call *call = fake_call_new();
    feed_service_watch(fixture->services.feed, call, request);
    return call;
}

Pointsman__V1__WatchRequest feed_new_proxy(void)
{
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    request.proxy_id = (char *)"p1";
    request.boot_id = (char *)"boot-1";
    request.version = (char *)"0.1.0";
    request.protocol_min = FEED_PROTOCOL_MIN;
    request.protocol_max = FEED_PROTOCOL_MAX;
    return request;
}

Pointsman__V1__WatchResponse *feed_pull(struct grpc_call *call)
{
    return (Pointsman__V1__WatchResponse *)fake_call_pull(
        call, &pointsman__v1__watch_response__descriptor);
}

void feed_expect_welcome(struct grpc_call *call, Pointsman__V1__WelcomeMode mode,
                         Pointsman__V1__WelcomeReason reason)
{
    Pointsman__V1__WatchResponse *response = feed_pull(call);
    assert_non_null(response);
    assert_int_equal(response->event_case, EVENT_WELCOME);
    assert_int_equal(response->welcome->mode, mode);
    assert_int_equal(response->welcome->reason, reason);
    assert_int_equal(response->welcome->protocol, FEED_PROTOCOL_MAX);
    message_free(&response->base);
}

void feed_expect_nothing(struct grpc_call *call)
{
    assert_null(feed_pull(call));
    assert_false(fake_call_has_ended(call));
}

void feed_expect_update(struct grpc_call *call, const char *objects, Pointsman__V1__Update *update)
{
    Pointsman__V1__WatchResponse *response = feed_pull(call);
    struct buffer names = BUFFER_EMPTY;
    assert_non_null(response);
    assert_int_equal(response->event_case, EVENT_UPDATE);
    assert_true(response->update->last);
    for (size_t i = 0; i < response->update->n_objects; i++)
        buffer_printf(&names, "%s%s%s", i == 0 ? "" : " ", response->update->objects[i]->name,
                      response->update->objects[i]->deleted ? "-deleted" : "");
    assert_string_equal(buffer_string(&names), objects);
    buffer_clear(&names);
    *update = *response->update;
    message_free(&response->base);
}

enum grpc_status feed_report(struct services_fixture *fixture,
                             const Pointsman__V1__ReportRequest *request)
{
    struct grpc_call *call = fake_call_new();
    feed_service_report(fixture->services.feed, call, request);
    assert_true(fake_call_has_ended(call));
    enum grpc_status status = fake_call_status(call);
    fake_call_free(call);
    return status;
}

Pointsman__V1__ReportRequest feed_sign_of_life(struct services_fixture *fixture, uint64_t revision,
                                               uint64_t digest)
{
    Pointsman__V1__ReportRequest request = POINTSMAN__V1__REPORT_REQUEST__INIT;
    request.proxy_id = (char *)"p1";
    request.boot_id = (char *)"boot-1";
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = revision;
    request.digest = digest;
    return request;
}

void feed_report_applied(struct services_fixture *fixture, const Pointsman__V1__Update *update,
                         uint64_t digest)
{
    Pointsman__V1__ReportRequest request = feed_sign_of_life(fixture, update->revision, digest);
    Pointsman__V1__Applied applied = POINTSMAN__V1__APPLIED__INIT;
    request.update_id = update->update_id;
    request.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_APPLIED;
    request.applied = &applied;
    assert_int_equal(feed_report(fixture, &request), GRPC_OK);
}

void feed_report_rejected(struct services_fixture *fixture, const Pointsman__V1__Update *update)
{
    Pointsman__V1__ReportRequest request = feed_sign_of_life(fixture, update->base_revision, 0);
    Pointsman__V1__Rejected rejected = POINTSMAN__V1__REJECTED__INIT;
    Pointsman__V1__ObjectError object = POINTSMAN__V1__OBJECT_ERROR__INIT;
    Pointsman__V1__ObjectError *objects[] = {&object};
    object.name = (char *)"a";
    rejected.message = (char *)"cannot be built";
    rejected.n_errors = 1;
    rejected.errors = objects;
    request.update_id = update->update_id;
    request.outcome_case = POINTSMAN__V1__REPORT_REQUEST__OUTCOME_REJECTED;
    request.rejected = &rejected;
    assert_int_equal(feed_report(fixture, &request), GRPC_OK);
}

struct grpc_call *feed_connected_proxy(struct services_fixture *fixture)
{
    Pointsman__V1__WatchRequest request = feed_new_proxy();
    struct store_head head = store_head(fixture->services.store);
    request.epoch = (char *)store_epoch(fixture->services.store);
    request.revision = head.revision;
    request.digest = head.digest;
    struct grpc_call *call = feed_watch(fixture, &request);
    feed_expect_welcome(call, UP_TO_DATE, POINTSMAN__V1__WELCOME_REASON__WELCOME_REASON_SAME);
    feed_expect_nothing(call);
    return call;
}

struct proxy *feed_the_proxy(struct services_fixture *fixture)
{
    return proxy_registry_find(fixture->services.proxies, "p1", "boot-1");
}

void feed_put(struct services_fixture *fixture, const char *name, uint32_t port)
{
    apply_ok(fixture, make_apply(put_backend(name, port), NULL));
}

void feed_watch_is_refused(struct services_fixture *fixture, Pointsman__V1__WatchRequest *request,
                           enum grpc_status status)
{
    struct grpc_call *call = feed_watch(fixture, request);
    assert_true(fake_call_has_ended(call));
    assert_int_equal(fake_call_status(call), status);
    fake_call_free(call);
}
