#include "common/log.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/pointsman-test-log.XXXXXX";

static void read_file(const char *from, char *to, size_t to_bytes)
{
    FILE *file = fopen(from, "r");
    assert_non_null(file);
    size_t got = fread(to, 1, to_bytes - 1, file);
    to[got] = '\0';
    fclose(file);
}

static void an_event_is_one_line_with_level_and_facts(void **state)
{
    (void)state;
    char text[4096];
    assert_true(log_open(path, NULL));

    log_info("route_published", "revision=%d", 41);

    read_file(path, text, sizeof(text));
    assert_non_null(strstr(text, " info route_published revision=41\n"));
}

static void chattier_levels_are_left_out(void **state)
{
    (void)state;
    char text[4096];
    assert_true(log_open(path, NULL));

    log_set_level(LOG_WARN);
    log_info("unheard", "a=1");
    log_set_level(LOG_INFO);

    read_file(path, text, sizeof(text));
    assert_null(strstr(text, "unheard"));
}

static void opening_again_follows_a_rotation(void **state)
{
    (void)state;
    char rotated[sizeof(path) + 2];
    char text[4096];
    snprintf(rotated, sizeof(rotated), "%s.1", path);
    assert_true(log_open(path, NULL));
    assert_int_equal(rename(path, rotated), 0);

    assert_true(log_open(path, NULL));
    log_info("after_rotation", "a=1");

    read_file(path, text, sizeof(text));
    assert_non_null(strstr(text, "after_rotation"));
    unlink(rotated);
}

static void a_file_that_cannot_be_opened_changes_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    char text[4096];

    assert_false(log_open("/nonexistent/folder/log", &err));
    log_info("still_here", "a=1");

    assert_non_null(strstr(err.message, "/nonexistent/folder/log"));
    read_file(path, text, sizeof(text));
    assert_non_null(strstr(text, "still_here"));
}

static void what_comes_from_outside_stays_on_its_line(void **state)
{
    (void)state;
    char quoted[64];

    log_quote(quoted, sizeof(quoted), "a\nb \"c\" \\");

    assert_string_equal(quoted, "\"a\\x0ab \\\"c\\\" \\\\\"");
}

static void a_line_break_in_a_fact_makes_no_second_line(void **state)
{
    (void)state;
    char text[4096];
    assert_true(log_open(path, NULL));

    log_error("unhealthy", "reason=\"%s\"", "in main\nPage 25\r\x1b[2J\x7f is wrong");

    read_file(path, text, sizeof(text));
    assert_non_null(strstr(text, "error unhealthy reason=\"in main Page 25  [2J  is wrong\"\n"));
}

static void a_quoted_text_is_cut_to_fit(void **state)
{
    (void)state;
    char quoted[10];

    log_quote(quoted, sizeof(quoted), "abcdefghijklmnop");

    assert_true(strlen(quoted) < sizeof(quoted));
    assert_int_equal(quoted[strlen(quoted) - 1], '"');
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line_with_level_and_facts),
        cmocka_unit_test(chattier_levels_are_left_out),
        cmocka_unit_test(opening_again_follows_a_rotation),
        cmocka_unit_test(a_file_that_cannot_be_opened_changes_nothing),
        cmocka_unit_test(what_comes_from_outside_stays_on_its_line),
        cmocka_unit_test(a_line_break_in_a_fact_makes_no_second_line),
        cmocka_unit_test(a_quoted_text_is_cut_to_fit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
