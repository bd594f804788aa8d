#include "tests/unit/proxy/routing/random_expressions.h"

#include "tests/unit/proxy/routing/random_routes.h"

#include <string.h>

enum { DEPTH_MAX = 4, ITEMS_MAX = 5, VALUE_MAX = 400 };

/* Something that takes characters, and what it takes. */
struct piece {
    const char *pattern;
    const char *value;
};

#define ONE_OF(things) (&(things)[random_below(sizeof(things) / sizeof((things)[0]))])

static const struct piece literals[] = {
    {"a", "a"},   {"b", "b"},     {"/", "/"},   {"item", "item"}, {"/v1/", "/v1/"}, {"X", "X"},
    {"-", "-"},   {"%2F", "%2F"}, {"]", "]"},   {"}", "}"},       {",", ","},       {"=", "="},
    {"#", "#"},   {" ", " "},     {"\\.", "."}, {"\\/", "/"},     {"\\|", "|"},     {"\\(", "("},
    {"\\)", ")"}, {"\\[", "["},   {"\\{", "{"}, {"\\*", "*"},     {"\\\\", "\\"},   {"\\-", "-"}};
static const struct piece unknowns[] = {{".", "q"},
                                        {"[ab]", "b"},
                                        {"[^/]", "z"},
                                        {"[]a|(]", "("},
                                        {"[^]]", "b"},
                                        {"[\\]a]", "]"},
                                        {"[[:alpha:]|]", "c"},
                                        {"[[:^digit:])]", ")"},
                                        {"\\d", "7"},
                                        {"\\w", "_"},
                                        {"\\S", "s"},
                                        {"\\h", " "},
                                        {"\\N", "n"},
                                        {"\\R", "\r\n"},
                                        {"\\X", "x"},
                                        {"[a-]", "-"},
                                        {"[\\d|]", "|"},
                                        {"\xc3\xa9", "\xc3\xa9"},
                                        {"[\\x41)]", ")"}};
/* What ends the walk, or what is not accepted at all. */
static const struct piece oddities[] = {{"\\x41", "A"},
                                        {"\\x{41}", "A"},
                                        {"\\101", "A"},
                                        {"\\o{101}", "A"},
                                        {"\\p{Lu}", "U"},
                                        {"\\cA", "\001"},
                                        {"\\c(", "h"},
                                        {"\\t", "\t"},
                                        {"[\\c]|(]", "("},
                                        {"[(?:]", ":"},
                                        {"[(?i]", "i"},
                                        {"{", "{"},
                                        {"{,3}", "{,3}"},
                                        {"{x", "{x"},
                                        {"\\\xc3\xa9", "\xc3\xa9"},
                                        {"\\Qa|b\\E", "a|b"},
                                        {"(?#|)", ""},
                                        {"(?=a)a", "a"},
                                        {"(*F)", ""},
                                        {"\\K", ""},
                                        {"(?i)", ""},
                                        {"(?-i)", ""},
                                        {"(?s)", ""},
                                        {"(?m)", ""},
                                        {"(?n)", ""},
                                        {"(?U)", ""},
                                        {"(?J)", ""},
                                        {"(?^)", ""},
                                        {"(?x) #|", ""},
                                        {"(", ""},
                                        {")", ""},
                                        {"[", ""}};
static const char *const assertions[] = {"^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G"};
static const char *const groups[] = {"(", "(?:", "(?>", "(?|", "(?<n>", "(?P<n>", "(?'n'"};
static const char *const odd_groups[] = {"(?i:", "(?-i:", "(?s-i:", "(?^:", "(?i)(?:"};

