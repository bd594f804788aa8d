/* Sizes and line ends are read byte by byte: they are short, and may be cut anywhere. Payload is
 * passed on whole. Trailers are rare: the section is kept until it is complete, then read like the
 * fields of a head. */
#include "proxy/http/chunk_decoder.h"

#include "common/character.h"
#include "proxy/http/request_lint.h"
#include "proxy/http/trailers.h"

#include <assert.h>

enum {
    SIZE_DIGITS_MAX = 16,
    EXTENSION_BYTES_MAX = 256,
};

void chunk_decoder_init(struct chunk_decoder *decoder, struct header_list trailers,
                        uint64_t body_limit_bytes)
{
    *decoder = (struct chunk_decoder){
        .trailers = trailers,
        .state = CHUNK_AT_SIZE,
        .body_limit = body_limit_bytes,
    };
    decoder->trailers.count = 0;
    field_parser_init(&decoder->lines, TRAILERS_MAX_BYTES);
}

void chunk_decoder_clear(struct chunk_decoder *decoder)
{
    buffer_clear(&decoder->kept);
    decoder->trailers.count = 0;
}

/* Up to CR, tabs and anything printable. What is in there is dropped, but not everything may be
 * dropped: others might see the end of the line somewhere else. */
static enum refusal read_extension(struct chunk_decoder *decoder, char c)
{
    if (c == '\r') {
        decoder->state = CHUNK_AT_SIZE_LF;
        return REFUSAL_NONE;
    }
    if (c == '\n')
        return REFUSAL_BARE_LF;
    if ((unsigned char)c < 0x20 ? c != '\t' : c == 0x7f)
        return REFUSAL_CONTROL_CHARACTER;
    return ++decoder->extension_bytes > EXTENSION_BYTES_MAX ? REFUSAL_CHUNK_EXTENSION
                                                            : REFUSAL_NONE;
}

static enum refusal read_size(struct chunk_decoder *decoder, char c)
{
    if (character_is(c, CHARACTER_HEX)) {
        if (++decoder->digits > SIZE_DIGITS_MAX)
            return REFUSAL_CHUNK_SIZE;
        decoder->left = decoder->left << 4 | character_hex_value(c);
        return REFUSAL_NONE;
    }

    /* Behind the size only the end of the line, or an extension. */
    if (decoder->digits == 0 || (c != '\r' && c != '\n' && c != ';'))
        return REFUSAL_CHUNK_SIZE;
    decoder->state = CHUNK_AT_EXTENSION;
    decoder->extension_bytes = 0;
    return read_extension(decoder, c);
}

static enum refusal start_chunk(struct chunk_decoder *decoder)
{
    decoder->digits = 0;
    decoder->state = decoder->left == 0 ? CHUNK_AT_LAST : CHUNK_AT_DATA;

    uint64_t limit = decoder->body_limit == 0 ? INT64_MAX : decoder->body_limit;
    if (decoder->left > limit || decoder->body_bytes > limit - decoder->left)
        return decoder->body_limit == 0 ? REFUSAL_CHUNK_SIZE : REFUSAL_BODY_TOO_LARGE;
    decoder->body_bytes += decoder->left;
    return REFUSAL_NONE;
}

/* One byte of framing. */
static enum refusal read_framing(struct chunk_decoder *decoder, char c)
{
    switch (decoder->state) {
    case CHUNK_AT_SIZE:
        return read_size(decoder, c);
    case CHUNK_AT_EXTENSION:
        return read_extension(decoder, c);
    case CHUNK_AT_SIZE_LF:
        return c == '\n' ? start_chunk(decoder) : REFUSAL_BARE_CR;
    case CHUNK_AT_DATA_CR:
        decoder->state = CHUNK_AT_DATA_LF;
        return c == '\r' ? REFUSAL_NONE : REFUSAL_CHUNK_END;
    case CHUNK_AT_DATA_LF:
        decoder->state = CHUNK_AT_SIZE;
        return c == '\n' ? REFUSAL_NONE : REFUSAL_CHUNK_END;
    case CHUNK_AT_LAST:
        decoder->state = CHUNK_AT_LAST_LF;
        return REFUSAL_NONE;
    case CHUNK_AT_LAST_LF:
        decoder->state = CHUNK_AT_END;
        return c == '\n' ? REFUSAL_NONE : REFUSAL_BARE_CR;
    case CHUNK_AT_DATA:
    case CHUNK_AT_TRAILERS:
    case CHUNK_AT_END:
        break; /* not read byte by byte */
    }
    assert(false);
    return REFUSAL_CHUNK_END;
}

