#include "control/routectl/moment.h"

#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

static const char *at_text;

const struct option moment_options[] = {
    {"at", OPTION_STRING, &at_text, "REV|TIME",
     "As it was at a revision, at a time (2026-11-23T06:22:37Z), or so long ago (10m, 2d)."},
    {0},
};

enum exit_code moment_read(const char *verb, struct flag_moment *at)
{
    struct error err = {0};
    *at = (struct flag_moment){0};
    if (at_text == NULL)
        return EXIT_OK;
    bool is_good = flag_moment("--at", at_text, at, &err);
    if (is_good && at->revision == 0 && at->time_ms == 0)
        is_good = error_set(&err, ERROR_INVALID, "--at: the first revision is 1");
    if (is_good)
        return EXIT_OK;
    say("%s: %s", verb, err.message);
    return EXIT_USAGE;
}

enum exit_code moment_find_revision(struct session *session, const struct flag_moment *moment,
                                    uint64_t *revision)
{
    Pointsman__V1__ListCommitsRequest request = POINTSMAN__V1__LIST_COMMITS_REQUEST__INIT;
    enum exit_code code = EXIT_OK;
    *revision = moment->revision;
    if (moment->time_ms == 0)
        return EXIT_OK;

    request.page_size = 1;
    request.until_ms = moment->time_ms;
    Pointsman__V1__ListCommitsResponse *list = (Pointsman__V1__ListCommitsResponse *)session_call(
        session, "/pointsman.v1.RouteControl/ListCommits", &request.base,
        &pointsman__v1__list_commits_response__descriptor, session_options.timeout_ms, NULL, &code);
    /* Where none is that old, the daemon says of revision 0 whether it can still be read. */
    if (list != NULL && list->n_commits > 0)
        *revision = list->commits[0]->revision;
    message_free((ProtobufCMessage *)list);
    return code;
}
