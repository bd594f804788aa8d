#include "proxy/routing/regex.h"

#include "common/buffer.h"
#include "proxy/routing/regex_literals.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of the matcher: about a millisecond at worst. The heap limit is in kibibytes. */
enum { MATCH_LIMIT = 20000, HEAP_LIMIT_KIB = 1024 };

/* Of many expressions most do not come near a value: what is shorter than it must be, or has not
 * the texts it must have, is told without the library, whose every call sets up a match. */
struct regex {
    pcre2_code *code;
    uint32_t min_length; /* of what matches; 0 when the library does not know */
    uint8_t literal_bytes;
    bool is_start_known;
    char literals[]; /* as in struct regex_literals */
};

static _Atomic uint64_t limit_hits;

/* --- what is refused ------------------------------------------------------------------------ */

/* A reader of patterns that errs on the strict side: it knows groups, classes and escapes, and
 * whatever could confuse it about where a class or a group starts is refused before. */
struct reader {
    const char *at;
    const char *end;
    const char *refused; /* what was found, or NULL */
};

static bool looking_at(const struct reader *reader, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, text, length) == 0;
}

/* Behind "(?": groups that only group, name, or set simple options. */
static const char *refused_group(const struct reader *reader)
{
    static const struct {
        const char *text;
        const char *refused;
    } starts[] = {
        {"=", "look-ahead"},
        {"!", "look-ahead"},
        {"*", "look-ahead"},
        {"<=", "look-behind"},
        {"<!", "look-behind"},
        {"<*", "look-behind"},
        {"P=", "a back-reference"},
        {"P>", "recursion"},
        {"&", "recursion"},
        {"R", "recursion"},
        {"(", "a condition"},
        {"C", "a callout"},
        {"#", "a comment"},
        {":", NULL},
        {">", NULL},
        {"|", NULL},
        {"<", NULL},
        {"P<", NULL},
        {"'", NULL},
    };
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (looking_at(reader, starts[i].text))
            return starts[i].refused;
    }

    for (const char *option = reader->at; option < reader->end; option++) {
        if (*option == ':' || *option == ')')
            return NULL;
        if (*option >= '0' && *option <= '9')
            return "recursion";
        if (*option == 'x')
            return "the extended syntax";
        if (strchr("imsnUJ-^", *option) == NULL)
            return "an unknown group";
    }
    return NULL; /* unfinished: the compiler says so better */
}

static void read_escape(struct reader *reader, bool in_class)
{
    reader->at++;
    if (reader->at == reader->end)
        return;

    char escaped = *reader->at++;
    if (escaped == 'Q' || escaped == 'E')
        reader->refused = "quoting with \\Q";
    else if (escaped == 'c' && reader->at < reader->end)
        reader->at++; /* the character of \cx, which may be any */
    else if (in_class)
        return;
    else if ((escaped >= '1' && escaped <= '9') || escaped == 'k' || escaped == 'g')
        reader->refused = "a back-reference";
    else if (escaped == 'K' || escaped == 'C')
        reader->refused = "\\K or \\C";
}

/* At "[" inside a class: "[:alpha:]" is skipped, anything else refused. */
static void read_posix_class(struct reader *reader)
{
    const char *at = reader->at + 1;
    if (at < reader->end && *at == ':') {
        at++;
        if (at < reader->end && *at == '^')
            at++;
        while (at < reader->end && *at >= 'a' && *at <= 'z')
            at++;
        if (reader->end - at >= 2 && at[0] == ':' && at[1] == ']') {
            reader->at = at + 2;
            return;
        }
    }
    reader->refused = "an unescaped [ inside a class";
}

/* From "[" to behind its "]". */
static void read_class(struct reader *reader)
{
    reader->at++;
    if (reader->at < reader->end && *reader->at == '^')
        reader->at++;
    if (reader->at < reader->end && *reader->at == ']')
        reader->at++;

    while (reader->at < reader->end && reader->refused == NULL) {
        if (*reader->at == '\\')
            read_escape(reader, true);
        else if (*reader->at == '[')
            read_posix_class(reader);
        else if (*reader->at++ == ']')
            return;
    }
}

static const char *find_refused(struct slice pattern)
{
    struct reader reader = {.at = pattern.at, .end = pattern.at + pattern.length};
    while (reader.at < reader.end && reader.refused == NULL) {
        if (*reader.at == '\\') {
            read_escape(&reader, false);
        } else if (*reader.at == '[') {
            read_class(&reader);
        } else if (looking_at(&reader, "(*")) {
            reader.refused = "a verb";
        } else if (looking_at(&reader, "(?")) {
            reader.at += 2;
            reader.refused = refused_group(&reader);
        } else {
            reader.at++;
        }
    }
    return reader.refused;
}

