/* What is said to be in every value that an expression matches, against the library itself.
 *
 * POINTSMAN_TEST_SEED and POINTSMAN_TEST_ROUNDS are as in test_route_table_random.c; a round is an
 * expression with eight values. */
#include "common/buffer.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/regex_literals.h"
#include "tests/support/number_from_environment.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/random_expressions.h"
#include "tests/unit/proxy/routing/random_routes.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { ROUNDS = 60000, VALUES = 8 };

/* --- one by one ----------------------------------------------------------------------------- */

static void expect(const char *pattern, const char *literals)
{
    struct regex_literals found;
    struct buffer text = BUFFER_EMPTY;
    regex_literals_find(slice_from_string(pattern), &found);
    buffer_append_string(&text, found.is_start_known ? "^" : "");
    for (struct slice literal = {0}; regex_literals_next(found.text, found.bytes, &literal);)
        buffer_printf(&text, "<%.*s>", (int)literal.length, literal.at);
    if (strcmp(buffer_string(&text), literals) != 0)
        fail_msg("'%s' has %s, not %s", pattern, buffer_string(&text), literals);
    buffer_clear(&text);
}

static void characters_that_must_be_there_are_texts(void **state)
{
    (void)state;
    expect("/api/v1/.*", "^</api/v1/>");
    expect("/[a-z]+/items/17", "^</></items/17>");
    expect("^/a\\.b\\/c", "^</a.b/c>");
    expect(".*\\.js", "<.js>");
    expect("\\d+/x\\b-", "</x><->");
    expect("a b#]}", "^<a b#]}>");
    expect("", "");
}

static void a_group_without_a_choice_is_as_its_content(void **state)
{
    (void)state;
    expect("/a(b)(?:c(?<n>d))(?>e)f", "^</abcdef>");
    expect("/a(?P<n>b)(?'m'c)(?|d)", "^</abcd>");
    expect("/a(b.c)d", "^</ab><cd>");
    expect("/a()b", "^</ab>");
}

static void what_may_be_absent_or_other_is_none(void **state)
{
    (void)state;
    expect("/ab?c*d", "^</a><d>");
    expect("/ab{0}c{0,3}d{2}{0}e", "^</a><e>");
    expect("/a(?:bc)?d(ef)*g", "^</a><d><g>");
    expect("/a(b|c)d", "^</a><d>");
    expect("/a(?:(b|c)d)e", "^</a><de>");
    expect("/a|/b", "");
    expect("/a(|b)c", "^</a><c>");
    expect("(?|a|b)c", "<c>");
}

static void what_is_repeated_is_there_once(void **state)
{
    (void)state;
    expect("/ab+c", "^</ab><c>");
    expect("/ab{2,}c{1}d", "^</ab><c><d>");
    expect("/a(?:bc)+d", "^</abc><d>");
    expect("/ab++c", "^</ab><c>");
    expect("/ab+?c", "^</a><c>");
}

static void classes_and_assertions_hide_nothing(void **state)
{
    (void)state;
    expect("/[]|]x[^]|]y", "^</><x><y>");
    expect("/[[:alpha:]|)]x", "^</><x>");
    expect("/[\\]|(]x", "^</><x>");
    expect("^$\\b\\Ax", "^<x>");
    expect("(?:^a)b", "^<ab>");
}

/* All of it: an option, an alternative or a quote may be anywhere behind. */
static void what_is_not_understood_leaves_no_texts(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "/ab(?i)c",  "(?i:/ab)c",    "/ab(?s)",   "/ab\\x41",  "/ab\\cA", "/ab\\Qc|d\\E",
        "/ab{,3}",   "/ab{x",        "/ab{2",     "/ab(?#x)c", "/ab(*F)", "/ab(?=c)",
        "/ab(?<=b)", "/ab\\K",       "/ab\\1",    "/ab(c",     "/abc)",   "/ab[c",
        "/ab\\",     "/ab[\\Q]\\E]", "/ab[(?i)]", "/ab[[.a.]]"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        expect(patterns[i], "");
    expect("((((((((((((((((/a))))))))))))))))", "^</a>");
    expect("(((((((((((((((((/a)))))))))))))))))", "");
}

