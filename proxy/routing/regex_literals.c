#include "proxy/routing/regex_literals.h"

#include <string.h>

enum { DEPTH_MAX = 16 };

/* Where the walk is, and the text it is at. */
struct walk {
    const char *at;
    struct regex_literals *found;
    size_t open;      /* where the length of the text that goes on stands */
    bool is_open;     /* there is such a text */
    bool is_at_start; /* nothing has been passed that takes a character */
    bool is_lost;     /* something is not understood */
};

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* --- texts ---------------------------------------------------------------------------------- */

static void end_text(struct walk *walk)
{
    walk->is_open = false;
    walk->is_at_start = false;
}

/* What has no room is not said, and nothing behind it goes on from there. */
static void add_character(struct walk *walk, char c)
{
    struct regex_literals *found = walk->found;
    size_t needed = walk->is_open ? 1 : 2;
    if (found->bytes + needed > REGEX_LITERALS_MAX_BYTES) {
        end_text(walk);
        return;
    }
    if (!walk->is_open) {
        found->is_start_known |= walk->is_at_start;
        walk->open = found->bytes;
        found->text[found->bytes++] = 0;
    }
    found->text[found->bytes++] = c;
    found->text[walk->open]++;
    walk->is_open = true;
    walk->is_at_start = false;
}

/* --- passing over --------------------------------------------------------------------------- */

/* From a backslash to behind the character it stands before. NULL: not understood. */
static const char *behind_escape(const char *at, const char *end)
{
    return end - at < 2 || is_one_of(at[1], "QEc") ? NULL : at + 2;
}

/* From "[:" to behind its ":]". NULL: not understood. */
static const char *behind_posix_class(const char *at, const char *end)
{
    const char *name = at + 1;
    if (name == end || *name != ':')
        return NULL;
    do
        name++;
    while (name < end && (*name == '^' || is_alphanumeric(*name)));
    return end - name >= 2 && name[0] == ':' && name[1] == ']' ? name + 2 : NULL;
}

/* From "[" to behind its "]". NULL: not understood. */
static const char *behind_class(const char *at, const char *end)
{
    at++;
    at += at < end && *at == '^';
    at += at < end && *at == ']';
    while (at != NULL && at < end && *at != ']') {
        if (*at == '\\')
            at = behind_escape(at, end);
        else if (*at == '[')
            at = behind_posix_class(at, end);
        else
            at++;
    }
    return at == NULL || at == end ? NULL : at + 1;
}

/* The end of a level of groups that `at` is inside of: its ")", or `end`. NULL: not understood. */
static const char *end_of_level(const char *at, const char *end, bool *has_alternatives)
{
    size_t depth = 0;
    *has_alternatives = false;
    while (at != NULL && at < end) {
        if (*at == '\\') {
            at = behind_escape(at, end);
            continue;
        }
        if (*at == '[') {
            at = behind_class(at, end);
            continue;
        }
        if (*at == ')' && depth == 0)
            return at;
        if (*at == '(')
            depth++;
        else if (*at == ')')
            depth--;
        else if (*at == '|' && depth == 0)
            *has_alternatives = true;
        at++;
    }
    return depth == 0 ? at : NULL;
}

/* From "(" to what the group is of. NULL: not understood. */
static const char *group_content(const char *at, const char *end)
{
    if (end - at < 3 || at[1] != '?')
        return at + 1;
    if (is_one_of(at[2], ":>|"))
        return at + 3;
    const char *name = at + 2 + (at[2] == 'P');
    if (name == end || !is_one_of(*name, "<'"))
        return NULL;
    const char *behind = memchr(name + 1, *name == '<' ? '>' : '\'', (size_t)(end - name - 1));
    return behind == NULL ? NULL : behind + 1;
}

/* --- repetition ----------------------------------------------------------------------------- */

enum repetition { JUST_ONCE, AT_LEAST_ONCE, MAYBE_ABSENT };

/* From "{" of a quantifier to its "}": {2}, {2,} or {2,4}. NULL: it is none. */
static const char *end_of_braces(const char *at, const char *end, bool *is_zero)
{
    const char *digits = ++at;
    *is_zero = true;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        *is_zero &= *at == '0';
    if (at == digits)
        return NULL;
    at += at < end && *at == ',';
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at < end && *at == '}' ? at : NULL;
}

/* All quantifiers that follow. The "?" of a lazy one counts as another: on the safe side. */
static enum repetition read_repetition(struct walk *walk, const char *end)
{
    enum repetition repetition = JUST_ONCE;
    for (; walk->at < end && is_one_of(*walk->at, "?*+{"); walk->at++) {
        bool may_be_absent = *walk->at == '?' || *walk->at == '*';
        if (*walk->at == '{') {
            const char *brace = end_of_braces(walk->at, end, &may_be_absent);
            if (brace == NULL) {
                walk->is_lost = true;
                return MAYBE_ABSENT;
            }
            walk->at = brace;
        }
        if (may_be_absent)
            repetition = MAYBE_ABSENT;
        else if (repetition == JUST_ONCE)
            repetition = AT_LEAST_ONCE;
    }
    return repetition;
}

