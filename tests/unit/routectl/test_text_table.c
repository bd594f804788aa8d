#include "control/routectl/text_table.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static const char *const headings[] = {"NAME", "TO", NULL};

static void assert_printed(struct text_table *table, bool has_colour, const char *expected)
{
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    text_table_print(table, file, has_colour);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
    text_table_clear(table);
}

static void columns_are_aligned_and_the_last_is_not_padded(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table, headings);
    text_table_cell(&table, "users");
    text_table_cell(&table, "%d", 1);
    assert_printed(&table, false,
                   "NAME   TO\n"
                   "users  1\n");
}

static void characters_count_not_bytes(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table, headings);
    text_table_cell(&table, "gr\xc3\xbc\xc3\x9f");
    text_table_cell(&table, "x");
    assert_printed(&table, false,
                   "NAME  TO\n"
                   "gr\xc3\xbc\xc3\x9f  x\n");
}

static void an_empty_cell_is_a_dash(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table, headings);
    text_table_cell(&table, "a");
    text_table_cell(&table, "%s", "");
    assert_printed(&table, false,
                   "NAME  TO\n"
                   "a     -\n");
}

static void control_characters_cannot_reach_the_terminal(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table, headings);
    text_table_cell(&table, "%s", "a\x1b[2J\n");
    text_table_cell(&table, "%s",
                    "\xc2\x9b"
                    "b\x7f");
    assert_printed(&table, false,
                   "NAME    TO\n"
                   "a?[2J?  ?b?\n");
}

static void headings_are_bold_in_colour(void **state)
{
    (void)state;
    struct text_table table;
    text_table_init(&table, headings);
    assert_printed(&table, true, "\033[1mNAME\033[0m  \033[1mTO\033[0m\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_the_last_is_not_padded),
        cmocka_unit_test(characters_count_not_bytes),
        cmocka_unit_test(an_empty_cell_is_a_dash),
        cmocka_unit_test(control_characters_cannot_reach_the_terminal),
        cmocka_unit_test(headings_are_bold_in_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
