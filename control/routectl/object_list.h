/* Object list: all routes or backends that have the given labels, read page by page. All pages show
 * the same revision.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OBJECT_LIST_H
#define CONTROL_ROUTECTL_OBJECT_LIST_H

#include "common/arena.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/session.h"

#include <stddef.h>

struct object_list {
    struct arena arena; /* the lists of what the pages hold */
    ProtobufCMessage **pages;
    size_t page_count;
    LabelMessage **selector;
    size_t selector_count;
    struct flag_moment at; /* what is asked for; both 0: now */
    /* As one answer each. */
    Pointsman__V1__ListRoutesResponse routes;
    Pointsman__V1__ListBackendsResponse backends;
};

/* What has these labels, at the moment that --at names. EXIT_USAGE, and said by the name of `verb`,
 * when one of the flags is wrong. */
enum exit_code object_list_init(struct object_list *list, const char *verb,
                                const struct option_list *selector);
void object_list_clear(struct object_list *list);

/* Reads all of them. */
enum exit_code object_list_read_routes(struct object_list *list, struct session *session);
enum exit_code object_list_read_backends(struct object_list *list, struct session *session);

/* Both, at one revision. */
enum exit_code object_list_read_all(struct object_list *list, struct session *session);

/* One object by its name, as it was at a moment (NULL: as it is). NULL with EXIT_OK when there is
 * none; free with message_free. */
RouteMessage *object_find_route(struct session *session, const char *name,
                                const struct flag_moment *at, enum exit_code *code);
BackendMessage *object_find_backend(struct session *session, const char *name,
                                    const struct flag_moment *at, enum exit_code *code);

/* Says that neither has this name, and which route of the other kind may be meant. */
void object_say_missing(struct session *session, const char *name, const struct flag_moment *at);

#endif
