/* Words: a command line written as one string, taken apart at blanks.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_ROUTECTL_WORDS_H
#define TESTS_UNIT_ROUTECTL_WORDS_H

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 64 };

struct words {
    char text[1024];
    char *items[WORDS_MAX];
    int count;
};

static inline void words_split(struct words *words, const char *line)
{
    snprintf(words->text, sizeof(words->text), "%s", line);
    words->count = 0;
    for (char *word = strtok(words->text, " "); word != NULL && words->count < WORDS_MAX;
         word = strtok(NULL, " "))
        words->items[words->count++] = word;
}

#endif