/* --- items ---------------------------------------------------------------------------------- */

static void pass_character(struct walk *walk, const char *end, char c)
{
    enum repetition repetition = read_repetition(walk, end);
    if (repetition == MAYBE_ABSENT) {
        end_text(walk);
        return;
    }
    add_character(walk, c);
    if (repetition == AT_LEAST_ONCE)
        end_text(walk);
}

/* Some character, or several, of which nothing is said. */
static void pass_unknown(struct walk *walk, const char *end)
{
    read_repetition(walk, end);
    end_text(walk);
}

/* "^", "\b": they take no character. */
static void pass_assertion(struct walk *walk, const char *end)
{
    read_repetition(walk, end);
    walk->is_open = false;
}

static void pass_escape(struct walk *walk, const char *end)
{
    if (end - walk->at < 2) {
        walk->is_lost = true;
        return;
    }
    char escaped = walk->at[1];
    walk->at += 2;
    if (is_one_of(escaped, "dDwWsShHvVNRX"))
        pass_unknown(walk, end);
    else if (is_one_of(escaped, "bBAzZG"))
        pass_assertion(walk, end);
    else if (escaped > ' ' && escaped < 0x7f && !is_alphanumeric(escaped))
        pass_character(walk, end, escaped);
    else
        walk->is_lost = true;
}

static void pass_level(struct walk *walk, const char *end, unsigned depth);

static void pass_group(struct walk *walk, const char *end, unsigned depth)
{
    bool has_alternatives = true;
    const char *content = group_content(walk->at, end);
    const char *close = content == NULL ? NULL : end_of_level(content, end, &has_alternatives);
    if (close == NULL || close == end) {
        walk->is_lost = true;
        return;
    }
    walk->at = close + 1;
    enum repetition repetition = read_repetition(walk, end);
    if (has_alternatives || repetition == MAYBE_ABSENT) {
        end_text(walk);
        return;
    }
    const char *behind = walk->at;
    walk->at = content;
    pass_level(walk, close, depth + 1);
    walk->at = behind;
    if (repetition == AT_LEAST_ONCE)
        end_text(walk);
}

static void pass_item(struct walk *walk, const char *end, unsigned depth)
{
    char c = *walk->at;
    if (c == '(') {
        pass_group(walk, end, depth);
    } else if (c == '\\') {
        pass_escape(walk, end);
    } else if (c == '[') {
        walk->at = behind_class(walk->at, end);
        if (walk->at == NULL)
            walk->is_lost = true;
        else
            pass_unknown(walk, end);
    } else if (is_one_of(c, "?*+{|)")) {
        walk->is_lost = true;
    } else {
        walk->at++;
        if (c == '^' || c == '$')
            pass_assertion(walk, end);
        else if (c == '.' || c < ' ' || c >= 0x7f)
            pass_unknown(walk, end);
        else
            pass_character(walk, end, c);
    }
}

/* All items up to `end`, which has no alternatives. */
static void pass_level(struct walk *walk, const char *end, unsigned depth)
{
    walk->is_lost |= depth > DEPTH_MAX;
    while (!walk->is_lost && walk->at < end)
        pass_item(walk, end, depth);
}

/* Whether a group, or what may look like one in a class, is not just a group. */
static bool has_options(struct slice pattern)
{
    const char *end = pattern.at + pattern.length;
    for (const char *at = pattern.at; end - at >= 2; at++) {
        if (at[0] != '(' || !is_one_of(at[1], "?*"))
            continue;
        bool is_named = end - at >= 4 && (at[2] == '<' || (at[2] == 'P' && at[3] == '<')) &&
                        at[3] != '=' && at[3] != '!';
        if (at[1] == '*' || end - at < 3 || !(is_named || is_one_of(at[2], ":>|'")))
            return true;
    }
    return false;
}

void regex_literals_find(struct slice pattern, struct regex_literals *literals)
{
    literals->bytes = 0;
    literals->is_start_known = false;
    if (pattern.length == 0 || has_options(pattern))
        return;
    const char *end = pattern.at + pattern.length;
    bool has_alternatives;
    if (end_of_level(pattern.at, end, &has_alternatives) != end || has_alternatives)
        return;

    struct walk walk = {.at = pattern.at, .found = literals, .is_at_start = true};
    pass_level(&walk, end, 0);
    if (walk.is_lost) {
        literals->bytes = 0;
        literals->is_start_known = false;
    }
}
