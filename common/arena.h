/* Arena: memory for things made piece by piece, given back all at once.
 *
 * Threads: none shared. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *newest;
};

/* Zeroed. */
void *arena_allocate(struct arena *arena, size_t bytes);
/* With a terminator behind it. `from` may be NULL when it is empty. */
char *arena_string(struct arena *arena, const char *from, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for one more item behind the `count` old ones: `items` itself, or a copy of twice the size.
 * `items` is NULL or came from here. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_bytes);

/* Everything that came from it is gone. */
void arena_clear(struct arena *arena);

/* A message of a generated type with its defaults: ARENA_MESSAGE(arena, RouteMessage,
 * pointsman__v1__route__init). */
#define ARENA_MESSAGE(arena, type, init)                                                           \
    __extension__({                                                                                \
        type *message_ = arena_allocate((arena), sizeof(type));                                    \
        init(message_);                                                                            \
        message_;                                                                                  \
    })

/* Appends to a repeated field: its list, its count, and the item. */
#define ARENA_APPEND(arena, list, count, item)                                                     \
    do {                                                                                           \
        (list) = arena_grow((arena), (list), (count), sizeof(*(list)));                            \
        (list)[(count)++] = (item);                                                                \
    } while (0)

#endif
