/* Soak: for a while, everything at once. Good clients ask all the time, hostile ones send every
 * case there is, slow ones hold what they can; of the services one answers everything that no
 * service should, another comes and goes; and routes change. In the end the good clients have seen
 * no error, and the proxy has neither grown nor kept anything.
 *
 *   test_integration_hostile_soak [SECONDS]      10 without an argument; see tests/soak */
#include "common/buffer.h"
#include "common/clock.h"
#include "tests/integration/hostile/cases.h"
#include "tests/integration/hostile/responses.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOOD_CLIENTS = 4, HOSTILE_CLIENTS = 2, SLOW_CLIENTS = 2, MIB = 1024 * 1024 };

/* So often a service misbehaves before another takes its place. */
enum { ROUNDS_OF_A_SERVICE = 20 };

/* Under a sanitizer freed memory waits to be used again: that much is no growth. */
enum { ALLOWED_GROWTH_BYTES = 48 * MIB };

static unsigned seconds = 10;

/* What the hostile service does, and to whom. */
struct script {
    struct fake_step steps[4];
    const struct response_case *hostile;
};

static struct {
    struct pointsman *pointsman;
    struct temp_dir *files;
    struct nginx *good;
    struct fake_upstream *fickle;  /* comes and goes */
    struct fake_upstream *hostile; /* answers what no service should */
    struct script *scripts;
    size_t script_count;
    size_t next_script;
    atomic_bool is_stopping;
} soak;

/* --- hostile services ------------------------------------------------------------------------ */

static const struct response_theme *const response_themes[] = {
    &status_lines_theme,  &response_fields_theme, &response_chunks_theme,
    &response_ends_theme, &answers_theme,
};
enum { RESPONSE_THEMES = sizeof(response_themes) / sizeof(response_themes[0]) };

static void add_script(const struct response_case *hostile)
{
    static const enum fake_action ends[] = {
        [SERVICE_STAYS] = FAKE_READ_TO_END,
        [SERVICE_CLOSES] = FAKE_CLOSE,
        [SERVICE_RESETS] = FAKE_RESET,
        [SERVICE_SERVES] = FAKE_SERVE,
    };
    struct script *script = &soak.scripts[soak.script_count++];
    struct fake_step *steps = script->steps;
    script->hostile = hostile;
    *steps++ = (struct fake_step){.action = FAKE_READ_REQUEST};
    if (hostile->length > 0)
        *steps++ = (struct fake_step){
            .action = FAKE_SEND, .text = hostile->bytes, .text_length = hostile->length};
    *steps++ = (struct fake_step){.action = ends[hostile->end]};
    if (hostile->end == SERVICE_STAYS)
        *steps = (struct fake_step){.action = FAKE_CLOSE};
}

static void make_scripts(void)
{
    size_t count = 0;
    for (size_t i = 0; i < RESPONSE_THEMES; i++)
        count += response_themes[i]->count;
    soak.scripts = memory_allocate_zeroed(count, sizeof(soak.scripts[0]));
    for (size_t i = 0; i < RESPONSE_THEMES; i++) {
        for (size_t k = 0; k < response_themes[i]->count; k++)
            add_script(&response_themes[i]->cases[k]);
    }
}

/* A client of the hostile service gets something, or an end; it does not wait. */
static void meet_hostile_service(void)
{
    const struct script *script = &soak.scripts[soak.next_script++ % soak.script_count];
    bool is_head = script->hostile->method != NULL;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_drop_connections(soak.hostile);
    fake_upstream_forget_scripts(soak.hostile);
    fake_upstream_script(soak.hostile, script->steps);
    struct http_connection *connection = http_connection_open(pointsman_port(soak.pointsman));
    CHECK(connection != NULL, "the proxy is gone");
    http_connection_send_text(connection, is_head ? "HEAD" : "GET");
    http_connection_send_text(connection, " /hostile HTTP/1.1\r\nHost: a\r\n\r\n");
    enum http_outcome outcome = is_head
                                    ? http_connection_receive_head(connection, &response, WAIT_MS)
                                    : http_connection_receive(connection, &response, WAIT_MS);
    CHECK(outcome != HTTP_TIMEOUT && outcome != HTTP_GARBAGE, "%s", http_outcome_name(outcome));
    http_message_clear(&response);
    http_connection_close(connection);
}

