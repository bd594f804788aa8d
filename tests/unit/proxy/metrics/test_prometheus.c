#include "proxy/metrics/backend_metrics.h"
#include "proxy/metrics/prometheus.h"
#include "proxy/metrics/route_metrics.h"
#include "tests/unit/cmocka_all.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct counters *counters;
    struct worker_counters *worker;
    struct prometheus_facts facts;
    struct buffer text;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.counters = counters_new(2)};
    fixture.worker = counters_worker(fixture.counters, 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    buffer_clear(&fixture->text);
    counters_free(fixture->counters);
    return 0;
}

static const char *write_text(struct fixture *fixture)
{
    buffer_reset(&fixture->text);
    prometheus_write(&fixture->text, fixture->counters, &fixture->facts);
    return buffer_string(&fixture->text);
}

static void assert_has_line(struct fixture *fixture, const char *line)
{
    const char *text = write_text(fixture);
    size_t length = strlen(line);
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && at[length] == '\n')
            return;
    }
    fail_msg("no line '%s' in:\n%s", line, text);
}

static void requests_are_shown_by_route_and_class(void **state)
{
    struct fixture *fixture = *state;
    struct route_metrics route = ROUTE_METRICS_EMPTY;

    route_metrics_count(&route, SLICE("shop/users"), fixture->worker, 201);
    route_metrics_count(&route, SLICE("shop/users"), fixture->worker, 503);

    assert_has_line(fixture, "pointsman_requests_total{route=\"shop/users\",class=\"2xx\"} 1");
    assert_has_line(fixture, "pointsman_requests_total{route=\"shop/users\",class=\"5xx\"} 1");
    assert_null(strstr(write_text(fixture), "class=\"3xx\""));
    route_metrics_clear(&route);
}

static void latency_buckets_are_cumulative(void **state)
{
    struct fixture *fixture = *state;
    struct backend_metrics backend = BACKEND_METRICS_EMPTY;

    backend_metrics_observe(&backend, SLICE("b"), fixture->worker, 250);
    backend_metrics_observe(&backend, SLICE("b"), fixture->worker, 251);
    backend_metrics_observe(&backend, SLICE("b"), fixture->worker, 60000000);

    assert_has_line(fixture,
                    "pointsman_upstream_latency_seconds_bucket{backend=\"b\",le=\"0.000250\"} 1");
    assert_has_line(fixture,
                    "pointsman_upstream_latency_seconds_bucket{backend=\"b\",le=\"30.000000\"} 2");
    assert_has_line(fixture,
                    "pointsman_upstream_latency_seconds_bucket{backend=\"b\",le=\"+Inf\"} 3");
    assert_has_line(fixture, "pointsman_upstream_latency_seconds_sum{backend=\"b\"} 60.000501");
    assert_has_line(fixture, "pointsman_upstream_latency_seconds_count{backend=\"b\"} 3");
    backend_metrics_clear(&backend);
}

static void failures_and_retries_are_shown_by_kind(void **state)
{
    struct fixture *fixture = *state;
    struct backend_metrics backend = BACKEND_METRICS_EMPTY;

    backend_metrics_count_failure(&backend, SLICE("b"), fixture->worker, UPSTREAM_FAILURE_STALE);
    backend_metrics_count_retry(&backend, SLICE("b"), fixture->worker, UPSTREAM_FAILURE_STALE);

    assert_has_line(fixture, "pointsman_upstream_failures_total{backend=\"b\",kind=\"stale\"} 1");
    assert_has_line(fixture, "pointsman_upstream_retries_total{backend=\"b\",kind=\"stale\"} 1");
    backend_metrics_clear(&backend);
}

static void label_values_are_escaped(void **state)
{
    struct fixture *fixture = *state;
    struct route_metrics route = ROUTE_METRICS_EMPTY;

    route_metrics_count(&route, SLICE("a\"b\\c\nd"), fixture->worker, 200);

    assert_has_line(fixture, "pointsman_requests_total{route=\"a\\\"b\\\\c\\nd\",class=\"2xx\"} 1");
    route_metrics_clear(&route);
}

static void open_connections_are_accepted_minus_closed(void **state)
{
    struct fixture *fixture = *state;

    counter_add(&fixture->worker->connections_accepted, 5);
    counter_add(&counters_worker(fixture->counters, 1)->connections_closed, 2);

    assert_has_line(fixture, "pointsman_connections_open 3");
    assert_has_line(fixture, "pointsman_connections_accepted_total 5");
}

static void denials_are_shown_by_reason(void **state)
{
    struct fixture *fixture = *state;

    counter_add(&fixture->worker->refused[DENIAL_NO_ROUTE], 7);

    assert_has_line(fixture, "pointsman_refused_total{reason=\"no_route\"} 7");
}

static void age_of_control_is_absent_until_it_was_heard(void **state)
{
    struct fixture *fixture = *state;
    assert_null(strstr(write_text(fixture), "pointsman_control_age_seconds"));

    fixture->facts.has_heard_control = true;
    fixture->facts.control_age_ms = 1250;

    assert_has_line(fixture, "pointsman_control_age_seconds 1.250000");
}

static void facts_are_gauges(void **state)
{
    struct fixture *fixture = *state;
    fixture->facts.revision = 41;
    fixture->facts.has_table = true;

    assert_has_line(fixture, "pointsman_table_revision 41");
    assert_has_line(fixture, "pointsman_ready 1");
    assert_has_line(fixture, "# TYPE pointsman_table_revision gauge");
}

/* REGEX-3 */
static void expressions_that_gave_up_are_counted(void **state)
{
    struct fixture *fixture = *state;
    fixture->facts.regex_limit_hits = 3;

    assert_has_line(fixture, "pointsman_regex_limit_hits_total 3");
}

/* Each metric: HELP, TYPE, then its samples, and no metric twice. */
static void every_sample_follows_its_own_head(void **state)
{
    struct fixture *fixture = *state;
    struct route_metrics route = ROUTE_METRICS_EMPTY;
    struct backend_metrics backend = BACKEND_METRICS_EMPTY;
    route_metrics_count(&route, SLICE("r"), fixture->worker, 200);
    backend_metrics_observe(&backend, SLICE("b"), fixture->worker, 1000);
    backend_metrics_count_failure(&backend, SLICE("b"), fixture->worker, UPSTREAM_FAILURE_CLOSED);

    char *text = memory_duplicate_string(write_text(fixture));
    char current[128] = "";
    char seen[8192] = " ";
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            snprintf(current, sizeof(current), "%.*s", (int)strcspn(line + 7, " "), line + 7);
            char needle[160];
            snprintf(needle, sizeof(needle), " %s ", current);
            assert_null(strstr(seen, needle));
            strcat(seen, needle);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, current, strlen(current));
            assert_int_equal(line[7 + strlen(current)], ' ');
        } else {
            assert_memory_equal(line, current, strlen(current));
            assert_true(isdigit((unsigned char)line[strlen(line) - 1]));
        }
    }

    free(text);
    route_metrics_clear(&route);
    backend_metrics_clear(&backend);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_shown_by_route_and_class),       TEST(latency_buckets_are_cumulative),
        TEST(failures_and_retries_are_shown_by_kind),      TEST(label_values_are_escaped),
        TEST(open_connections_are_accepted_minus_closed),  TEST(denials_are_shown_by_reason),
        TEST(age_of_control_is_absent_until_it_was_heard), TEST(facts_are_gauges),
        TEST(expressions_that_gave_up_are_counted),        TEST(every_sample_follows_its_own_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
