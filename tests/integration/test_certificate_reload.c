/* Certificates that are replaced while the proxy serves: by a signal, by themselves, and not at all
 * when something is wrong with them. */
#include "tests/support/certificates.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/pointsman.h"
#include "tests/support/tls_probe.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct temp_dir *folder;
static struct certificate authority;
static struct certificate served; /* whatever is in its files */
static struct certificate first;
static struct certificate second;
static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static int port;

static void put_pair(const struct certificate *pair)
{
    certificate_file_replace(folder, pair->certificate, served.certificate);
    certificate_file_replace(folder, pair->key, served.key);
}

static int start(void **state)
{
    (void)state;
    folder = temp_dir_new();
    authority = certificate_make_authority(folder, "authority");
    first = certificate_make(folder, "first", "DNS:site.example", &authority);
    second = certificate_make(folder, "second", "DNS:site.example", &authority);
    served = certificate_make(folder, "served", "DNS:site.example", &authority);
    put_pair(&first);
    upstream = fake_upstream_start("service");
    struct buffer listen = BUFFER_EMPTY;
    buffer_printf(&listen, "https=127.0.0.1:0,certificate=%s,key=%s", served.certificate,
                  served.key);
    const char *const arguments[] = {"--listen", buffer_string(&listen), NULL};
    pointsman = pointsman_start_serving(arguments, fake_upstream_url(upstream));
    port = pointsman_listener_port(pointsman, "https");
    buffer_clear(&listen);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    certificate_clear(&authority);
    certificate_clear(&served);
    certificate_clear(&first);
    certificate_clear(&second);
    temp_dir_free(folder);
    return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

static bool is_served(void *subject)
{
    struct tls_probe *probe = tls_probe_connect(port, NULL);
    bool is_it = strcmp(tls_probe_subject(probe), subject) == 0;
    tls_probe_close(probe);
    return is_it;
}

static void hang_up(void)
{
    process_signal(pointsman_proxy(pointsman), SIGHUP);
}

static bool metrics_have(void *text)
{
    return pointsman_page_has(pointsman, "/metrics", text);
}

static bool status_has(void *text)
{
    return pointsman_page_has(pointsman, "/status", text);
}

/* --- stories --------------------------------------------------------------------------------- */

static void a_signal_brings_the_new_certificate_and_ends_no_connection(void **state)
{
    (void)state;
    struct tls_probe *before = tls_probe_connect(port, NULL);
    assert_string_equal(tls_probe_subject(before), "first");
    put_pair(&second);
    hang_up();

    assert_true(wait_until(is_served, (void *)"second", WAIT_MS));
    assert_true(tls_probe_get(before, "a", NULL));
    tls_probe_close(before);
}

static void files_that_change_are_noticed(void **state)
{
    (void)state;
    put_pair(&first);

    assert_true(wait_until(is_served, (void *)"first", WAIT_MS));
}

static void sessions_outlive_a_reload(void **state)
{
    (void)state;
    struct tls_probe *before = tls_probe_connect(port, NULL);
    assert_true(tls_probe_get(before, "a", NULL));
    struct tls_probe_options options = {.session = tls_probe_session(before)};
    put_pair(&second);
    hang_up();
    assert_true(wait_until(is_served, (void *)"second", WAIT_MS));
    struct tls_probe *after = tls_probe_connect(port, &options);

    assert_true(tls_probe_get(after, "a", NULL));
    assert_true(tls_probe_is_resumed(after));
    SSL_SESSION_free(options.session);
    tls_probe_close(before);
    tls_probe_close(after);
}

/* What is wrong with the files, what is said of it, and that the old certificate is served. */
static void assert_kept(const char *reason)
{
    hang_up();

    struct buffer line = BUFFER_EMPTY;
    buffer_printf(&line, "%s", reason);
    assert_true(wait_until(status_has, (void *)buffer_string(&line), WAIT_MS));
    free(process_expect_line(pointsman_proxy(pointsman), reason));
    assert_true(metrics_have((void *)"pointsman_certificates_outdated{listener=\"https\"} 1"));
    assert_true(is_served((void *)"second"));
    buffer_clear(&line);
}

static void what_cannot_be_used_changes_nothing_and_is_told(void **state)
{
    (void)state;
    certificate_file_replace(folder, first.key, served.key);
    assert_kept("does not fit certificate=");

    char *noise = temp_dir_write(folder, "noise", "no certificate\n");
    certificate_file_replace(folder, noise, served.certificate);
    assert_kept("holds no certificate");
    free(noise);

    unlink(served.certificate);
    assert_kept("No such file or directory");

    put_pair(&second);
    assert_true(wait_until(
        metrics_have, (void *)"pointsman_certificates_outdated{listener=\"https\"} 0", WAIT_MS));
    assert_true(status_has((void *)"\"problem\": \"\""));
    assert_true(is_served((void *)"second"));
}

static void when_it_ends_is_a_metric(void **state)
{
    (void)state;
    time_t now = time(NULL);
    struct buffer line = BUFFER_EMPTY;
    bool is_there = false;
    /* Made within the last two minutes, for a day. */
    for (time_t at = now + 24 * 60 * 60; !is_there && at > now + 24 * 60 * 60 - 120; at--) {
        buffer_reset(&line);
        buffer_printf(&line,
                      "pointsman_certificate_not_after_timestamp_seconds{listener=\"https\","
                      "file=\"%s\",name=\"site.example\"} %lld",
                      served.certificate, (long long)at);
        is_there = metrics_have((void *)buffer_string(&line));
    }
    assert_true(is_there);
    buffer_clear(&line);
}

/* --- under load ------------------------------------------------------------------------------ */

struct load_on_tls {
    atomic_bool is_over;
    atomic_uint answered;
    atomic_uint failed;
};

/* A few requests for each connection, and another. */
static void *ask_all_the_time(void *context)
{
    struct load_on_tls *load = context;
    while (!atomic_load(&load->is_over)) {
        struct tls_probe *probe = tls_probe_connect(port, NULL);
        for (int i = 0; i < 5; i++) {
            bool is_answered = tls_probe_failure(probe) == NULL && tls_probe_get(probe, "a", NULL);
            atomic_fetch_add(is_answered ? &load->answered : &load->failed, 1);
        }
        tls_probe_close(probe);
    }
    return NULL;
}

static bool has_answered_more(void *context)
{
    struct load_on_tls *load = context;
    return atomic_load(&load->answered) >= 200;
}

static void no_request_fails_while_certificates_change(void **state)
{
    (void)state;
    enum { THREADS = 4, CHANGES = 20 };
    struct load_on_tls load = {0};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_all_the_time, &load), 0);

    for (int i = 0; i < CHANGES; i++) {
        put_pair(i % 2 == 0 ? &first : &second);
        hang_up();
        assert_true(wait_until(is_served, (void *)(i % 2 == 0 ? "first" : "second"), WAIT_MS));
    }
    assert_true(wait_until(has_answered_more, &load, WAIT_MS));

    atomic_store(&load.is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&load.failed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_brings_the_new_certificate_and_ends_no_connection),
        cmocka_unit_test(files_that_change_are_noticed),
        cmocka_unit_test(sessions_outlive_a_reload),
        cmocka_unit_test(what_cannot_be_used_changes_nothing_and_is_told),
        cmocka_unit_test(when_it_ends_is_a_metric),
        cmocka_unit_test(no_request_fails_while_certificates_change),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
