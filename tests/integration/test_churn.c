/* Routes come and go the whole time; requests along another route notice nothing.
 *
 *   test_integration_churn [SECONDS]      5 without an argument */
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wrk.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS = 64 };

static unsigned seconds = 5;

/* Adds a route, and removes the one before. */
static void change_routes(const struct pointsman *pointsman, const struct nginx *nginx,
                          unsigned round)
{
    char added[32];
    char removed[32];
    char path[32];
    snprintf(added, sizeof(added), "other-%u", round);
    snprintf(removed, sizeof(removed), "other-%u", round - 1);
    snprintf(path, sizeof(path), "/other/%u", round % 10);

    pointsman_routectl_ok(pointsman, "add", added, "--path-prefix", path, "--to", nginx_url(nginx),
                          NULL);
    if (round > 0)
        pointsman_routectl_ok(pointsman, "remove", removed, NULL);
}

static void no_request_is_lost_while_other_routes_change(void **state)
{
    (void)state;
    struct temp_dir *files = temp_dir_new();
    free(temp_dir_write(files, "page.txt", "a page\n"));
    struct nginx *nginx = nginx_start(files);
    struct pointsman *pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page.txt", "--to",
                          nginx_url(nginx), NULL);

    struct process *wrk = wrk_start(pointsman_port(pointsman), "/page.txt", CONNECTIONS, seconds);
    unsigned rounds = 0;
    while (process_is_running(wrk))
        change_routes(pointsman, nginx, rounds++);
    struct wrk_result result = wrk_finish(wrk, seconds);

    printf("%zu requests while routes changed %u times\n%s", result.requests, 2 * rounds,
           result.report);
    assert_true(rounds > 0);
    assert_true(result.requests > 0);
    assert_int_equal(result.socket_errors, 0);
    assert_int_equal(result.other_statuses, 0);
    free(result.report);
    pointsman_free(pointsman);
    nginx_free(nginx);
    temp_dir_free(files);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_is_lost_while_other_routes_change),
    };
    if (argc > 1)
        seconds = (unsigned)atoi(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