/* --- hostile clients ------------------------------------------------------------------------- */

static const struct hostile_theme *const request_themes[] = {
    &framing_theme, &chunks_theme,   &lines_theme, &fields_theme, &versions_theme,
    &targets_theme, &absolute_theme, &hosts_theme, &hops_theme,   &upgrades_theme,
};
enum { REQUEST_THEMES = sizeof(request_themes) / sizeof(request_themes[0]) };

/* Sends it whole or in two parts, and reads the answer, leaves, or resets. */
static void send_hostile(const struct hostile_case *hostile, unsigned *random)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open(pointsman_port(soak.pointsman));
    CHECK(connection != NULL, "the proxy is gone");
    size_t first = (size_t)rand_r(random) % (hostile->length + 1);
    http_connection_send(connection, hostile->bytes, first);
    if (rand_r(random) % 8 == 0)
        return http_connection_reset(connection);
    http_connection_send(connection, hostile->bytes + first, hostile->length - first);
    if (rand_r(random) % 4 != 0) {
        enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
        CHECK(outcome != HTTP_TIMEOUT && outcome != HTTP_GARBAGE, "%s", http_outcome_name(outcome));
    }
    http_message_clear(&response);
    http_connection_close(connection);
}

static void *run_hostile_client(void *context)
{
    unsigned random = (unsigned)(size_t)context;
    while (!atomic_load(&soak.is_stopping)) {
        const struct hostile_theme *theme =
            request_themes[(unsigned)rand_r(&random) % REQUEST_THEMES];
        send_hostile(&theme->cases[(size_t)rand_r(&random) % theme->count], &random);
    }
    return NULL;
}

/* --- slow clients ---------------------------------------------------------------------------- */

static const char *const slow_beginnings[] = {
    "",
    "G",
    "GET / HTTP/1.1\r\nHost: a\r\nX: ",
    "POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello",
    "POST /good HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "POST /good HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "GET /good HTTP/1.1\r\nHost: a\r\n\r\n",
};
enum { BEGINNINGS = sizeof(slow_beginnings) / sizeof(slow_beginnings[0]) };

/* Holds a few connections at a time, each for as long as it is let; sends a byte now and then. */
static void *run_slow_client(void *context)
{
    enum { HELD = 16 };
    unsigned random = (unsigned)(size_t)context;
    struct http_connection *held[HELD] = {NULL};
    while (!atomic_load(&soak.is_stopping)) {
        size_t place = (size_t)rand_r(&random) % HELD;
        if (held[place] != NULL && (http_connection_is_closed_within(held[place], 20) ||
                                    !http_connection_send_text(held[place], "x"))) {
            http_connection_close(held[place]);
            held[place] = NULL;
        }
        if (held[place] != NULL)
            continue;
        held[place] = http_connection_open(pointsman_port(soak.pointsman));
        CHECK(held[place] != NULL, "the proxy is gone");
        http_connection_send_text(held[place],
                                  slow_beginnings[(unsigned)rand_r(&random) % BEGINNINGS]);
    }
    for (size_t i = 0; i < HELD; i++)
        http_connection_close(held[i]);
    return NULL;
}

/* --- what is measured ------------------------------------------------------------------------ */

static size_t descriptor_count(void)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)process_id(pointsman_proxy(soak.pointsman)));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static bool has_as_few_descriptors(void *context)
{
    return descriptor_count() <= *(const size_t *)context;
}

/* --- the stage ------------------------------------------------------------------------------- */

/* Services at other addresses take the place of those that misbehave; what runs on the old ones
 * ends as it can. */
static void replace_services(void)
{
    struct fake_upstream *fickle = soak.fickle;
    struct fake_upstream *hostile = soak.hostile;
    soak.fickle = fake_upstream_start("fickle");
    soak.hostile = fake_upstream_start("hostile");
    pointsman_routectl_ok(soak.pointsman, "add", "good", "--replace", "--path-prefix", "/", "--to",
                          nginx_url(soak.good), "--to", fake_upstream_url(soak.fickle),
                          "--retry-attempts", "3", "--retry-backoff", "1ms", NULL);
    pointsman_routectl_ok(soak.pointsman, "add", "hostile", "--replace", "--path-prefix",
                          "/hostile", "--to", fake_upstream_url(soak.hostile), NULL);
    fake_upstream_free(fickle);
    fake_upstream_free(hostile);
}

