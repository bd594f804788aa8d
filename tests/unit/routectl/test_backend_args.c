#include "control/routectl/backend_args.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/words.h"

static struct draft draft;
static bool replace;

static int reset(void **state)
{
    (void)state;
    memset(&backend_args, 0, sizeof(backend_args));
    replace = false;
    draft_clear(&draft);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    draft_clear(&draft);
    return 0;
}

static bool build(const char *line, struct error *err)
{
    const struct option *const tables[] = {backend_endpoint_options, backend_balance_options,
                                           backend_health_options, NULL};
    struct words words;
    struct option_list operands;
    words_split(&words, line);
    return options_parse_arguments(tables, words.count, words.items, &operands, err) &&
           backend_args_build(&backend_args, operands.items[0], replace, &draft, err);
}

static const BackendMessage *build_ok(const char *line)
{
    struct error err = {0};
    if (!build(line, &err))
        fail_msg("%s", err.message);
    assert_int_equal(draft.request.n_mutations, 1);
    return draft.request.mutations[0]->put_backend;
}

static void assert_refused(const char *line, const char *message)
{
    struct error err = {0};
    reset(NULL);
    assert_false(build(line, &err));
    assert_string_equal(err.message, message);
}

static void assert_origin(const char *field, const char *expected)
{
    char path[128];
    snprintf(path, sizeof(path), "mutations[0].put_backend.%s", field);
    assert_string_equal(draft_find_origin(&draft, path), expected);
}

static void what_is_not_given_is_absent(void **state)
{
    (void)state;
    const BackendMessage *backend = build_ok("users --to http://a:1");
    assert_string_equal(backend->name, "users");
    assert_int_equal(backend->n_endpoints, 1);
    assert_int_equal(backend->n_ports, 0);
    assert_null(backend->load_balancing);
    assert_null(backend->health_check);
    assert_null(backend->passive_health);
    assert_null(backend->limits);
    assert_null(backend->tls);
    assert_null(backend->connect_timeout);
}

static void it_must_be_new_unless_it_is_a_replacement(void **state)
{
    (void)state;
    build_ok("users --to http://a:1");
    assert_int_equal(draft.request.mutations[0]->precondition->kind_case,
                     POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST);

    reset(NULL);
    replace = true;
    build_ok("users --to http://a:1");
    assert_null(draft.request.mutations[0]->precondition);
}

static void endpoints_and_ports_are_listed(void **state)
{
    (void)state;
    const BackendMessage *backend =
        build_ok("users --to http://a:1@2 --to unix:/run/u --port 8080 --port 80:9000 "
                 "--connect-timeout 2s --label a=b");
    assert_int_equal(backend->endpoints[0]->weight, 2);
    assert_string_equal(backend->endpoints[1]->unix_path, "/run/u");
    assert_int_equal(backend->ports[0]->port, 8080);
    assert_int_equal(backend->ports[0]->target_port, 0);
    assert_int_equal(backend->ports[1]->target_port, 9000);
    assert_int_equal(backend->connect_timeout->seconds, 2);
    assert_string_equal(backend->labels[0]->key, "a");
    assert_origin("endpoints[1].unix_path", "--to unix:/run/u");
    assert_origin("ports[1].target_port", "--port 80:9000");
}

static void policies_go_by_their_name(void **state)
{
    (void)state;
    const BackendMessage *backend =
        build_ok("users --to http://a:1 --policy ConsistentHash --hash-header X-User "
                 "--slow-start 10s");
    assert_int_equal(backend->load_balancing->policy,
                     POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH);
    assert_int_equal(backend->load_balancing->hash_on_case,
                     POINTSMAN__V1__LOAD_BALANCING__HASH_ON_HEADER);
    assert_string_equal(backend->load_balancing->header, "X-User");
    assert_int_equal(backend->load_balancing->slow_start->seconds, 10);
    assert_origin("load_balancing.policy", "--policy ConsistentHash");
    assert_refused("users --policy fastest", "--policy: 'fastest' is none of LeastRequest, "
                                             "RoundRobin, Random and ConsistentHash");
    assert_refused("users --hash-header a --hash-source",
                   "--hash-header, --hash-cookie and --hash-source exclude each other");
}

static void checks_and_ejection_have_their_flags(void **state)
{
    (void)state;
    const BackendMessage *backend =
        build_ok("users --to http://a:1 --health-path /h --health-interval 5s --health-timeout 1s "
                 "--health-unhealthy 3 --health-code 204 --health-code 200 --eject-after 0 "
                 "--eject-time 30s --panic-percent 0");
    assert_string_equal(backend->health_check->path, "/h");
    assert_int_equal(backend->health_check->unhealthy, 3);
    assert_int_equal(backend->health_check->expected_statuses[0], 204);
    assert_int_equal(
        backend->passive_health->consecutive_failures_presence_case,
        POINTSMAN__V1__PASSIVE_HEALTH__CONSECUTIVE_FAILURES_PRESENCE_CONSECUTIVE_FAILURES);
    assert_int_equal(backend->passive_health->consecutive_failures, 0);
    assert_int_equal(backend->passive_health->panic_percent_presence_case,
                     POINTSMAN__V1__PASSIVE_HEALTH__PANIC_PERCENT_PRESENCE_PANIC_PERCENT);
    assert_int_equal(backend->passive_health->max_ejected_percent_presence_case,
                     POINTSMAN__V1__PASSIVE_HEALTH__MAX_EJECTED_PERCENT_PRESENCE__NOT_SET);
    assert_int_equal(backend->passive_health->base_ejection->seconds, 30);
    assert_origin("health_check.interval", "--health-interval 5s");
    assert_origin("health_check", "--health-...");
    assert_refused("users --health-type icmp",
                   "--health-type: 'icmp' is none of HTTP, TCP and GRPC");
    assert_refused("users --eject-max-percent 101",
                   "--eject-max-percent: '101' is not a number from 0 to 100");
}

static void a_check_of_grpc_may_name_a_service(void **state)
{
    (void)state;
    const BackendMessage *backend =
        build_ok("users --to h2c://a:1 --health-type GRPC --health-service a.B");
    assert_int_equal(backend->health_check->type,
                     POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_GRPC);
    assert_string_equal(backend->health_check->service, "a.B");
    assert_origin("health_check.service", "--health-service a.B");
}

static void tls_and_limits_have_their_flags(void **state)
{
    (void)state;
    const BackendMessage *backend =
        build_ok("users --to http://a:1 --tls-server-name s --tls-ca-file /ca.pem "
                 "--max-connections 100 --max-pending 0");
    assert_true(backend->tls->enabled);
    assert_string_equal(backend->tls->server_name, "s");
    assert_string_equal(backend->tls->ca_file, "/ca.pem");
    assert_false(backend->tls->skip_verification);
    assert_int_equal(backend->limits->max_connections, 100);
    assert_origin("limits.max_pending", "--max-pending 0");
}

#define BACKEND_TEST(name) cmocka_unit_test_setup_teardown(name, reset, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BACKEND_TEST(what_is_not_given_is_absent),
        BACKEND_TEST(it_must_be_new_unless_it_is_a_replacement),
        BACKEND_TEST(endpoints_and_ports_are_listed),
        BACKEND_TEST(policies_go_by_their_name),
        BACKEND_TEST(checks_and_ejection_have_their_flags),
        BACKEND_TEST(a_check_of_grpc_may_name_a_service),
        BACKEND_TEST(tls_and_limits_have_their_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
