#include "control/routectl/text_diff.h"

#include <stdlib.h>
#include <string.h>

/* The shortest list of removed and added lines, after Myers, "An O(ND) Difference Algorithm and
 * Its Variations" (1986): the furthest point on each diagonal that d changes reach, for growing d.
 * What differs in more lines than MAX_CHANGES is shown as removed and added as a whole. */

enum { CONTEXT_LINES = 3, MAX_CHANGES = 2000 };

enum change { SAME, REMOVED, ADDED };

struct lines {
    struct slice *items;
    size_t count;
};

/* One step after the other from the first lines to the last. */
struct steps {
    unsigned char *items; /* enum change */
    size_t count;
};

static struct lines split(struct slice text)
{
    size_t capacity = 64;
    struct lines lines = {.items = memory_allocate(capacity * sizeof(*lines.items))};
    while (text.length > 0) {
        const char *end = memchr(text.at, '\n', text.length);
        size_t length = end == NULL ? text.length : (size_t)(end - text.at) + 1;
        if (lines.count == capacity) {
            capacity *= 2;
            lines.items = memory_reallocate(lines.items, capacity * sizeof(*lines.items));
        }
        lines.items[lines.count++] = slice_of(text.at, length);
        text = slice_of(text.at + length, text.length - length);
    }
    return lines;
}

static void add_steps(struct steps *steps, enum change change, size_t count)
{
    memset(steps->items + steps->count, (int)change, count);
    steps->count += count;
}

/* --- the shortest way ------------------------------------------------------------------------- */

/* How far (in lines of `before`) each diagonal was reached, for one number of changes: of
 * diagonals -changes .. changes, so 2 * changes + 1 of them. */
struct front {
    int *reach; /* [diagonal + changes] */
    int changes;
};

static int reach_of(const struct front *front, int diagonal)
{
    if (diagonal < -front->changes || diagonal > front->changes)
        return -1;
    return front->reach[diagonal + front->changes];
}

/* Where a diagonal is entered with one change more than `front`: by a line removed from the
 * diagonal below, or by a line added from the one above. */
static int enter(const struct front *front, int diagonal, bool *is_removal)
{
    int by_removal = reach_of(front, diagonal - 1);
    int by_addition = reach_of(front, diagonal + 1);
    *is_removal = by_removal >= by_addition && by_removal >= 0;
    return *is_removal ? by_removal + 1 : by_addition;
}

static int slide(const struct lines *before, const struct lines *after, int x, int diagonal)
{
    while (x < (int)before->count && x - diagonal < (int)after->count &&
           slice_equals(before->items[x], after->items[x - diagonal]))
        x++;
    return x;
}

/* The next front; true when it reaches the end of both. */
static bool advance(const struct lines *before, const struct lines *after, const struct front *last,
                    struct front *next)
{
    int rows = (int)before->count, columns = (int)after->count;
    next->changes = last == NULL ? 0 : last->changes + 1;
    next->reach = memory_allocate((size_t)(2 * next->changes + 1) * sizeof(int));
    for (int i = 0; i <= 2 * next->changes; i++)
        next->reach[i] = -1;
    for (int diagonal = -next->changes; diagonal <= next->changes; diagonal += 2) {
        bool is_removal;
        int x = last == NULL ? 0 : enter(last, diagonal, &is_removal);
        if (x < 0 || x > rows || x - diagonal > columns || x - diagonal < 0)
            continue;
        x = slide(before, after, x, diagonal);
        next->reach[diagonal + next->changes] = x;
        if (x == rows && x - diagonal == columns)
            return true;
    }
    return false;
}

/* From the end back to the beginning along the fronts; the steps come out in reverse. */
static void walk_back(const struct front *fronts, int changes, int x, int y, struct steps *steps)
{
    for (; changes > 0; changes--) {
        bool is_removal;
        int start = enter(&fronts[changes - 1], x - y, &is_removal);
        add_steps(steps, SAME, (size_t)(x - start));
        add_steps(steps, is_removal ? REMOVED : ADDED, 1);
        y -= x - start;
        x = start;
        if (is_removal)
            x--;
        else
            y--;
    }
    add_steps(steps, SAME, (size_t)x);
}

