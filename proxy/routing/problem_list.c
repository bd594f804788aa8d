#include "proxy/routing/problem_list.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { PROBLEMS_MAX = 1000 };

void problem_list_clear(struct problem_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->problems[i].name);
        free(list->problems[i].field);
        free(list->problems[i].message);
    }
    free(list->problems);
    *list = (struct problem_list){0};
}

static void add(struct problem_list *list, Pointsman__V1__ObjectKind kind, struct slice name,
                const char *field, const char *message)
{
    if (list->count == PROBLEMS_MAX)
        return;
    if (list->problems == NULL)
        list->problems = memory_allocate(PROBLEMS_MAX * sizeof(struct problem));

    list->problems[list->count++] = (struct problem){
        .kind = kind,
        .name = memory_duplicate_slice(name),
        .field = memory_duplicate_string(field),
        .message = memory_duplicate_string(message),
    };
}

void problem_list_move(struct problem_list *to, struct problem_list *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct problem *problem = &from->problems[i];
        add(to, problem->kind, slice_from_string(problem->name), problem->field, problem->message);
    }
    problem_list_clear(from);
}

void problem_list_note(void *context, const char *field, const char *message)
{
    const struct problem_site *site = context;
    add(site->list, site->kind, site->name, field, message);
}
