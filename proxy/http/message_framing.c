#include "proxy/http/message_framing.h"

#include "common/character.h"

/* A Connection header with more options than this is an attack on whoever compares each of them
 * with each field. */
enum { CONNECTION_OPTIONS_MAX = 32 };

static enum refusal note_content_length(struct message_framing *framing, struct slice value)
{
    if (framing->has_content_length)
        return REFUSAL_TWO_CONTENT_LENGTHS;
    if (value.length == 0)
        return REFUSAL_CONTENT_LENGTH;

    uint64_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (!character_is(value.at[i], CHARACTER_DIGIT))
            return REFUSAL_CONTENT_LENGTH;
        unsigned digit = (unsigned)(value.at[i] - '0');
        /* Signed sizes are common elsewhere: what does not fit them is refused as well. */
        if (length > ((uint64_t)INT64_MAX - digit) / 10)
            return REFUSAL_CONTENT_LENGTH;
        length = length * 10 + digit;
    }

    framing->has_content_length = true;
    framing->content_length = length;
    return REFUSAL_NONE;
}

static enum refusal note_transfer_encoding(struct message_framing *framing, struct slice value)
{
    static const struct slice chunked = {"chunked", 7};

    if (framing->has_transfer_encoding)
        return REFUSAL_TWO_TRANSFER_ENCODINGS;
    if (!slice_equals_ignoring_case(value, chunked))
        return REFUSAL_TRANSFER_ENCODING;

    framing->has_transfer_encoding = true;
    framing->is_chunked_in_capitals = !slice_equals(value, chunked);
    return REFUSAL_NONE;
}

static enum refusal note_connection(struct message_framing *framing, struct slice value)
{
    struct slice option;
    while (header_value_next(&value, &option)) {
        if (!header_name_is_token(option) || ++framing->connection_options > CONNECTION_OPTIONS_MAX)
            return REFUSAL_CONNECTION_OPTION;

        if (slice_equals_ignoring_case(option, SLICE("close")))
            framing->connection_close = true;
        else if (slice_equals_ignoring_case(option, SLICE("keep-alive")))
            framing->connection_keep_alive = true;
        else if (slice_equals_ignoring_case(option, SLICE("upgrade")))
            framing->connection_upgrade = true;
        else
            framing->connection_names_fields = true;
    }
    return REFUSAL_NONE;
}

enum refusal message_framing_note_this(struct message_framing *framing, enum header_id id,
                                       struct slice value)
{
    if (id == HEADER_CONTENT_LENGTH)
        return note_content_length(framing, value);
    if (id == HEADER_TRANSFER_ENCODING)
        return note_transfer_encoding(framing, value);
    return note_connection(framing, value);
}

enum refusal message_framing_check(const struct message_framing *framing, int minor_version)
{
    if (framing->has_transfer_encoding && framing->has_content_length)
        return REFUSAL_LENGTH_AND_ENCODING;
    if (framing->has_transfer_encoding && minor_version == 0)
        return REFUSAL_TRANSFER_ENCODING_IN_1_0;
    return REFUSAL_NONE;
}

bool message_framing_keeps_alive(const struct message_framing *framing, int minor_version)
{
    if (framing->connection_close)
        return false;
    return minor_version >= 1 || framing->connection_keep_alive;
}

bool message_framing_drop_named(const struct message_framing *framing, struct header_list *list)
{
    return !framing->connection_names_fields || header_list_drop_named(list);
}
