#include "common/nearest.h"

#include <string.h>

enum { LONGEST_NAME = 63 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters to insert, delete, replace, or swap with their neighbour. Three rows of the usual table:
 * the one being filled and the two above it. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][LONGEST_NAME + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        above[j] = j;
    memcpy(before, above, sizeof(rows[0]));

    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, replaced);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smallest(row[j], row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_length];
}

void nearest_consider(struct nearest *nearest, const char *name)
{
    size_t typed_length = strlen(nearest->typed);
    size_t name_length = strlen(name);
    if (typed_length == 0 || typed_length > LONGEST_NAME || name_length > LONGEST_NAME)
        return;

    /* One slip in three letters may still be a slip; more is another word. */
    size_t distance = edit_distance(nearest->typed, typed_length, name, name_length);
    size_t longer = typed_length > name_length ? typed_length : name_length;
    if (distance * 3 > longer || (nearest->name != NULL && distance >= nearest->distance))
        return;
    nearest->name = name;
    nearest->distance = distance;
}