struct quantifier {
    const char *text;
    unsigned least;
    unsigned most;
};
static const struct quantifier quantifiers[] = {
    {"?", 0, 1},    {"*", 0, 3},     {"+", 1, 3},      {"{0}", 0, 0},    {"{1}", 1, 1},
    {"{2}", 2, 2},  {"{0,2}", 0, 2}, {"{1,}", 1, 2},   {"{0,}", 0, 2},   {"{2,3}", 2, 3},
    {"+?", 1, 2},   {"*?", 0, 2},    {"??", 0, 1},     {"++", 1, 2},     {"?+", 0, 1},
    {"{2}?", 2, 2}, {"{00}", 0, 0},  {"{2}{0}", 0, 0}, {"{2}{1}", 2, 2}, {"{1}{2}", 2, 2}};

static void write_alternatives(struct buffer *pattern, struct buffer *value, unsigned depth);

static void write_group(struct buffer *pattern, struct buffer *value, unsigned depth)
{
    buffer_append_string(pattern, random_once_in(12) ? *ONE_OF(odd_groups) : *ONE_OF(groups));
    write_alternatives(pattern, value, depth + 1);
    buffer_append_string(pattern, ")");
}

/* An item, which may be repeated. */
static void write_item(struct buffer *pattern, struct buffer *value, unsigned depth)
{
    struct buffer own = BUFFER_EMPTY;
    const struct piece *piece = random_once_in(3) ? ONE_OF(unknowns) : ONE_OF(literals);
    if (depth < DEPTH_MAX && random_once_in(4)) {
        write_group(pattern, &own, depth);
    } else if (random_once_in(24)) {
        buffer_append_string(pattern, *ONE_OF(assertions));
    } else {
        if (random_once_in(24))
            piece = ONE_OF(oddities);
        buffer_append_string(pattern, piece->pattern);
        buffer_append_string(&own, piece->value);
    }
    unsigned times = 1;
    if (random_once_in(4)) {
        const struct quantifier *quantifier = ONE_OF(quantifiers);
        buffer_append_string(pattern, quantifier->text);
        times = quantifier->least + random_below(quantifier->most - quantifier->least + 1);
    }
    while (times-- > 0 && buffer_slice(value).length < VALUE_MAX)
        buffer_append_string(value, buffer_string(&own));
    buffer_clear(&own);
}

static void write_items(struct buffer *pattern, struct buffer *value, unsigned depth)
{
    for (unsigned i = random_below(ITEMS_MAX); i > 0; i--)
        write_item(pattern, value, depth);
}

static void write_alternatives(struct buffer *pattern, struct buffer *value, unsigned depth)
{
    bool is_taken = random_once_in(2);
    struct buffer other = BUFFER_EMPTY;
    write_items(pattern, is_taken ? value : &other, depth);
    if (!is_taken || random_once_in(4)) {
        buffer_append_string(pattern, "|");
        write_items(pattern, is_taken ? &other : value, depth);
    }
    buffer_clear(&other);
}

void random_expression(struct buffer *pattern, struct buffer *value)
{
    buffer_reset(pattern);
    buffer_reset(value);
    if (random_once_in(6))
        buffer_append_string(pattern, "^");
    if (random_once_in(8)) {
        write_alternatives(pattern, value, 0);
    } else {
        write_items(pattern, value, 0);
        write_items(pattern, value, 0);
    }
}

void random_mutation(struct buffer *value)
{
    struct slice old = buffer_slice(value);
    if (old.length == 0) {
        buffer_append_string(value, "/");
        return;
    }
    struct buffer changed = BUFFER_EMPTY;
    size_t place = random_below((unsigned)old.length);
    buffer_append(&changed, old.at, place);
    char c = old.at[place];
    switch (random_below(4)) {
    case 0:
        c = (char)(c ^ 0x20);
        buffer_append_char(&changed, c);
        break;
    case 1:
        buffer_append_string(&changed, random_once_in(2) ? "b" : "/");
        break;
    case 2:
        buffer_append_char(&changed, c);
        buffer_append_char(&changed, c);
        break;
    default:
        break; /* one less */
    }
    buffer_append(&changed, old.at + place + 1, old.length - place - 1);
    buffer_clear(value);
    *value = changed;
}