static int start(void **state)
{
    (void)state;
    /* Idle connections may stay for long: a good client that a busy machine lets wait must not find
     * its connection closed just as it asks again. */
    static const char *const arguments[] = {
        "--head-timeout=500ms",    "--upload-timeout=500ms",
        "--idle-timeout=10s",      "--write-stall-timeout=500ms",
        "--linger-timeout=200ms",  "--pool-idle-timeout=500ms",
        "--connection-max-age=2s", "--connection-max-requests=500",
        "--max-body=1m",           NULL};
    /* Freed memory shall be used again while we watch. */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=8", 0);
    soak.files = temp_dir_new();
    free(temp_dir_write(soak.files, "good", "good\n"));
    soak.good = nginx_start(soak.files);
    soak.pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    replace_services();
    make_scripts();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(soak.pointsman); /* it must end well, without a leak */
    nginx_free(soak.good);
    temp_dir_free(soak.files);
    fake_upstream_free(soak.fickle);
    fake_upstream_free(soak.hostile);
    free(soak.scripts);
    return 0;
}

/* One of two things the fickle service does, and a change of routes. */
static void change_something(unsigned round)
{
    char name[32];
    char path[32];
    snprintf(name, sizeof(name), "other-%u", round % 8);
    snprintf(path, sizeof(path), "/other/%u", round);
    pointsman_routectl_ok(soak.pointsman, "add", name, "--replace", "--path-prefix", path, "--to",
                          nginx_url(soak.good), NULL);
    if (round % ROUNDS_OF_A_SERVICE == ROUNDS_OF_A_SERVICE - 1)
        replace_services();
    if (round % 2 == 0)
        fake_upstream_refuse(soak.fickle);
    else
        fake_upstream_accept(soak.fickle);
    fake_upstream_drop_connections(soak.fickle);
}

/* Returns the most memory it had in the first half, and in the second. */
static void run(size_t most[2])
{
    uint64_t started_ms = clock_now_ms();
    uint64_t passed_ms = 0;
    for (unsigned round = 0; passed_ms < (uint64_t)seconds * 1000; round++) {
        change_something(round);
        for (int i = 0; i < 20; i++)
            meet_hostile_service();
        size_t now = process_resident_bytes(pointsman_proxy(soak.pointsman));
        size_t half = passed_ms * 2 < (uint64_t)seconds * 1000 ? 0 : 1;
        most[half] = now > most[half] ? now : most[half];
        passed_ms = clock_now_ms() - started_ms;
    }
}

static void everything_at_once_leaves_nothing_behind(void **state)
{
    (void)state;
    pthread_t threads[HOSTILE_CLIENTS + SLOW_CLIENTS];
    size_t most[2] = {0, 0};
    int port = pointsman_port(soak.pointsman);
    assert_int_equal(http_get_status(port, "a", "/good"), 200);
    size_t descriptors = descriptor_count();

    struct load *load = load_start(port, "a", "/good", GOOD_CLIENTS);
    for (size_t i = 0; i < HOSTILE_CLIENTS + SLOW_CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < HOSTILE_CLIENTS ? run_hostile_client : run_slow_client,
                                        (void *)(i + 1)),
                         0);
    run(most);
    struct load_tally tally = load_stop(load);
    atomic_store(&soak.is_stopping, true);
    for (size_t i = 0; i < HOSTILE_CLIENTS + SLOW_CLIENTS; i++)
        pthread_join(threads[i], NULL);

    print_message("%zu good answers; %zu hostile answers met; most memory %zu MiB, then %zu MiB\n",
                  tally.answered, soak.next_script, most[0] / MIB, most[1] / MIB);
    assert_int_equal(tally.refused, 0);
    assert_int_equal(tally.unanswered, 0);
    assert_int_equal(tally.broken, 0);
    assert_int_equal(tally.failed, 0);
    assert_true(tally.answered > 0);
    assert_true(most[1] < most[0] + ALLOWED_GROWTH_BYTES);
    assert_true(wait_until(has_as_few_descriptors, &descriptors, WAIT_MS));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_at_once_leaves_nothing_behind),
    };
    if (argc > 1)
        seconds = (unsigned)atoi(argv[1]);
    return cmocka_run_group_tests(tests, start, stop);
}
