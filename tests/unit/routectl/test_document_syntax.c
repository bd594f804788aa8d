/* Every problem that libyaml can have with a text, but for memory that is not there. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

/* A text, and what is said to it behind "a.yaml:". */
struct refused_text {
    struct slice text;
    const char *said;
};

static void assert_all_refused(const struct refused_text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        documents_reset(NULL);
        assert_false(documents_read("a.yaml", texts[i].text, DOCUMENT_FORM, &documents_draft,
                                    documents_on_remark, NULL));
        /* What stands in front of it may be wrong, too, though less so. */
        const char *said = strstr(buffer_string(&documents_remarks), texts[i].said);
        assert_non_null(said);
        assert_true(slice_has_prefix(slice_from_string(said - 7), SLICE("a.yaml:")));
        assert_string_equal(said + strlen(texts[i].said), "\n");
    }
}

static void bytes_that_are_no_text_name_their_place(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("a: \"\xff\"\n"),
         "1:5: invalid leading UTF-8 octet: 0xFF; documents are written in UTF-8"},
        {SLICE("\xc3\xa4: \xe2\x82\xac\nb: \"\xc3\"\n"),
         "2:6: invalid trailing UTF-8 octet: 0x22; documents are written in UTF-8"},
        {SLICE("a: \"\xc0\xaf\"\n"),
         "1:5: invalid length of a UTF-8 sequence; documents are written in UTF-8"},
        {SLICE("a: \xc3"), "1:4: incomplete UTF-8 octet sequence; documents are written in UTF-8"},
        {SLICE("a: \xed\xa0\x80\n"), "1:4: invalid Unicode character: U+D800"},
        {SLICE("a: \xf4\x90\x80\x80\n"), "1:4: invalid Unicode character: U+110000"},
        {SLICE("a: \001\n"), "1:4: control characters are not allowed: U+0001"},
        {SLICE("a: \0\n"), "1:4: control characters are not allowed: U+0000"},
        {SLICE("\xef\xbb\xbf\xff"),
         "1:1: invalid leading UTF-8 octet: 0xFF; documents are written in UTF-8"},
        {SLICE("a: b\r\nc: d\re: \xff\r\n"),
         "3:4: invalid leading UTF-8 octet: 0xFF; documents are written in UTF-8"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

static void text_in_utf_16_names_its_place_too(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("\xff\xfe"
               "a\0:\0 \0*\0x\0\n\0"),
         "1:4: the alias '*x' names no anchor that stands before it in the document"},
        {SLICE("\xfe\xff\0a\0:\0 \0*\0x\0\n"),
         "1:4: the alias '*x' names no anchor that stands before it in the document"},
        {SLICE("\xff\xfe\x3d\xd8\0\xde:\0\r\0\n\0 \0*\0y\0"),
         "2:2: the alias '*y' names no anchor that stands before it in the document"},
        {SLICE("\xff\xfe"
               "a\0:\0\n\0\0\xdc\n\0"),
         "2:1: unexpected low surrogate area: U+DC00"},
        {SLICE("\xff\xfe"
               "a\0:\0 \0\0\xd8\n\0"),
         "1:5: expected low surrogate area: U+000A"},
        {SLICE("\xff\xfe"
               "a\0:\0 \0b"),
         "1:4: incomplete UTF-16 character"},
        {SLICE("\xff\xfe"
               "a\0:\0 \0\0\xd8"),
         "1:4: incomplete UTF-16 surrogate pair"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

static void an_alias_without_an_anchor_is_named(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("\xc3\xa4: *nobody\n"),
         "1:4: the alias '*nobody' names no anchor that stands before it in the document"},
        {SLICE("a: b\r\nc: [*x-1_Y, d]\r\n"),
         "2:5: the alias '*x-1_Y' names no anchor that stands before it in the document"},
        {SLICE("a: b\xe2\x80\xa8"
               "c: *x"),
         "2:4: the alias '*x' names no anchor that stands before it in the document"},
        {SLICE("a: &x 1\n--- *x\n"),
         "2:5: the alias '*x' names no anchor that stands before it in the document"},
        {SLICE("[1] [*x]"),
         "1:6: the alias '*x' names no anchor that stands before it in the document"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

static void what_the_scanner_does_not_understand_names_its_place(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("a: b\nc\nd: e\n"),
         "3:1: could not find expected ':' (while scanning a simple key, which begins in line 2)"},
        {SLICE("a: |0\n  x\n"),
         "1:5: found an indentation indicator equal to 0 (while scanning a block scalar)"},
        {SLICE("a: |\n\tx\n"), "2:1: found a tab character where an indentation space is expected "
                               "(while scanning a block scalar, which begins in line 1)"},
        {SLICE("a: |x\n"),
         "1:5: did not find expected comment or line break (while scanning a block scalar)"},
        {SLICE("a:\n  - b\n\tc\n"), "3:1: found a tab character that violates indentation (while "
                                    "scanning a plain scalar, which begins in line 2)"},
        {SLICE("a: !<x y\n"), "1:7: did not find the expected '>' (while scanning a tag)"},
        {SLICE("a: !x%zz b\n"), "1:6: did not find URI escaped octet (while parsing a tag)"},
        {SLICE("a: !x%c3%28 b\n"),
         "1:9: found an incorrect trailing UTF-8 octet (while parsing a tag)"},
        {SLICE("a: !x%ff b\n"),
         "1:6: found an incorrect leading UTF-8 octet (while parsing a tag)"},
        {SLICE("a: !<x>b\n"),
         "1:8: did not find expected whitespace or line break (while scanning a tag)"},
        {SLICE("a: &? b\n"),
         "1:5: did not find expected alphabetic or numeric character (while scanning an anchor)"},
        {SLICE("a: *\xc3\xa4\n"),
         "1:5: did not find expected alphabetic or numeric character (while scanning an alias)"},
        {SLICE("a: \"x\n---\n"), "2:1: found unexpected document indicator (while scanning a "
                                 "quoted scalar, which begins in line 1)"},
        {SLICE("a: \"x\n"), "2:1: found unexpected end of stream (while scanning a quoted scalar, "
                            "which begins in line 1)"},
        {SLICE("a: \"\\z\"\n"),
         "1:5: found unknown escape character (while parsing a quoted scalar)"},
        {SLICE("a: \"\\xz\"\n"),
         "1:7: did not find expected hexdecimal number (while parsing a quoted scalar)"},
        {SLICE("a: \"\\U00110000\"\n"),
         "1:7: found invalid Unicode character escape code (while parsing a quoted scalar); half "
         "of a surrogate pair is no character, and only JSON has pairs: write the character itself "
         "or \\U0001F600, at most \\U0010FFFF"},
        {SLICE("a: - b\n"), "1:4: block sequence entries are not allowed in this context"},
        {SLICE("a: ? b\n"), "1:4: mapping keys are not allowed in this context"},
        {SLICE("a: b: c\n"), "1:5: mapping values are not allowed in this context; keys of one "
                             "mapping begin in the same column, and a text with ': ' needs quotes"},
        {SLICE("a: @x\n"),
         "1:4: found character that cannot start any token (while scanning for the next token); "
         "tabs do not indent, and a text that begins so needs quotes"},
        {SLICE("a:\n\tb: c\n"),
         "2:1: found character that cannot start any token (while scanning for the next token); "
         "tabs do not indent, and a text that begins so needs quotes"},
        {SLICE("[x:]\n"), "1:3: found unexpected ':' (while scanning a plain scalar)"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

static void a_directive_that_is_none_names_its_place(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("%YAML 1.1 x\n---\n"),
         "1:11: did not find expected comment or line break (while scanning a directive)"},
        {SLICE("%? x\n"),
         "1:2: could not find expected directive name (while scanning a directive)"},
        {SLICE("%FOO? x\n"),
         "1:5: found unexpected non-alphabetical character (while scanning a directive)"},
        {SLICE("%FOO x\n--- a\n"),
         "1:5: found unknown directive name (while scanning a directive)"},
        {SLICE("%YAML 1.x\n---\n"),
         "1:9: did not find expected version number (while scanning a %YAML directive)"},
        {SLICE("%YAML 1x\n---\n"),
         "1:8: did not find expected digit or '.' character (while scanning a %YAML directive)"},
        {SLICE("%YAML 1.12345678901\n---\n"),
         "1:18: found extremely long version number (while scanning a %YAML directive)"},
        {SLICE("%TAG ! \n---\n"),
         "1:8: did not find expected tag URI (while parsing a %TAG directive)"},
        {SLICE("%TAG !a!x y\n---\n"),
         "1:9: did not find expected whitespace (while scanning a %TAG directive)"},
        {SLICE("%TAG !a! x\"y\n---\n"),
         "1:11: did not find expected whitespace or line break (while scanning a %TAG directive)"},
        {SLICE("%TAG a b\n---\n"),
         "1:6: did not find expected '!' (while scanning a tag directive)"},
        {SLICE("%YAML 2.0\n--- a\n"), "1:1: found incompatible YAML document"},
        {SLICE("%YAML 1.1\n%YAML 1.1\n--- a\n"), "2:1: found duplicate %YAML directive"},
        {SLICE("%TAG !a! x\n%TAG !a! y\n--- a\n"), "2:1: found duplicate %TAG directive"},
        {SLICE("%YAML 1.1\na: b\n"), "2:1: did not find expected <document start>"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

static void what_the_parser_does_not_expect_names_its_place(void **state)
{
    (void)state;
    static const struct refused_text texts[] = {
        {SLICE("a: !e!x b\n"), "1:4: found undefined tag handle (while parsing a node)"},
        {SLICE("a: ]\n"), "1:4: did not find expected node content (while parsing a block node)"},
        {SLICE("["), "2:1: did not find expected node content (while parsing a flow node)"},
        {SLICE("[b}\n"), "1:3: did not find expected ',' or ']' (while parsing a flow sequence)"},
        {SLICE("a: {b: c]\n"),
         "1:9: did not find expected ',' or '}' (while parsing a flow mapping)"},
        {SLICE("- a\nb: c\n"),
         "2:1: did not find expected '-' indicator (while parsing a block collection, which begins "
         "in line 1); items of one list begin in the same column"},
        {SLICE("a:\n  b: c\n d: e\n"),
         "3:2: did not find expected key (while parsing a block mapping, which begins in line 1); "
         "keys of one mapping begin in the same column, and an item's '-' no further left than "
         "those of its list"},
        {SLICE("--- a\n...\n} b\n"), "3:1: did not find expected <document start>"},
    };
    assert_all_refused(texts, sizeof(texts) / sizeof(texts[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(bytes_that_are_no_text_name_their_place),
        DOCUMENT_TEST(text_in_utf_16_names_its_place_too),
        DOCUMENT_TEST(an_alias_without_an_anchor_is_named),
        DOCUMENT_TEST(what_the_scanner_does_not_understand_names_its_place),
        DOCUMENT_TEST(a_directive_that_is_none_names_its_place),
        DOCUMENT_TEST(what_the_parser_does_not_expect_names_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
