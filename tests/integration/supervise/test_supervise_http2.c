/* --supervise, to clients of HTTP/2: they are told to come anew, and lose nothing by it. */
#include "tests/integration/supervise/stage.h"
#include "tests/support/check.h"
#include "tests/support/http2_client.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CLIENTS = 3, AT_ONCE = 8, UPGRADES = 4, SOME_REQUESTS = 300 };

static struct stage stage;

static int set_up(void **state)
{
    (void)state;
    stage_start(&stage, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_stop(&stage);
    return 0;
}

struct asker {
    pthread_t thread;
    atomic_size_t answered;
    atomic_size_t goaways; /* connections that ended with them */
    size_t expected_goaways;
};

static atomic_bool is_over;

/* Once it has been told, a client asks for nothing more there. */
static void ask_until_told(struct asker *asker, struct http2_client *client)
{
    while (!is_over && client->goaways == 0) {
        struct http2_reply *replies[AT_ONCE];
        for (size_t i = 0; i < AT_ONCE; i++)
            replies[i] = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/page"), true);
        for (size_t i = 0; i < AT_ONCE; i++) {
            CHECK(HTTP2_CLIENT_WAIT(client, replies[i]->has_ended), "stream %u was not answered",
                  replies[i]->stream);
            CHECK(http2_reply_status(replies[i]) == 200, "stream %u was answered with %s",
                  replies[i]->stream, buffer_string(&replies[i]->fields));
            asker->answered++;
        }
    }
}

static void *ask(void *context)
{
    struct asker *asker = context;
    while (!is_over) {
        struct http2_client *client = http2_client_open(pointsman_port(stage.pointsman));
        CHECK(client != NULL, "a connection was refused");
        ask_until_told(asker, client);
        asker->goaways += client->goaways > 0;
        http2_client_close(client);
    }
    return NULL;
}

static bool has_answered_more(void *context)
{
    struct asker *asker = context;
    return asker->answered >= SOME_REQUESTS;
}

static void wait_for_more(struct asker *askers)
{
    for (size_t i = 0; i < CLIENTS; i++)
        askers[i].answered = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        assert_true(wait_until(has_answered_more, &askers[i], WAIT_MS));
}

static bool has_come_anew(void *context)
{
    struct asker *asker = context;
    return asker->goaways >= asker->expected_goaways;
}

static void wait_for_goaways(struct asker *askers, size_t count)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        askers[i].expected_goaways = count;
        assert_true(wait_until(has_come_anew, &askers[i], WAIT_MS));
    }
}

static void upgrades_fail_no_request_and_refuse_no_connection(void **state)
{
    (void)state;
    struct asker askers[CLIENTS] = {0};
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
    wait_for_more(askers);

    for (unsigned generation = 2; generation < 2 + UPGRADES; generation++) {
        stage_upgrade(&stage, generation);
        wait_for_goaways(askers, generation - 1);
        wait_for_more(askers);
    }

    is_over = true;
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(askers[i].thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(upgrades_fail_no_request_and_refuse_no_connection, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
