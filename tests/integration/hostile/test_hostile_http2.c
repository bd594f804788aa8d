/* Floods of HTTP/2 at the real proxy: each ends its connections, costs it hardly any memory, sends
 * its service hardly any request, and keeps nobody else waiting. */
#include "common/clock.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_floods.h"
#include "tests/support/http2_frames.h"
#include "tests/support/http_connection.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KIB = 1024 };

/* As many at a time flood; each of them sends this much at most, far more than any budget. */
enum { FLOODERS = 8, ROUNDS_MAX = 400, FRAMES_A_ROUND = 100 };

/* Each may cost this much, and this for each request that it may have open. A sanitizer keeps what
 * was freed for a while. */
#ifdef SANITIZED
enum { FLOOD_BYTES = 32 * 1024 * KIB, REQUEST_BYTES = 256 * KIB };
#else
enum { FLOOD_BYTES = 256 * KIB, REQUEST_BYTES = 24 * KIB };
#endif

/* A request whose reset had not come with it is on its way to the service. */
enum { CROSSED_REQUESTS = 4 };

enum { OTHERS = 2, OTHER_REQUESTS = 20 };

static struct fake_upstream *flooded; /* behind the host that floods ask for */
static struct fake_upstream *service; /* of everyone else */
static struct pointsman *pointsman;
static struct load *others;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--linger-timeout=200ms", NULL};
    flooded = fake_upstream_start("flooded");
    service = fake_upstream_start("service");
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    pointsman_routectl_ok(pointsman, "add", "flooded", "--host", "shop", "--path-prefix", "/",
                          "--to", fake_upstream_url(flooded), NULL);
    pointsman_routectl_ok(pointsman, "add", "service", "--host", "others", "--path-prefix", "/",
                          "--to", fake_upstream_url(service), NULL);
    others = load_start(pointsman_port(pointsman), "others", "/", OTHERS);
    load_wait_answered(others, OTHER_REQUESTS);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    struct load_tally tally = load_stop(others);
    pointsman_free(pointsman);
    fake_upstream_free(service);
    fake_upstream_free(flooded);
    assert_int_equal(tally.broken + tally.failed + tally.refused + tally.unanswered, 0);
    return 0;
}

/* --- one that floods ------------------------------------------------------------------------- */

struct flooder {
    const struct http2_flood_kind *kind;
    struct http_connection *connection;
    struct buffer unsent;
    struct buffer received;
    uint32_t turn;
    unsigned rounds;
    bool reads;
    bool has_goaway;
    bool has_ended;
    uint32_t code; /* of GOAWAY */
};

static void flooder_open(struct flooder *flooder, const struct http2_flood_kind *kind, bool reads)
{
    *flooder = (struct flooder){.kind = kind, .reads = reads};
    flooder->connection = http_connection_open(pointsman_port(pointsman));
    assert_non_null(flooder->connection);
    http2_flood_begin(kind, &flooder->unsent);
}

static void flooder_close(struct flooder *flooder)
{
    http_connection_close(flooder->connection);
    buffer_clear(&flooder->unsent);
    buffer_clear(&flooder->received);
}

static void read_frames(struct flooder *flooder)
{
    struct http2_frame frame;
    while (http2_look_at_frame(&flooder->received, &frame)) {
        if (frame.type == HTTP2_FRAME_GOAWAY) {
            flooder->has_goaway = true;
            flooder->code = http2_frame_number(&frame);
        }
        http2_drop_frame(&flooder->received, &frame);
    }
}

static void flooder_read(struct flooder *flooder)
{
    enum { AT_ONCE = 16 * KIB };
    ssize_t length = recv(http_connection_fd(flooder->connection),
                          buffer_reserve(&flooder->received, AT_ONCE), AT_ONCE, MSG_DONTWAIT);
    if (length > 0) {
        buffer_extend(&flooder->received, (size_t)length);
        read_frames(flooder);
    } else {
        flooder->has_ended = length == 0 || errno != EAGAIN;
    }
}

