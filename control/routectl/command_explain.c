#include "common/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/document_files.h"
#include "control/routectl/explain_files.h"
#include "control/routectl/moment.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <string.h>

static struct option_list headers;
static const char *listener = "";
static bool with_all;
static bool only_files;

static const struct option options[] = {
    {"H", OPTION_LIST, &headers, "'NAME: VALUE'", "A header of the request; may be repeated."},
    {"listener", OPTION_STRING, &listener, "NAME",
     "The listener it comes in by; needed only where there are several."},
    {"all", OPTION_FLAG, &with_all, NULL,
     "With the rules behind the one that takes it, and those of other hosts."},
    {0},
};

static const struct option only_options[] = {
    {"only", OPTION_FLAG, &only_files, NULL,
     "Ask the documents of -f alone, and no daemon; without it they are laid over the routes."},
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

/* What a request with the documents may take; they go in one piece. */
enum { REQUEST_BYTES_MAX = 1 << 20 };

static Pointsman__V1__ExplainResponse *ask_daemon(struct session *session,
                                                  const Pointsman__V1__ExplainRequest *request,
                                                  const struct draft *draft, enum exit_code *code)
{
    if (protobuf_c_message_get_packed_size(&request->base) > REQUEST_BYTES_MAX) {
        say("explain: the documents of -f are too large to be laid over the routes, at most %d "
            "MiB; --only asks them alone",
            REQUEST_BYTES_MAX >> 20);
        *code = EXIT_INVALID;
        return NULL;
    }
    return (Pointsman__V1__ExplainResponse *)session_call(
        session, "/pointsman.v1.RouteControl/Explain", &request->base,
        &pointsman__v1__explain_response__descriptor, session_options.timeout_ms, draft, code);
}

static enum exit_code show(struct session *session, const Pointsman__V1__ExplainResponse *response)
{
    session->output->show(&session->sink, &response->base);
    return response->winner == NULL ? EXIT_NOT_FOUND : EXIT_OK;
}

static enum exit_code explain_without_daemon(struct session *session,
                                             const Pointsman__V1__ExplainRequest *request,
                                             const struct draft *draft)
{
    struct explain_report report;
    struct error err = {0};
    enum exit_code code = EXIT_INVALID;
    if (explain_files(request, draft, &report, &err))
        code = show(session, &report.response);
    else
        say("explain: %s", err.message);
    explain_report_clear(&report);
    return code;
}

static bool is_now(const Pointsman__V1__ExplainRequest *request)
{
    return request->at_revision == 0 && request->at_time_ms == 0;
}

static enum exit_code explain_with_daemon(struct session *session,
                                          const Pointsman__V1__ExplainRequest *request,
                                          const struct draft *draft)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ExplainResponse *response = ask_daemon(session, request, draft, &code);
    if (response != NULL) {
        code = show(session, response);
    } else if (code == EXIT_UNREACHABLE && request->n_mutations > 0 && is_now(request)) {
        say("the documents of -f are asked alone, as with --only");
        code = explain_without_daemon(session, request, draft);
    }
    message_free((ProtobufCMessage *)response);
    return code;
}

/* What --at and the files say. */
static enum exit_code read_routes(struct draft *draft, Pointsman__V1__ExplainRequest *request)
{
    struct flag_moment at;
    enum exit_code code = moment_read("explain", &at);
    if (code != EXIT_OK)
        return code;
    request->at_revision = at.revision;
    request->at_time_ms = at.time_ms;
    if (only_files && document_files.count == 0)
        say("explain: --only needs -f FILE");
    else if (only_files && !is_now(request))
        say("explain: --only asks no daemon, which alone knows the routes of --at");
    else if (document_files.count > 0)
        return document_files_read("explain", DOCUMENT_WHOLE, draft);
    else
        return EXIT_OK;
    return EXIT_USAGE;
}

static enum exit_code run_explain(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__ExplainRequest request = POINTSMAN__V1__EXPLAIN_REQUEST__INIT;
    struct draft draft;
    struct error err = {0};
    draft_init(&draft);
    struct arena *arena = &draft.arena;

    read_request(operands, arena, &request);
    request.listener = arena_string(arena, listener, strlen(listener));
    request.all = with_all;
    enum exit_code code = EXIT_USAGE;
    if (!read_headers(arena, &request, &err))
        say("%s", err.message);
    else
        code = read_routes(&draft, &request);
    request.mutations = draft.request.mutations;
    request.n_mutations = draft.request.n_mutations;
    if (code == EXIT_OK)
        code = only_files ? explain_without_daemon(session, &request, &draft)
                          : explain_with_daemon(session, &request, &draft);
    draft_clear(&draft);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .kind = COMMAND_ROUTES,
    .operands = "'[METHOD] URL'",
    .summary = "Say which rule takes a request, and why no other does",
    .details =
        "The rules of the request's host in order of precedence, with the first condition of each\n"
        "that does not hold, the rule that takes the request, and what becomes of it: the request\n"
        "as it is forwarded, or the proxy's own answer. The proxy's own matcher is asked, at the\n"
        "newest revision unless --at says otherwise. With -f it is asked as if the documents had\n"
        "been applied; where no daemon answers, of the documents alone. Without a METHOD it is\n"
        "GET; a Host header takes the place of the URL's host. Exit 3: no rule takes it.",
    .example = "  routectl explain 'GET http://shop.internal/users/7?x=1'\n"
               "  routectl explain http://shop.internal/users -H 'version: two' -o json\n"
               "  routectl explain 'OPTIONS *' -H 'Host: shop.internal' --at 41\n"
               "  routectl explain http://shop.internal/users -f candidate.yaml",
    .min_operands = 1,
    .max_operands = 2,
    .groups = {{"Request", options},
               {"When", moment_options},
               {"Documents", document_file_options},
               {"Documents alone", only_options}},
    .run = run_explain,
};
