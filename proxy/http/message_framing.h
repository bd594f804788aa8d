/* Message framing: where a message ends and what becomes of its connection, as its fields say.
 *
 * Requests and responses gather the same facts field by field; each then draws its own
 * conclusion (RFC 9112 section 6.3).
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_MESSAGE_FRAMING_H
#define PROXY_HTTP_MESSAGE_FRAMING_H

#include "proxy/http/refusal.h"
#include "proxy/routing/header_list.h"

#include <stdbool.h>
#include <stdint.h>

enum body_framing {
    BODY_NONE,
    BODY_LENGTH,      /* content_length bytes, which may be 0 */
    BODY_CHUNKED,     /* see proxy/http/chunk_decoder.h */
    BODY_UNTIL_CLOSE, /* responses only */
};

struct message_framing {
    uint64_t content_length;
    bool has_content_length;
    bool has_transfer_encoding;
    bool is_chunked_in_capitals; /* the coding was chunked, but not written in lower case */
    bool connection_close;
    bool connection_keep_alive;
    bool connection_upgrade;
    bool connection_names_fields; /* options beyond those above */
    uint8_t connection_options;   /* how many */
};

/* For message_framing_note: one of the three. */
enum refusal message_framing_note_this(struct message_framing *framing, enum header_id id,
                                       struct slice value);

/* Takes in one field; anything but Content-Length, Transfer-Encoding and Connection is ignored.
 * REFUSAL_NONE, or what is wrong with it. */
static inline enum refusal message_framing_note(struct message_framing *framing, enum header_id id,
                                                struct slice value)
{
    if (id != HEADER_CONTENT_LENGTH && id != HEADER_TRANSFER_ENCODING && id != HEADER_CONNECTION)
        return REFUSAL_NONE;
    return message_framing_note_this(framing, id, value);
}

/* What must hold between the fields once all are there. */
enum refusal message_framing_check(const struct message_framing *framing, int minor_version);

/* RFC 9112 section 9.3. */
bool message_framing_keeps_alive(const struct message_framing *framing, int minor_version);

/* header_list_drop_named, unless there is nothing to drop. */
bool message_framing_drop_named(const struct message_framing *framing, struct header_list *list);

#endif
