#include "proxy/http/via.h"

#include "common/buffer.h"
#include "common/character.h"
#include "proxy/http/exchange.h"
#include "proxy/http/worker.h"

#include <stdlib.h>
#include <string.h>

enum { HTTP_1_0, HTTP_1_1, HTTP_2, VERSION_COUNT };

enum { NAME_MAX_BYTES = 255, PORT_MAX_DIGITS = 5 };

struct via {
    struct slice members[VERSION_COUNT];
};

static bool is_port(const char *text)
{
    size_t length = 0;
    while (character_is(text[length], CHARACTER_DIGIT))
        length++;
    return text[length] == '\0' && length > 0 && length <= PORT_MAX_DIGITS;
}

bool via_check_name(const char *name, struct error *err)
{
    size_t length = strlen(name);
    const char *colon = strchr(name, ':');
    size_t token_length = colon == NULL ? length : (size_t)(colon - name);
    if (length > NAME_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "must have at most %d bytes", NAME_MAX_BYTES);
    if (!header_name_is_token(slice_of(name, token_length)) ||
        (colon != NULL && !is_port(colon + 1)))
        return error_set(err, ERROR_INVALID,
                         "'%s' must be a name of letters, digits and the like, or one with a port",
                         name);
    return true;
}

struct via *via_new(const char *name)
{
    static const char *const versions[] = {
        [HTTP_1_0] = "1.0",
        [HTTP_1_1] = "1.1",
        [HTTP_2] = "2",
    };
    if (name == NULL)
        return NULL;
    struct via *via = memory_allocate(sizeof(*via));
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct buffer member = BUFFER_EMPTY;
        buffer_printf(&member, "%s %s", versions[i], name);
        via->members[i] = slice_from_string(memory_duplicate_string(buffer_string(&member)));
        buffer_clear(&member);
    }
    return via;
}

void via_free(struct via *via)
{
    if (via == NULL)
        return;
    for (size_t i = 0; i < VERSION_COUNT; i++)
        free((char *)(uintptr_t)via->members[i].at);
    free(via);
}

/* Another line is another member of the list (RFC 9110 section 5.3). */
static void add(const struct via *via, struct header_list *fields, bool is_http2,
                unsigned minor_version)
{
    unsigned version = is_http2 ? HTTP_2 : minor_version == 0 ? HTTP_1_0 : HTTP_1_1;
    header_list_add(fields, SLICE("via"), via->members[version], HEADER_VIA);
}

void via_add_to_request(struct exchange *exchange)
{
    const struct via *via = exchange->worker->shared->via;
    struct parsed_request *request = &exchange->request;
    if (via != NULL)
        add(via, &request->fields, request->is_http2, request->minor_version);
}

void via_add_to_response(struct exchange *exchange)
{
    const struct via *via = exchange->worker->shared->via;
    struct parsed_response *response = &exchange->response;
    if (via == NULL)
        return;
    /* An endpoint's fields may fill what they were read into. */
    response->fields.capacity = RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS;
    add(via, &response->fields, response->is_http2, response->minor_version);
}
