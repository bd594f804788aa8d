/* Object list: all routes or backends that have the given labels, read page by page.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_OBJECT_LIST_H
#define CONTROL_ROUTECTL_OBJECT_LIST_H

#include "common/arena.h"
#include "control/routectl/session.h"

#include <stdbool.h>
#include <stddef.h>

struct object_list {
    struct arena arena; /* the lists of what the pages hold */
    ProtobufCMessage **pages;
    size_t page_count;
    uint64_t revision; /* of the newest page; 0: none */
    bool has_changed;  /* something was committed between two pages */
    LabelMessage **selector;
    size_t selector_count;
    /* As one answer each. */
    Pointsman__V1__ListRoutesResponse routes;
    Pointsman__V1__ListBackendsResponse backends;
};

/* False, and said by the name of `verb`, when `selector` holds no labels. */
bool object_list_init(struct object_list *list, const char *verb,
                      const struct option_list *selector);
void object_list_clear(struct object_list *list);

/* Reads all of them; both may be asked for. */
enum exit_code object_list_read_routes(struct object_list *list, struct session *session);
enum exit_code object_list_read_backends(struct object_list *list, struct session *session);

/* Both, once more when something was committed in between, so that they are what one revision
 * holds; after a few times as they come. */
enum exit_code object_list_read_all(struct object_list *list, struct session *session);

/* One object by its name. NULL with EXIT_OK when there is none; free with message_free. */
RouteMessage *object_find_route(struct session *session, const char *name, enum exit_code *code);
BackendMessage *object_find_backend(struct session *session, const char *name,
                                    enum exit_code *code);

/* "note: something was changed while the list was read", where that is so. */
void object_list_note_change(const struct object_list *list);

#endif
