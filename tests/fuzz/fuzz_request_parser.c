/* A head from a client. The first byte chooses the setting and where the input is cut in two; the
 * rest is what arrives. What must hold:
 *
 * - the answer does not depend on the pieces;
 * - what was accepted is in canonical form: written out again, it reads the same. */
#include "common/buffer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/http/parse_pieces.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* The value of a line of a description; empty when there is none. */
static struct slice line_value(struct slice description, const char *name)
{
    const char *at = memmem(description.at, description.length, name, strlen(name));
    if (at == NULL)
        return slice_of(NULL, 0);
    at += strlen(name);
    const char *end = memchr(at, '\n', (size_t)(description.at + description.length - at));
    return slice_of(at, (size_t)(end - at));
}

static void reads_the_same_again(struct slice description, struct request_setting setting)
{
    struct slice path = line_value(description, "\npath: ");
    struct slice query = line_value(description, "\nquery: ");
    struct slice authority = line_value(description, "\nauthority: ");
    struct buffer text = BUFFER_EMPTY;
    struct buffer again = BUFFER_EMPTY;

    buffer_append_slice(&text, line_value(description, "method: "));
    buffer_append_char(&text, ' ');
    buffer_append_slice(&text, path);
    if (memmem(description.at, description.length, "\nquery: ", 8) != NULL)
        buffer_append_char(&text, '?');
    buffer_append_slice(&text, query);
    buffer_append_string(&text, " HTTP/1.1\r\nHost: ");
    buffer_append_slice(&text, authority.length > 0 ? authority : SLICE("a"));
    buffer_append_string(&text, "\r\n\r\n");
    describe_request(&again, buffer_slice(&text), setting, ALL_AT_ONCE);

    must(slice_has_prefix(buffer_slice(&again), SLICE("method: ")));
    must(slice_equals(line_value(buffer_slice(&again), "\npath: "), path));
    must(slice_equals(line_value(buffer_slice(&again), "\nquery: "), query));
    buffer_clear(&text);
    buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct request_setting setting = REQUEST_SETTING;
    setting.peer_is_trusted = (data[0] & 1) != 0;
    setting.scheme = (data[0] & 2) != 0 ? "https" : "http";
    if ((data[0] & 4) != 0)
        setting = (struct request_setting){{40, 120, 100}, 4, setting.scheme, false};
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    size_t cut = 1 + data[0] % bytes.length;

    struct buffer whole = BUFFER_EMPTY;
    struct buffer pieces = BUFFER_EMPTY;
    describe_request(&whole, bytes, setting, ALL_AT_ONCE);
    describe_request(&pieces, bytes, setting, BYTE_BY_BYTE);
    must(slice_equals(buffer_slice(&whole), buffer_slice(&pieces)));
    buffer_reset(&pieces);
    describe_request(&pieces, bytes, setting, (struct pieces){cut, SIZE_MAX});
    must(slice_equals(buffer_slice(&whole), buffer_slice(&pieces)));

    if (slice_has_prefix(buffer_slice(&whole), SLICE("method: ")))
        reads_the_same_again(buffer_slice(&whole), setting);
    buffer_clear(&whole);
    buffer_clear(&pieces);
    return 0;
}
