/* Which matches can never win: by hand, and against the reference matcher. The seed is printed with
 * a difference and taken back in POINTSMAN_TEST_SEED; POINTSMAN_TEST_ROUNDS makes a run longer. */
#include "common/buffer.h"
#include "proxy/routing/route_explain.h"
#include "proxy/routing/route_shadow.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/reference_matcher.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- by hand -------------------------------------------------------------------------------- */

/* Of the first match of each. */
static bool shadows(const char *winner_text, const char *loser_text)
{
    struct route *winner = route_text_compile(winner_text);
    struct route *loser = route_text_compile(loser_text);
    bool is_so = route_match_shadows(&route_matches(winner)[0], &route_matches(loser)[0]);
    route_release(&winner);
    route_release(&loser);
    return is_so;
}

static void the_older_of_two_that_ask_the_same_wins(void **state)
{
    (void)state;
    assert_true(shadows("a @1 : prefix:/a", "b @2 : prefix:/a/"));
    assert_true(shadows("a @1 : exact:/a", "b @1 : exact:/a"));
    assert_false(shadows("b @1 : exact:/a", "a @1 : exact:/a"));
    assert_false(shadows("a @2 : prefix:/a", "b @1 : prefix:/a"));
    assert_true(shadows("a @1 : regex:/a+", "b @2 : regex:/a+"));
    assert_true(shadows("a @1 : prefix:/ method:GET header:X=1 query:p=1",
                        "b @2 : prefix:/ query:p=1 header:x=1 method:GET"));
}

static void who_asks_for_more_is_reached_first(void **state)
{
    (void)state;
    assert_false(shadows("a @1 : exact:/a", "b @2 : exact:/a method:GET"));
    assert_false(shadows("a @1 : exact:/a header:x=1", "b @2 : exact:/a"));
    assert_false(shadows("a @1 : prefix:/", "b @2 : prefix:/a"));
    assert_false(shadows("a @1 : prefix:/a", "b @2 : exact:/a"));
}

static void other_values_are_other_requests(void **state)
{
    (void)state;
    assert_false(shadows("a @1 : prefix:/ method:GET", "b @2 : prefix:/ method:PUT"));
    assert_false(shadows("a @1 : prefix:/ header:x=1", "b @2 : prefix:/ header:x=2"));
    assert_false(shadows("a @1 : prefix:/ query:p=1", "b @2 : prefix:/ query:P=1"));
    assert_false(shadows("a @1 : prefix:/ header:x=1", "b @2 : prefix:/ query:x=1"));
    assert_false(shadows("a @1 : regex:/a", "b @2 : regex:/b"));
}

static void an_expression_covers_the_values_it_matches(void **state)
{
    (void)state;
    assert_true(shadows("a @1 : prefix:/ header~x=[0-9]+", "b @2 : prefix:/ header:x=12"));
    assert_true(shadows("a @1 : prefix:/ query~p=[0-9]+", "b @2 : prefix:/ query~p=[0-9]+"));
    assert_false(shadows("a @1 : prefix:/ header~x=[0-9]+", "b @2 : prefix:/ header:x=two"));
    assert_false(shadows("a @1 : prefix:/ header:x=12", "b @2 : prefix:/ header~x=[0-9]+"));
}

static void an_expression_for_every_path_shadows_prefixes(void **state)
{
    (void)state;
    assert_true(shadows("a @2 : regex:/.*", "b @1 : prefix:/a method:GET"));
    assert_true(shadows("a @2 : regex:.* method:GET", "b @1 : prefix:/ method:GET header:x=1"));
    assert_false(shadows("a @2 : regex:/.*", "b @1 : prefix:/")); /* which takes OPTIONS * too */
    assert_false(shadows("a @1 : regex:/.*", "b @2 : exact:/a"));
    assert_false(shadows("a @1 : regex:/.* method:GET", "b @2 : prefix:/a"));
    assert_false(shadows("a @1 : regex:/a.*", "b @2 : prefix:/a"));
}

static void a_method_of_any_service_is_less_than_every_call(void **state)
{
    (void)state;
    assert_false(shadows("a @1 grpc : grpc:Get", "b @2 : prefix:/"));
    assert_false(shadows("a @1 grpc : grpc:Get", "b @2 grpc : grpc:Put"));
    assert_false(shadows("a @1 : prefix:/", "b @2 grpc : grpc:Get"));
    assert_true(shadows("a @1 grpc : grpc:Get", "b @2 grpc : grpc:Get header:x=1") ==
                shadows("a @1 : prefix:/", "b @2 : prefix:/ header:x=1"));
    assert_true(shadows("a @1 grpc : grpc:Get", "b @2 grpc : grpc:Get"));
}

