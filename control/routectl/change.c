#include "control/routectl/change.h"

#include "control/routectl/object_text.h"
#include "control/routectl/say.h"
#include "control/routectl/waiting.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { REQUEST_ID_RANDOM_BYTES = 16 };

static struct {
    const char *message;
    const char *request_id;
    uint64_t if_revision;
    bool dry_run;
} given;

const struct option change_options[] = {
    {"message", OPTION_STRING, &given.message, "TEXT", "Why, for the history."},
    {"if-revision", OPTION_UNSIGNED, &given.if_revision, "REVISION",
     "Only when nothing was changed since this revision; else exit 4."},
    {"request-id", OPTION_STRING, &given.request_id, "ID",
     "A name for this very change: the same again is not made twice. Default: a random one."},
    {"dry-run", OPTION_FLAG, &given.dry_run, NULL, "Check everything, change nothing."},
    {0},
};

/* A call that is made again, because its answer was lost, must not change things twice. */
static char *new_request_id(struct arena *arena)
{
    unsigned char random[REQUEST_ID_RANDOM_BYTES];
    char text[2 * sizeof(random) + 1];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort(); /* so few are always there */
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    return arena_string(arena, text, strlen(text));
}

static void fill_request(struct draft *draft, bool is_dry_run)
{
    Pointsman__V1__ApplyRequest *request = &draft->request;
    struct arena *arena = &draft->arena;
    request->if_revision = given.if_revision;
    request->dry_run = is_dry_run;
    if (given.message != NULL)
        request->message = arena_string(arena, given.message, strlen(given.message));
    if (given.request_id != NULL)
        request->request_id = arena_string(arena, given.request_id, strlen(given.request_id));
    else
        request->request_id = new_request_id(arena);
}

/* In the words of the draft, where they are known. */
static void tell_warning(const Pointsman__V1__Warning *warning, const struct draft *draft)
{
    const char *origin =
        draft_find_object_origin(draft, warning->kind, warning->name, warning->field);
    if (origin != NULL)
        say("warning: %s: %s", origin, warning->message);
    else
        say("warning: %s %s: %s%s%s", object_kind_word(warning->kind), warning->name,
            warning->field, *warning->field == '\0' ? "" : ": ", warning->message);
}

/* After a call that got no answer. */
static void tell_doubt(const struct session *session, const struct draft *draft,
                       enum exit_code code)
{
    if (code == EXIT_UNREACHABLE && session->has_connected && !draft->request.dry_run)
        say("whether the change was committed is not known; the same command with "
            "--request-id %s makes it, unless it is made already",
            draft->request.request_id);
}

/* A change is one commit, all of it or nothing, so it is never sent in parts. */
static bool fits(const struct draft *draft)
{
    size_t bytes = protobuf_c_message_get_packed_size(&draft->request.base);
    if (draft->request.n_mutations > APPLY_MUTATIONS_MAX)
        say("%zu objects are too many for one change, which is all or nothing: at most %d; make "
            "several changes of it",
            draft->request.n_mutations, APPLY_MUTATIONS_MAX);
    else if (bytes > APPLY_BYTES_MAX)
        say("%zu bytes are too many for one change, which is all or nothing: at most %d MiB; make "
            "several changes of it",
            bytes, APPLY_BYTES_MAX >> 20);
    else
        return true;
    return false;
}

/* Sends it, and says its warnings. NULL with *code set when there is no answer. */
static Pointsman__V1__ApplyResponse *send_draft(struct session *session, struct draft *draft,
                                                bool is_dry_run, enum exit_code *code)
{
    fill_request(draft, is_dry_run);
    if (!fits(draft)) {
        *code = EXIT_INVALID;
        return NULL;
    }
    Pointsman__V1__ApplyResponse *response = (Pointsman__V1__ApplyResponse *)session_call(
        session, "/pointsman.v1.RouteControl/Apply", &draft->request.base,
        &pointsman__v1__apply_response__descriptor, session_options.timeout_ms, draft, code);
    for (size_t i = 0; response != NULL && i < response->n_warnings; i++)
        tell_warning(response->warnings[i], draft);
    return response;
}

Pointsman__V1__ApplyResponse *change_try(struct session *session, struct draft *draft,
                                         enum exit_code *code)
{
    return send_draft(session, draft, true, code);
}

enum exit_code change_commit(struct session *session, struct draft *draft)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ApplyResponse *response = send_draft(session, draft, given.dry_run, &code);
    if (response == NULL) {
        tell_doubt(session, draft, code);
        return code;
    }

    Pointsman__V1__WaitAppliedResponse *applied = NULL;
    if (!session_options.no_wait && !given.dry_run) {
        code = waiting_for(session, response->revision, &applied);
        /* Committed it is; that proxies could not be asked does not unmake it. */
        if (code != EXIT_OK && code != EXIT_NOT_LIVE) {
            say("revision %" PRIu64 " is committed; whether it is live is not known",
                response->revision);
            code = EXIT_NOT_LIVE;
        }
    }

    struct change_result result = {response, applied, given.dry_run};
    session->output->show_change(&session->sink, &result);
    message_free((ProtobufCMessage *)applied);
    message_free(&response->base);
    return code;
}