static void reverse(unsigned char *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        unsigned char item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

static void compare(const struct lines *before, const struct lines *after, struct steps *steps)
{
    struct front *fronts = memory_allocate_zeroed(MAX_CHANGES + 1, sizeof(*fronts));
    size_t first = steps->count;
    bool is_found = false;
    int changes = 0;
    while (!is_found && changes <= MAX_CHANGES) {
        is_found =
            advance(before, after, changes == 0 ? NULL : &fronts[changes - 1], &fronts[changes]);
        changes++;
    }
    if (is_found) {
        walk_back(fronts, changes - 1, (int)before->count, (int)after->count, steps);
        reverse(steps->items + first, steps->count - first);
    } else {
        add_steps(steps, REMOVED, before->count);
        add_steps(steps, ADDED, after->count);
    }
    for (int i = 0; i < changes; i++)
        free(fronts[i].reach);
    free(fronts);
}

/* What both begin and end with needs no search. */
static struct steps find_steps(const struct lines *before, const struct lines *after)
{
    struct steps steps = {.items = memory_allocate(before->count + after->count + 1)};
    size_t shorter = before->count < after->count ? before->count : after->count;
    size_t head = 0, tail = 0;
    while (head < shorter && slice_equals(before->items[head], after->items[head]))
        head++;
    while (tail < shorter - head && slice_equals(before->items[before->count - 1 - tail],
                                                 after->items[after->count - 1 - tail]))
        tail++;

    const struct lines inner_before = {before->items + head, before->count - head - tail};
    const struct lines inner_after = {after->items + head, after->count - head - tail};
    add_steps(&steps, SAME, head);
    compare(&inner_before, &inner_after, &steps);
    add_steps(&steps, SAME, tail);
    return steps;
}

/* --- hunks ------------------------------------------------------------------------------------ */

static void append_line(struct buffer *to, char mark, struct slice line, bool has_colour)
{
    const char *colour = mark == '-' ? "\033[31m" : mark == '+' ? "\033[32m" : "";
    bool is_coloured = has_colour && *colour != '\0';
    if (is_coloured)
        buffer_append_string(to, colour);
    buffer_append_char(to, mark);
    size_t length =
        line.length > 0 && line.at[line.length - 1] == '\n' ? line.length - 1 : line.length;
    buffer_append(to, line.at, length);
    if (is_coloured)
        buffer_append_string(to, "\033[0m");
    buffer_append_char(to, '\n');
}

/* "12,3": its first line, or the one in front of it when there is none. */
static void append_range(struct buffer *to, size_t first, size_t count)
{
    buffer_printf(to, "%zu", count == 0 ? first : first + 1);
    if (count != 1)
        buffer_printf(to, ",%zu", count);
}

/* The last step of the hunk that the change at `at` begins, plus one: changes with few lines
 * between them stand together. */
static size_t hunk_end(const struct steps *steps, size_t at)
{
    size_t end = at;
    for (size_t i = at; i < steps->count && i - end <= (size_t)2 * CONTEXT_LINES; i++) {
        if (steps->items[i] != SAME)
            end = i + 1;
    }
    return steps->count - end > CONTEXT_LINES ? end + CONTEXT_LINES : steps->count;
}

struct position {
    size_t step, before, after;
};

static void advance_position(struct position *position, enum change change)
{
    position->step++;
    position->before += change != ADDED;
    position->after += change != REMOVED;
}

static void append_hunk(struct buffer *to, const struct steps *steps, const struct lines *before,
                        const struct lines *after, struct position *at, size_t end, bool has_colour)
{
    struct position last = *at;
    while (last.step < end)
        advance_position(&last, steps->items[last.step]);

    buffer_append_string(to, has_colour ? "\033[36m@@ -" : "@@ -");
    append_range(to, at->before, last.before - at->before);
    buffer_append_string(to, " +");
    append_range(to, at->after, last.after - at->after);
    buffer_append_string(to, has_colour ? " @@\033[0m\n" : " @@\n");

    while (at->step < end) {
        enum change change = steps->items[at->step];
        if (change == ADDED)
            append_line(to, '+', after->items[at->after], has_colour);
        else
            append_line(to, change == REMOVED ? '-' : ' ', before->items[at->before], has_colour);
        advance_position(at, change);
    }
}

void text_diff(struct buffer *to, struct slice before, struct slice after, bool has_colour)
{
    struct lines before_lines = split(before), after_lines = split(after);
    struct steps steps = find_steps(&before_lines, &after_lines);
    struct position at = {0};
    for (size_t i = 0; i < steps.count; i++) {
        if (steps.items[i] == SAME)
            continue;
        while (at.step + CONTEXT_LINES < i)
            advance_position(&at, steps.items[at.step]);
        append_hunk(to, &steps, &before_lines, &after_lines, &at, hunk_end(&steps, i), has_colour);
        i = at.step - 1;
    }
    free(before_lines.items);
    free(after_lines.items);
    free(steps.items);
}