static void listeners_must_be_covered(void **state)
{
    (void)state;
    assert_true(shadows("a @1 : prefix:/", "b @2 on=web : prefix:/"));
    assert_true(shadows("a @1 on=web : prefix:/", "b @2 on=web:80 : prefix:/"));
    assert_true(shadows("a @1 on=web on=:81 : prefix:/", "b @2 on=x:81 on=web:80 : prefix:/"));
    assert_false(shadows("a @1 on=web : prefix:/", "b @2 : prefix:/"));
    assert_false(shadows("a @1 on=web:80 : prefix:/", "b @2 on=web : prefix:/"));
    assert_false(shadows("a @1 on=web : prefix:/", "b @2 on=web on=other : prefix:/"));
}

/* --- against the reference ------------------------------------------------------------------ */

enum { MAX_ROUTES = 10, REQUESTS = 60 };

static uint64_t random_state;

static unsigned choose(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

static const char *one_of(const char *const *words, size_t count)
{
    return words[choose((unsigned)count)];
}

#define ONE_OF(words) one_of((words), sizeof(words) / sizeof((words)[0]))

static const char *const hosts[] = {"", "", " host=a.x", " host=*.x", " host=a.x,*.x"};
static const char *const listeners_of_routes[] = {"", "", "", " on=web", " on=:80", " on=web:80"};
static const char *const path_conditions[] = {" prefix:/",   " prefix:/a", " prefix:/a/",
                                              " exact:/a",   " regex:.*",  " regex:/.*",
                                              " regex:/a.*", " prefix:/"};
static const char *const conditions[] = {"",
                                         "",
                                         "",
                                         " method:GET",
                                         " method:PUT",
                                         " header:x=1",
                                         " header:X=1",
                                         " header:x=2",
                                         " header~x=.*",
                                         " header~x=[0-9]",
                                         " query:p=1",
                                         " query~p=.*"};
static const char *const requests[] = {"GET a.x/",    "GET a.x/a?p=1", "PUT a.x/a", "GET b.x/a",
                                       "GET y/a?p=2", "PUT b.x/b",     "GET y/",    "PUT y/a/b?p=1",
                                       "GET a.x/ab",  "OPTIONS a.x*",  "OPTIONS y*"};
static const char *const request_headers[] = {"", "", " x: 1", " x: 2", " x: z", " X: 1 | x: 2"};

static RouteMessage *random_route(unsigned name)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "r%u @%u%s%s :", name, choose(3), ONE_OF(hosts),
                  ONE_OF(listeners_of_routes));
    for (unsigned rules = 1 + choose(2); rules > 0; rules--) {
        for (unsigned matches = 1 + choose(2); matches > 0; matches--)
            buffer_printf(&text, "%s%s%s%s", ONE_OF(path_conditions), ONE_OF(conditions),
                          ONE_OF(conditions), matches > 1 ? " |" : "");
        buffer_append_string(&text, rules > 1 ? ";" : "");
    }
    RouteMessage *message = route_text_parse(buffer_string(&text));
    buffer_clear(&text);
    return message;
}

struct world {
    RouteMessage *messages[MAX_ROUTES];
    struct route *routes[MAX_ROUTES];
    size_t count;
};

static bool stands_under(const struct route *route, const struct considered_match *place)
{
    if (place->hostname.length == 0)
        return route->hostname_count == 0;
    for (size_t i = 0; i < route->hostname_count; i++) {
        struct slice hostname = route_hostname(route, i);
        bool is_wildcard = slice_has_prefix(hostname, SLICE("*."));
        if (is_wildcard)
            hostname = slice_of(hostname.at + 2, hostname.length - 2);
        if (is_wildcard == place->is_wildcard && slice_equals(hostname, place->hostname))
            return true;
    }
    return false;
}

static bool have_key_in_common(const struct route_match *winner, const struct route_match *loser)
{
    uint64_t filed[SHADOW_KEYS_MAX], asked[SHADOW_KEYS_MAX];
    size_t filed_count = shadow_keys_to_file(winner, SLICE("h"), filed);
    size_t asked_count = shadow_keys_to_ask(loser, SLICE("h"), asked);
    for (size_t i = 0; i < filed_count; i++) {
        for (size_t j = 0; j < asked_count; j++) {
            if (filed[i] == asked[j])
                return true;
        }
    }
    return false;
}

