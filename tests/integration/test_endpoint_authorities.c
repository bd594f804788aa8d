/* The authorities that endpoints are verified by, changed on disk while the proxy runs. */
#include "common/buffer.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct temp_dir *folder;
static struct certificate first;       /* an authority */
static struct certificate second;      /* another */
static struct certificate by_first;    /* an endpoint's, signed by the first */
static struct certificate by_second;   /* likewise */
static struct certificate authorities; /* whatever is in its file; the system's, too */
static struct fake_upstream *upstream;
static struct pointsman *pointsman;

static void believe(const struct certificate *authority)
{
    certificate_file_replace(folder, authority->certificate, authorities.certificate);
}

/* One worker, so that it is one pool that connections and sessions wait in. */
static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    first = certificate_make_authority(folder, "first");
    second = certificate_make_authority(folder, "second");
    by_first = certificate_make(folder, "by-first", "IP:127.0.0.1", &first);
    by_second = certificate_make(folder, "by-second", "IP:127.0.0.1", &second);
    authorities = certificate_make_authority(folder, "authorities");
    believe(&first);
    setenv("SSL_CERT_FILE", authorities.certificate, 1);
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--backend", "shop",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&first);
    certificate_clear(&second);
    certificate_clear(&by_first);
    certificate_clear(&by_second);
    certificate_clear(&authorities);
    temp_dir_free(folder);
    return 0;
}

/* An endpoint with this certificate, each of whose answers is the last on its connection. */
static void serve(const struct certificate *own)
{
    upstream = fake_upstream_start_tls("shop", own->certificate, own->key);
    fake_upstream_answer(upstream,
                         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void verify_by_the_file(void)
{
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          "--tls-ca-file", authorities.certificate, NULL);
}

static int get_status(void)
{
    return http_get_status(pointsman_port(pointsman), "h", "/");
}

static bool is_served(void *context)
{
    (void)context;
    return get_status() == 200;
}

static bool is_refused(void *context)
{
    (void)context;
    return get_status() == 503;
}

static void expect_line(const char *event)
{
    free(process_expect_line(pointsman_proxy(pointsman), event));
}

/* Of the file; on a signal the system's are read too. */
static void expect_reload(void)
{
    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "authorities_reloaded ca_file=%s ", authorities.certificate);
    expect_line(buffer_string(&line));
    buffer_clear(&line);
}

static void hang_up(void)
{
    process_signal(pointsman_proxy(pointsman), SIGHUP);
}

/* --- stories --------------------------------------------------------------------------------- */

static void a_file_that_changes_is_noticed(void **state)
{
    (void)state;
    serve(&by_second);
    verify_by_the_file();
    assert_int_equal(get_status(), 503);

    believe(&second);

    assert_true(wait_until(is_served, NULL, WAIT_MS));
    expect_reload();
}

static void a_file_that_was_missing_at_first_is_noticed(void **state)
{
    (void)state;
    serve(&by_first);
    assert_int_equal(remove(authorities.certificate), 0);
    verify_by_the_file();
    assert_int_equal(get_status(), 503);

    believe(&first);

    assert_true(wait_until(is_served, NULL, WAIT_MS));
}

static void a_bad_file_changes_nothing(void **state)
{
    (void)state;
    serve(&by_first);
    verify_by_the_file();
    assert_int_equal(get_status(), 200);

    certificate_file_replace(folder, by_first.key, authorities.certificate);

    expect_line("authorities_not_reloaded");
    assert_int_equal(get_status(), 200);
}

/* A session that is resumed is not verified again, so it must not outlive what it was verified by.
 */
static void no_session_outlives_its_authority(void **state)
{
    (void)state;
    serve(&by_first);
    verify_by_the_file();
    assert_int_equal(get_status(), 200);
    assert_int_equal(get_status(), 200);
    assert_int_equal(fake_upstream_resumed_count(upstream), 1);

    hang_up();
    expect_reload();
    assert_int_equal(get_status(), 200);
    assert_int_equal(fake_upstream_resumed_count(upstream), 1);

    believe(&second);

    assert_true(wait_until(is_refused, NULL, WAIT_MS));
}

static void connections_that_are_open_go_on(void **state)
{
    (void)state;
    upstream = fake_upstream_start_tls("shop", by_first.certificate, by_first.key);
    verify_by_the_file();
    assert_int_equal(get_status(), 200);

    believe(&second);
    expect_reload();

    assert_int_equal(get_status(), 200);
    assert_int_equal(fake_upstream_connection_count(upstream), 1);
}

/* Nobody looks at the system's by themselves. */
static void a_signal_reads_the_systems_authorities_too(void **state)
{
    (void)state;
    serve(&by_second);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(upstream),
                          NULL);
    assert_int_equal(get_status(), 503);

    believe(&second);
    hang_up();

    assert_true(wait_until(is_served, NULL, WAIT_MS));
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(a_file_that_changes_is_noticed),  STORY(a_file_that_was_missing_at_first_is_noticed),
        STORY(a_bad_file_changes_nothing),      STORY(no_session_outlives_its_authority),
        STORY(connections_that_are_open_go_on), STORY(a_signal_reads_the_systems_authorities_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
