#include "common/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <string.h>

static struct option_list headers;
static const char *listener = "";

static const struct option options[] = {
    {"H", OPTION_LIST, &headers, "'NAME: VALUE'", "A header of the request; may be repeated."},
    {"listener", OPTION_STRING, &listener, "NAME",
     "The listener it comes in by; needed only where there are several."},
    {0},
};

/* "NAME: VALUE" as curl takes it: blanks around the value do not count. */
static bool read_header(const char *text, struct arena *arena, Pointsman__V1__HttpHeader *header,
                        struct error *err)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL || colon == text)
        return error_set(err, ERROR_INVALID, "-H: '%s' is not 'NAME: VALUE'", text);
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    header->name = arena_string(arena, text, (size_t)(colon - text));
    header->value = arena_string(arena, value, length);
    return true;
}

static bool read_headers(struct arena *arena, Pointsman__V1__ExplainRequest *request,
                         struct error *err)
{
    for (size_t i = 0; i < headers.count; i++) {
        Pointsman__V1__HttpHeader *header =
            ARENA_MESSAGE(arena, Pointsman__V1__HttpHeader, pointsman__v1__http_header__init);
        if (!read_header(headers.items[i], arena, header, err))
            return false;
        ARENA_APPEND(arena, request->headers, request->n_headers, header);
    }
    return true;
}

/* 'GET URL' in one word or in two, or the URL alone. */
static void read_request(const struct option_list *operands, struct arena *arena,
                         Pointsman__V1__ExplainRequest *request)
{
    const char *first = operands->items[0];
    const char *blank = strchr(first, ' ');
    const char *url = first;
    size_t method_length = 0;
    if (operands->count == 2) {
        method_length = strlen(first);
        url = operands->items[1];
    } else if (blank != NULL) {
        method_length = (size_t)(blank - first);
        url = blank + strspn(blank, " ");
    }
    request->method = arena_string(arena, first, method_length);
    request->url = arena_string(arena, url, strlen(url));
}

static enum exit_code run_explain(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__ExplainRequest request = POINTSMAN__V1__EXPLAIN_REQUEST__INIT;
    struct arena arena = {0};
    struct error err = {0};
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ExplainResponse *response = NULL;

    read_request(operands, &arena, &request);
    request.listener = arena_string(&arena, listener, strlen(listener));
    if (!read_headers(&arena, &request, &err)) {
        say("%s", err.message);
        code = EXIT_USAGE;
    } else {
        response = (Pointsman__V1__ExplainResponse *)session_call(
            session, "/pointsman.v1.RouteControl/Explain", &request.base,
            &pointsman__v1__explain_response__descriptor, session_options.timeout_ms, NULL, &code);
    }
    if (response != NULL) {
        session->output->show(&session->sink, &response->base);
        if (response->winner == NULL)
            code = EXIT_NOT_FOUND;
    }
    message_free((ProtobufCMessage *)response);
    arena_clear(&arena);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .kind = COMMAND_ROUTES,
    .operands = "'[METHOD] URL'",
    .summary = "Say which rule takes a request, and why no other does",
    .details =
        "The rules of the request's host in order of precedence, with the first condition of each\n"
        "that does not hold, the rule that takes the request, and where it goes. The daemon asks\n"
        "with the proxy's own matcher, at the newest revision. Without a METHOD it is GET; a Host\n"
        "header takes the place of the URL's host. Exit 3: no rule takes it, the answer is 404.",
    .example = "  routectl explain 'GET http://shop.internal/users/7?x=1'\n"
               "  routectl explain http://shop.internal/users -H 'version: two' -o json",
    .min_operands = 1,
    .max_operands = 2,
    .groups = {{"Request", options}},
    .run = run_explain,
};
