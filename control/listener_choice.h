/* Listener choice: which listener a request that is only described is taken to come in by.
 *
 * Threads: main. */
#ifndef CONTROL_LISTENER_CHOICE_H
#define CONTROL_LISTENER_CHOICE_H

#include "proxy/routing/request_head.h"

#include <stdbool.h>

struct proxy_registry;

struct listener_choice {
    struct listener_identity identity; /* the name lies in `name` */
    char *name;
    bool is_chosen; /* false: any, for nothing says which */
    bool is_known;  /* a connected proxy has it */
};

/* The one called `name`; with "" the only one that connected proxies have. Copies. */
void listener_choice_init(struct listener_choice *choice, const struct proxy_registry *proxies,
                          const char *name);
void listener_choice_clear(struct listener_choice *choice);

#endif
