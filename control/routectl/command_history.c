#include "common/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/flag_values.h"
#include "control/routectl/moment.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <inttypes.h>
#include <string.h>

enum { PAGE_SIZE = 1000 };

static uint64_t limit = 20;
static const char *since, *until;

static const struct option options[] = {
    {"limit", OPTION_UNSIGNED, &limit, "NUMBER", "So many of the newest; 0: all that is kept."},
    {"since", OPTION_STRING, &since, "TIME", "Only what was made then or later; as for --at."},
    {"until", OPTION_STRING, &until, "TIME", "Only what was made by then."},
    {0},
};

/* --- history -------------------------------------------------------------------------------- */

/* 0 when the flag was not given. */
static bool read_time(const char *flag, const char *text, uint64_t *time_ms, struct error *err)
{
    struct flag_moment moment = {0};
    if (text != NULL && !flag_moment(flag, text, &moment, err))
        return false;
    *time_ms = moment.time_ms;
    if (text != NULL && moment.time_ms == 0)
        return error_set(err, ERROR_INVALID, "%s: '%s' is not a time", flag, text);
    return true;
}

/* Reads pages until the limit; what they hold is appended to `all`. */
static enum exit_code read_pages(struct session *session, struct arena *arena,
                                 Pointsman__V1__ListCommitsRequest *request,
                                 Pointsman__V1__ListCommitsResponse *all, ProtobufCMessage ***pages,
                                 size_t *page_count)
{
    enum exit_code code = EXIT_OK;
    do {
        uint64_t left = limit == 0 ? PAGE_SIZE : limit - all->n_commits;
        request->page_size = left < PAGE_SIZE ? (uint32_t)left : PAGE_SIZE;
        Pointsman__V1__ListCommitsResponse *page =
            (Pointsman__V1__ListCommitsResponse *)session_call(
                session, "/pointsman.v1.RouteControl/ListCommits", &request->base,
                &pointsman__v1__list_commits_response__descriptor, session_options.timeout_ms, NULL,
                &code);
        if (page == NULL)
            return code;
        ARENA_APPEND(arena, *pages, *page_count, &page->base);
        for (size_t i = 0; i < page->n_commits; i++)
            ARENA_APPEND(arena, all->commits, all->n_commits, page->commits[i]);
        all->compacted_revision = page->compacted_revision;
        all->next_page_token = request->page_token = page->next_page_token;
    } while (*request->page_token != '\0' && (limit == 0 || all->n_commits < limit));
    return EXIT_OK;
}

static void tell_what_is_left(const Pointsman__V1__ListCommitsResponse *list)
{
    if (*list->next_page_token != '\0')
        say("note: there are older ones; --limit 0 shows all");
    else if (list->compacted_revision > 0)
        say("note: commits up to revision %" PRIu64 " are not kept any more",
            list->compacted_revision);
}

static enum exit_code run_history(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    Pointsman__V1__ListCommitsResponse all = POINTSMAN__V1__LIST_COMMITS_RESPONSE__INIT;
    struct arena arena = {0};
    struct error err = {0};
    ProtobufCMessage **pages = NULL;
    size_t page_count = 0;
    if (!read_time("--since", since, &request.since_ms, &err) ||
        !read_time("--until", until, &request.until_ms, &err)) {
        say("history: %s", err.message);
        return EXIT_USAGE;
    }

    if (operands->count > 0)
        request.name = arena_string(&arena, operands->items[0], strlen(operands->items[0]));
    enum exit_code code = read_pages(session, &arena, &request, &all, &pages, &page_count);
    if (code == EXIT_OK) {
        session->output->show(&session->sink, &all.base);
        tell_what_is_left(&all);
    }
    for (size_t i = 0; i < page_count; i++)
        message_free(pages[i]);
    arena_clear(&arena);
    return code;
}

const struct command command_history = {
    .name = "history",
    .kind = COMMAND_HISTORY,
    .operands = "[NAME]",
    .summary = "List what was committed, by whom, when and why",
    .details =
        "The newest first. With a NAME, only commits that changed the route or backend of that\n"
        "name. BY is who ran the command, as the kernel told the daemon; -o wide shows it too.",
    .example = "  routectl history\n"
               "  routectl history users --limit 0 -o wide\n"
               "  routectl history --since 1h",
    .max_operands = 1,
    .groups = {{"Which", options}},
    .run = run_history,
};