static void what_has_no_room_is_left_out(void **state)
{
    (void)state;
    struct buffer pattern = BUFFER_EMPTY;
    struct regex_literals found;
    for (int i = 0; i < 300; i++)
        buffer_append_string(&pattern, "a");
    regex_literals_find(buffer_slice(&pattern), &found);
    assert_int_equal(found.bytes, REGEX_LITERALS_MAX_BYTES);
    assert_int_equal((unsigned char)found.text[0], REGEX_LITERALS_MAX_BYTES - 1);
    assert_true(found.is_start_known);

    buffer_reset(&pattern);
    for (int i = 0; i < 300; i++)
        buffer_append_string(&pattern, "a.");
    regex_literals_find(buffer_slice(&pattern), &found);
    size_t count = 0;
    for (struct slice literal = {0}; regex_literals_next(found.text, found.bytes, &literal);)
        count += literal.length;
    assert_int_equal(count, REGEX_LITERALS_MAX_BYTES / 2);
    buffer_clear(&pattern);
}

/* --- at random ------------------------------------------------------------------------------ */

/* Whether the whole value matches, by PCRE2 alone. */
static bool matches(const pcre2_code *code, pcre2_match_data *data, struct slice value)
{
    return pcre2_match(code, (PCRE2_SPTR)(value.length == 0 ? "" : value.at), value.length, 0, 0,
                       data, NULL) >= 0;
}

struct tally {
    uint64_t accepted;
    uint64_t with_literals;
    uint64_t matched_with_literals;
};

static bool has_literals(const struct regex *regex)
{
    struct slice literal = {0};
    return regex_next_literal(regex, &literal);
}

static void compare(uint64_t seed, struct slice pattern, struct buffer *value, struct tally *tally)
{
    struct error err = {0};
    struct regex *regex = regex_new(pattern, &err);
    if (regex == NULL)
        return;
    int code_of_error;
    PCRE2_SIZE offset;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.at, pattern.length, PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                      &code_of_error, &offset, NULL);
    assert_non_null(code);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    tally->accepted++;
    tally->with_literals += has_literals(regex);
    for (int i = 0; i < VALUES; i++) {
        bool is_match = matches(code, data, buffer_slice(value));
        uint64_t limit_hits = regex_own_limit_hits();
        if (regex_matches(regex, buffer_slice(value)) != is_match &&
            regex_own_limit_hits() == limit_hits)
            fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%.*s' %s '%s'", seed, (int)pattern.length,
                     pattern.at, is_match ? "takes" : "does not take", buffer_string(value));
        tally->matched_with_literals += is_match && has_literals(regex);
        random_mutation(value);
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    regex_free(regex);
}

static void no_expression_loses_a_value_by_its_texts(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("POINTSMAN_TEST_SEED", 1);
    uint64_t rounds = number_from_environment("POINTSMAN_TEST_ROUNDS", ROUNDS);
    struct buffer pattern = BUFFER_EMPTY;
    struct buffer value = BUFFER_EMPTY;
    struct tally tally = {0};
    for (uint64_t i = 0; i < rounds; i++) {
        random_seed(seed + i);
        random_expression(&pattern, &value);
        compare(seed + i, buffer_slice(&pattern), &value, &tally);
    }
    print_message("%" PRIu64 " expressions, %" PRIu64 " with texts, %" PRIu64
                  " values that matched those\n",
                  tally.accepted, tally.with_literals, tally.matched_with_literals);
    assert_true(tally.accepted > rounds / 3);
    assert_true(tally.with_literals > rounds / 4);
    assert_true(tally.matched_with_literals > rounds / 4);
    buffer_clear(&pattern);
    buffer_clear(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_that_must_be_there_are_texts),
        cmocka_unit_test(a_group_without_a_choice_is_as_its_content),
        cmocka_unit_test(what_may_be_absent_or_other_is_none),
        cmocka_unit_test(what_is_repeated_is_there_once),
        cmocka_unit_test(classes_and_assertions_hide_nothing),
        cmocka_unit_test(what_is_not_understood_leaves_no_texts),
        cmocka_unit_test(what_has_no_room_is_left_out),
        cmocka_unit_test(no_expression_loses_a_value_by_its_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
