/* Problem list: what was wrong with the objects of an update, until someone is told.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_PROBLEM_LIST_H
#define PROXY_ROUTING_PROBLEM_LIST_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stddef.h>

struct problem {
    Pointsman__V1__ObjectKind kind;
    char *name;
    char *field;
    char *message;
};

struct problem_list {
    struct problem *problems;
    size_t count; /* of those kept; only the first thousand are */
};

void problem_list_clear(struct problem_list *list);

/* Adds all of another list, which is empty then. */
void problem_list_move(struct problem_list *to, struct problem_list *from);

/* Where a validator's problems belong: the context of problem_list_note. */
struct problem_site {
    struct problem_list *list;
    Pointsman__V1__ObjectKind kind;
    struct slice name;
};

/* A validate_report_fn with a struct problem_site as context. Copies. */
void problem_list_note(void *site, const char *field, const char *message);

#endif