static enum chunk_result refuse(struct chunk_decoder *decoder, enum refusal refusal)
{
    decoder->refusal = refusal;
    return CHUNK_REFUSED;
}

static enum refusal add_trailer(struct chunk_decoder *decoder, struct slice line)
{
    struct slice name;
    struct slice value;
    enum refusal refusal = field_parser_split(line, &name, &value);
    if (refusal != REFUSAL_NONE || decoder->trailers.capacity == 0)
        return refusal;

    enum header_id id = header_name_id(name);
    if (!trailer_is_kept(name, id, decoder->is_of_response))
        return REFUSAL_NONE;
    return header_list_add(&decoder->trailers, name, value, id) ? REFUSAL_NONE
                                                                : REFUSAL_TOO_MANY_FIELDS;
}

static enum chunk_result read_trailers(struct chunk_decoder *decoder, struct slice input,
                                       struct chunk_step *step)
{
    /* The whole room at once: trailers that are read must not move any more. */
    size_t kept_before = decoder->kept.length;
    size_t room = TRAILERS_MAX_BYTES - kept_before;
    size_t taken = input.length < room ? input.length : room;
    buffer_reserve(&decoder->kept, room);
    buffer_append(&decoder->kept, input.at, taken);

    for (;;) {
        struct slice line;
        enum parse_result result =
            field_parser_take_line(&decoder->lines, decoder->kept.at, decoder->kept.length,
                                   SIZE_MAX, REFUSAL_TRAILERS_TOO_LARGE, &line);
        if (result == PARSE_MORE) {
            step->used += taken;
            return CHUNK_MORE;
        }
        if (result == PARSE_REFUSED)
            return refuse(decoder, decoder->lines.refusal == REFUSAL_HEAD_TOO_LARGE
                                       ? REFUSAL_TRAILERS_TOO_LARGE
                                       : decoder->lines.refusal);
        if (line.length == 0) {
            decoder->state = CHUNK_AT_END;
            step->used += decoder->lines.line_start - kept_before;
            return CHUNK_DONE;
        }
        enum refusal refusal = add_trailer(decoder, line);
        if (refusal != REFUSAL_NONE)
            return refuse(decoder, refusal);
    }
}

static enum chunk_result take_data(struct chunk_decoder *decoder, struct slice input,
                                   struct chunk_step *step)
{
    size_t taken = input.length < decoder->left ? input.length : (size_t)decoder->left;
    step->data = slice_of(input.at, taken);
    step->used += taken;
    decoder->left -= taken;
    if (decoder->left == 0)
        decoder->state = CHUNK_AT_DATA_CR;
    return CHUNK_DATA;
}

enum chunk_result chunk_decoder_next(struct chunk_decoder *decoder, const char *at, size_t length,
                                     struct chunk_step *step)
{
    *step = (struct chunk_step){0};
    if (decoder->refusal != REFUSAL_NONE)
        return CHUNK_REFUSED;

    while (decoder->state != CHUNK_AT_END) {
        if (step->used == length)
            return CHUNK_MORE;

        struct slice input = slice_of(at + step->used, length - step->used);
        if (decoder->state == CHUNK_AT_LAST && *input.at != '\r')
            decoder->state = CHUNK_AT_TRAILERS;
        if (decoder->state == CHUNK_AT_DATA)
            return take_data(decoder, input, step);
        if (decoder->state == CHUNK_AT_TRAILERS)
            return read_trailers(decoder, input, step);

        enum refusal refusal = read_framing(decoder, *input.at);
        if (refusal != REFUSAL_NONE)
            return refuse(decoder, refusal);
        step->used++;
    }
    return CHUNK_DONE;
}
