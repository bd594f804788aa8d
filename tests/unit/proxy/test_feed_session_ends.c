/* How a session is kept alive, and what ends it. */
#include "proto/feed_protocol.h"
#include "tests/unit/proxy/feed_stage.h"

static void signs_of_life_go_out_each_interval(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    size_t before = fake_grpc_report_count();
    for (int i = 0; i < 3; i++) {
        feed_stage_pass(fixture, HEARTBEAT_MS);
        feed_stage_heartbeat(41);
    }

    assert_int_equal(fake_grpc_report_count(), before + 3);
    assert_int_equal(fake_grpc_report()->outcome_case,
                     POINTSMAN__V1__REPORT_REQUEST__OUTCOME__NOT_SET);
    assert_int_equal(fixture->told.losses, 0);
}

static void three_missed_heartbeats_end_the_session(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    feed_stage_pass(fixture, 3 * HEARTBEAT_MS - 100);
    assert_int_equal(fixture->told.losses, 0);
    feed_stage_pass(fixture, 100);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_TIMEOUT);
    assert_false(fixture->told.needs_snapshot);
}

static void control_that_never_says_welcome_is_given_up(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);

    feed_stage_pass(fixture, 5000);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_TIMEOUT);
}

static void anything_before_welcome_ends_the_session(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);

    feed_stage_heartbeat(41);

    assert_int_equal(fixture->told.losses, 1);
}

static void welcome_in_another_protocol_ends_the_session(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);

    feed_stage_welcome_in(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE,
                          FEED_PROTOCOL_MAX + 1);

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.up_to_date, 0);
}

static void second_welcome_ends_the_session(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);

    assert_int_equal(fixture->told.losses, 1);
}

static void garbage_ends_the_session(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);

    fake_grpc_say_bytes(SLICE("\xff\xff\xff"));

    assert_int_equal(fixture->told.losses, 1);
}

static void end_of_feed_connection_or_report_is_told_once(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_open(fixture);
    feed_stage_welcome(POINTSMAN__V1__WELCOME_MODE__WELCOME_MODE_UP_TO_DATE);
    feed_stage_pass(fixture, HEARTBEAT_MS);

    fake_grpc_end_report(GRPC_UNAVAILABLE, "gone");
    fake_grpc_end_watch(GRPC_UNAVAILABLE, "gone");
    fake_grpc_close();

    assert_int_equal(fixture->told.losses, 1);
    assert_int_equal(fixture->told.loss_code, ERROR_UNAVAILABLE);
}

static void lost_session_neither_listens_nor_speaks(void **state)
{
    struct feed_stage *fixture = *state;
    feed_stage_apply_snapshot(fixture);
    fake_grpc_end_watch(GRPC_UNAVAILABLE, "gone");
    size_t reports = fake_grpc_report_count();

    Pointsman__V1__Update update = feed_stage_make_update(false, 41, 42);
    update.digest = feed_stage_digest_of("users") + feed_stage_digest_of("orders");
    feed_stage_say_update(update, "orders");
    feed_stage_pass(fixture, 10 * HEARTBEAT_MS);

    assert_int_equal(fixture->told.tables, 1);
    assert_int_equal(fake_grpc_report_count(), reports);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, feed_stage_set_up, feed_stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signs_of_life_go_out_each_interval),
        TEST(three_missed_heartbeats_end_the_session),
        TEST(control_that_never_says_welcome_is_given_up),
        TEST(anything_before_welcome_ends_the_session),
        TEST(welcome_in_another_protocol_ends_the_session),
        TEST(second_welcome_ends_the_session),
        TEST(garbage_ends_the_session),
        TEST(end_of_feed_connection_or_report_is_told_once),
        TEST(lost_session_neither_listens_nor_speaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
