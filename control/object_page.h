/* Object page: some objects of one kind, in order of name, filtered by labels.
 *
 * Threads: main. */
#ifndef CONTROL_OBJECT_PAGE_H
#define CONTROL_OBJECT_PAGE_H

#include "common/error.h"
#include "control/store.h"
#include "proxy/routing/route_validate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE_SIZE_DEFAULT = 500,
    PAGE_SIZE_MAX = 1000,
    PAGE_BYTES_MAX = 1 << 20, /* then a page is full; one object may be more */
    PAGE_SCANS_MAX = 5,       /* a selector that matches little must not hold up everybody */
    PAGE_TOKEN_BYTES = OBJECT_NAME_BYTES + 32,
};

struct object_page {
    ProtobufCMessage *objects[PAGE_SIZE_MAX]; /* RouteMessage or BackendMessage */
    size_t count;
    uint64_t revision;                 /* what it shows */
    char next_token[PAGE_TOKEN_BYTES]; /* "": that was all */
};

struct object_query {
    Pointsman__V1__ObjectKind kind;
    uint32_t page_size; /* 0: the default */
    const char *token;  /* of the page before; "": the first */
    /* Which revision the first page is of: see moment_resolve. Further ones stay there. */
    uint64_t at_revision;
    uint64_t at_wall_ms;
    LabelMessage *const *selector;
    size_t selector_count;
};

/* Reads a page into `page`. Clear it in any case. */
bool object_page_read(struct object_page *page, struct store *store,
                      const struct object_query *query, struct error *err);
void object_page_clear(struct object_page *page);

/* The object in these bytes; free with message_free. */
ProtobufCMessage *object_unpack(Pointsman__V1__ObjectKind kind, struct slice bytes,
                                struct error *err);

#endif