/* Whether any match that stands where this one does shadows it. */
static bool is_shadowed(const struct world *world, const struct considered_match *considered)
{
    for (size_t i = 0; i < world->count; i++) {
        const struct route *route = world->routes[i];
        for (size_t j = 0; stands_under(route, considered) && j < route->match_count; j++) {
            if (route_match_shadows(&route_matches(route)[j], considered->match)) {
                assert_true(have_key_in_common(&route_matches(route)[j], considered->match));
                return true;
            }
        }
    }
    return false;
}

/* Returns how many matches that lost are said to lose always. */
static size_t check_request(const struct world *world, const struct request_head *head,
                            const char *text, uint64_t seed)
{
    struct error err = {0};
    struct reference_answer answer = reference_find(world->messages, world->count, head);
    struct route_explain *explain = route_explain_new(head, true);
    for (size_t i = 0; i < world->count; i++) {
        route_acquire(world->routes[i]);
        route_explain_add(explain, world->routes[i]);
    }
    const struct route_explanation *explanation = route_explain_finish(explain, &err);
    assert_non_null(explanation);

    const struct considered_match *winner = &explanation->winner;
    assert_true((winner->match == NULL) == (answer.route == NULL));
    if (winner->match != NULL) {
        assert_int_equal(winner->match->rule->index, answer.rule_index);
        if (is_shadowed(world, winner))
            fail_msg("POINTSMAN_TEST_SEED=%" PRIu64
                     ": '%s' is taken by %s.%zu, which is said never "
                     "to win",
                     seed, text, answer.route->name, answer.rule_index);
    }
    size_t shadowed = 0;
    for (size_t i = 0; i < explanation->behind.count; i++) {
        const struct considered_match *considered = &explanation->behind.items[i];
        shadowed += !considered->is_other_host && considered->verdict == MATCH_HOLDS &&
                    is_shadowed(world, considered);
    }
    route_explain_free(explain);
    return shadowed;
}

static size_t run_round(uint64_t seed)
{
    static const struct listener_identity listeners[] = {
        {SLICE("web"), 80}, {SLICE("web"), 81}, {SLICE("other"), 80}};
    struct world world = {.count = 2 + choose(MAX_ROUTES - 1)};
    size_t shadowed = 0;
    random_state = seed;
    for (size_t i = 0; i < world.count; i++) {
        world.messages[i] = random_route((unsigned)i);
        world.routes[i] = route_text_compile_message(world.messages[i], false);
    }
    for (int i = 0; i < REQUESTS; i++) {
        struct buffer text = BUFFER_EMPTY;
        struct request_text request;
        buffer_printf(&text, "%s%s", ONE_OF(requests), ONE_OF(request_headers));
        request_text_init(&request, buffer_string(&text));
        request.head.listener = &listeners[choose(3)];
        shadowed += check_request(&world, &request.head, buffer_string(&text), seed);
        request_text_clear(&request);
        buffer_clear(&text);
    }
    for (size_t i = 0; i < world.count; i++) {
        route_release(&world.routes[i]);
        route_text_free(world.messages[i]);
    }
    return shadowed;
}

static void what_is_said_never_to_win_never_wins(void **state)
{
    (void)state;
    const char *seed = getenv("POINTSMAN_TEST_SEED");
    const char *rounds = getenv("POINTSMAN_TEST_ROUNDS");
    size_t shadowed = 0;
    if (seed != NULL) {
        random_state = strtoull(seed, NULL, 10);
        run_round(random_state);
        return;
    }
    for (uint64_t i = 0; i < (rounds == NULL ? 150 : strtoull(rounds, NULL, 10)); i++) {
        random_state = i;
        shadowed += run_round(i);
    }
    assert_true(shadowed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_of_two_that_ask_the_same_wins),
        cmocka_unit_test(who_asks_for_more_is_reached_first),
        cmocka_unit_test(other_values_are_other_requests),
        cmocka_unit_test(an_expression_covers_the_values_it_matches),
        cmocka_unit_test(an_expression_for_every_path_shadows_prefixes),
        cmocka_unit_test(a_method_of_any_service_is_less_than_every_call),
        cmocka_unit_test(listeners_must_be_covered),
        cmocka_unit_test(what_is_said_never_to_win_never_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