/* --- literals ------------------------------------------------------------------------------- */

bool regex_next_literal(const struct regex *regex, struct slice *literal)
{
    return regex_literals_next(regex->literals, regex->literal_bytes, literal);
}

static bool can_match(const struct regex *regex, struct slice value)
{
    if (value.length < regex->min_length)
        return false;
    struct slice rest = value;
    bool is_at_start = regex->is_start_known;
    for (struct slice literal = {0}; regex_next_literal(regex, &literal); is_at_start = false) {
        const char *found = rest.at;
        if (rest.length < literal.length)
            return false;
        if (!is_at_start)
            found = memmem(rest.at, rest.length, literal.at, literal.length);
        else if (!slice_has_prefix(rest, literal))
            found = NULL;
        if (found == NULL)
            return false;
        size_t passed = (size_t)(found - rest.at) + literal.length;
        rest = slice_of(rest.at + passed, rest.length - passed);
    }
    return true;
}

/* --- compiling ------------------------------------------------------------------------------ */

struct regex *regex_new(struct slice pattern, struct error *err)
{
    const char *refused = find_refused(pattern);
    if (refused != NULL) {
        error_set(err, ERROR_INVALID, "the expression uses %s, which is not allowed", refused);
        return NULL;
    }

    int code_of_error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.length,
                                     PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_UTF |
                                         PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C,
                                     &code_of_error, &offset, NULL);
    if (code == NULL) {
        char text[128] = "";
        pcre2_get_error_message(code_of_error, (PCRE2_UCHAR *)text, sizeof(text));
        error_set(err, ERROR_INVALID, "the expression does not compile: %s at offset %zu", text,
                  (size_t)offset);
        return NULL;
    }

    /* The library's own word on it, in case the reader above was fooled. */
    uint32_t highest_back_reference = 0;
    pcre2_pattern_info(code, PCRE2_INFO_BACKREFMAX, &highest_back_reference);
    if (highest_back_reference > 0) {
        pcre2_code_free(code);
        error_set(err, ERROR_INVALID, "the expression uses a back-reference, which is not allowed");
        return NULL;
    }

    struct regex_literals literals;
    regex_literals_find(pattern, &literals);
    struct regex *regex = memory_allocate_zeroed(1, sizeof(*regex) + literals.bytes);
    regex->code = code;
    regex->literal_bytes = literals.bytes;
    regex->is_start_known = literals.is_start_known;
    memcpy(regex->literals, literals.text, literals.bytes);
    pcre2_pattern_info(code, PCRE2_INFO_MINLENGTH, &regex->min_length);
    return regex;
}

void regex_free(struct regex *regex)
{
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    free(regex);
}

/* --- matching ------------------------------------------------------------------------------- */

/* What a thread matches with: made once, reused, freed when the thread ends. */
struct matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
};

static pthread_key_t matcher_key;
static pthread_once_t matcher_key_once = PTHREAD_ONCE_INIT;

static void free_matcher(void *argument)
{
    struct matcher *matcher = argument;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    free(matcher);
}

static void make_matcher_key(void)
{
    if (pthread_key_create(&matcher_key, free_matcher) != 0)
        abort();
}

static struct matcher *own_matcher(void)
{
    static _Thread_local struct matcher *own;
    if (own != NULL)
        return own;

    pthread_once(&matcher_key_once, make_matcher_key);
    own = memory_allocate(sizeof(*own));
    own->context = pcre2_match_context_create(NULL);
    own->data = pcre2_match_data_create(1, NULL);
    if (own->context == NULL || own->data == NULL || pthread_setspecific(matcher_key, own) != 0)
        abort();
    pcre2_set_match_limit(own->context, MATCH_LIMIT);
    pcre2_set_heap_limit(own->context, HEAP_LIMIT_KIB);
    return own;
}

static _Thread_local uint64_t own_limit_hits;

static void count_limit_hit(void)
{
    atomic_fetch_add_explicit(&limit_hits, 1, memory_order_relaxed);
    own_limit_hits++;
}

bool regex_matches(const struct regex *regex, struct slice value)
{
    if (!can_match(regex, value))
        return false;
    struct matcher *matcher = own_matcher();
    int result = pcre2_match(regex->code, value.at == NULL ? (PCRE2_SPTR) "" : (PCRE2_SPTR)value.at,
                             value.length, 0, 0, matcher->data, matcher->context);
    if (result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_HEAPLIMIT ||
        result == PCRE2_ERROR_DEPTHLIMIT)
        count_limit_hit();
    return result >= 0;
}

uint64_t regex_limit_hits(void)
{
    return atomic_load_explicit(&limit_hits, memory_order_relaxed);
}

uint64_t regex_own_limit_hits(void)
{
    return own_limit_hits;
}