static void flooder_send(struct flooder *flooder)
{
    if (flooder->unsent.length == 0 && flooder->rounds < ROUNDS_MAX) {
        flooder->rounds++;
        for (unsigned i = 0; i < FRAMES_A_ROUND; i++)
            flooder->kind->put(&flooder->unsent, flooder->turn++);
    }
    ssize_t length = send(http_connection_fd(flooder->connection), flooder->unsent.at,
                          flooder->unsent.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (length > 0)
        buffer_consume(&flooder->unsent, (size_t)length);
    else if (length < 0 && errno != EAGAIN)
        flooder->has_ended = !flooder->reads; /* who reads is told by that */
}

/* What the kernel says of the end is no reading. */
static void flooder_act(struct flooder *flooder, short events)
{
    if (flooder->reads && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        flooder_read(flooder);
    else if ((events & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
        flooder->has_ended = true;
    if (!flooder->has_ended && (events & POLLOUT) != 0)
        flooder_send(flooder);
}

/* --- all of them ----------------------------------------------------------------------------- */

struct toll {
    size_t bytes;    /* of memory, at most */
    size_t requests; /* that came to the service */
};

/* False when they are over. */
static bool play_turn(struct flooder *flooders)
{
    struct pollfd polled[FLOODERS];
    bool goes_on = false;
    for (size_t i = 0; i < FLOODERS; i++) {
        struct flooder *flooder = &flooders[i];
        bool sends = flooder->unsent.length > 0 || flooder->rounds < ROUNDS_MAX;
        polled[i] = (struct pollfd){
            .fd = flooder->has_ended ? -1 : http_connection_fd(flooder->connection),
            .events = (short)((flooder->reads ? POLLIN : POLLRDHUP) | (sends ? POLLOUT : 0))};
        goes_on |= !flooder->has_ended;
    }
    if (!goes_on)
        return false;
    poll(polled, FLOODERS, 100);
    for (size_t i = 0; i < FLOODERS; i++)
        flooder_act(&flooders[i], polled[i].revents);
    return true;
}

static struct toll flood_with(const struct http2_flood_kind *kind, bool reads)
{
    struct flooder flooders[FLOODERS];
    struct toll toll = {0};
    size_t requests = fake_upstream_connection_count(flooded);
    size_t before = process_resident_bytes(pointsman_proxy(pointsman));
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    for (size_t i = 0; i < FLOODERS; i++)
        flooder_open(&flooders[i], kind, reads);

    while (play_turn(flooders)) {
        size_t now = process_resident_bytes(pointsman_proxy(pointsman));
        if (now > before && now - before > toll.bytes)
            toll.bytes = now - before;
        if (clock_now_ms() > deadline_ms)
            fail_msg("%s: it goes on and on", kind->name);
    }

    for (size_t i = 0; i < FLOODERS; i++) {
        if (reads && (!flooders[i].has_goaway || flooders[i].code != kind->code))
            fail_msg("%s: goaway %d, code %u", kind->name, flooders[i].has_goaway,
                     flooders[i].code);
        flooder_close(&flooders[i]);
    }
    toll.requests = fake_upstream_connection_count(flooded) - requests;
    return toll;
}

static void flood_with_each(bool reads)
{
    for (size_t i = 0; i < http2_flood_kind_count; i++) {
        const struct http2_flood_kind *kind = &http2_flood_kinds[i];
        struct toll toll = flood_with(kind, reads);
        load_wait_more_answered(others, OTHER_REQUESTS);
        print_message("%-24s %5zu KiB, %zu requests\n", kind->name, toll.bytes / KIB,
                      toll.requests);
        if (toll.bytes > FLOODERS * (FLOOD_BYTES + kind->requests * REQUEST_BYTES))
            fail_msg("%s: %zu bytes", kind->name, toll.bytes);
        if (toll.requests > FLOODERS * (kind->requests + CROSSED_REQUESTS))
            fail_msg("%s: %zu requests", kind->name, toll.requests);
        assert_true(process_is_running(pointsman_proxy(pointsman)));
    }
}

/* --- the stories ----------------------------------------------------------------------------- */

static void every_flood_ends_its_connection_and_disturbs_nobody(void **state)
{
    (void)state;
    flood_with_each(true);
}

static void so_does_one_of_clients_that_never_read(void **state)
{
    (void)state;
    flood_with_each(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_flood_ends_its_connection_and_disturbs_nobody, start,
                                        stop),
        cmocka_unit_test_setup_teardown(so_does_one_of_clients_that_never_read, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
