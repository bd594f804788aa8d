#include "control/routectl/change.h"

#include "control/routectl/object_text.h"
#include "control/routectl/say.h"
#include "control/routectl/time_text.h"
#include "control/routectl/waiting.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { REQUEST_ID_RANDOM_BYTES = 16 };

struct change_flags change_flags;

const struct option change_options[] = {
    {"message", OPTION_STRING, &change_flags.message, "TEXT", "Why, for the history."},
    {"if-revision", OPTION_UNSIGNED, &change_flags.if_revision, "REVISION",
     "Only when nothing was changed since this revision; else exit 4."},
    {"request-id", OPTION_STRING, &change_flags.request_id, "ID",
     "A name for this very change: the same again is not made twice. Default: a random one."},
    {"confirm-within", OPTION_DURATION, &change_flags.confirm_within_ms, "DURATION",
     "Take the change back unless 'routectl confirm' keeps it within this time."},
    {"dry-run", OPTION_FLAG, &change_flags.dry_run, NULL,
     "Check everything, show what would differ, change nothing."},
    {0},
};

char *change_message(struct arena *arena)
{
    const char *message = change_flags.message == NULL ? "" : change_flags.message;
    return arena_string(arena, message, strlen(message));
}

char *change_request_id(struct arena *arena)
{
    const char *given = change_flags.request_id;
    if (given != NULL)
        return arena_string(arena, given, strlen(given));

    unsigned char random[REQUEST_ID_RANDOM_BYTES];
    char text[2 * sizeof(random) + 1];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort(); /* so few are always there */
    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    return arena_string(arena, text, strlen(text));
}

DurationMessage *change_confirm_within(struct arena *arena)
{
    uint64_t within_ms = change_flags.confirm_within_ms;
    if (within_ms == 0)
        return NULL;
    DurationMessage *duration =
        ARENA_MESSAGE(arena, DurationMessage, google__protobuf__duration__init);
    duration->seconds = (int64_t)(within_ms / 1000);
    duration->nanos = (int32_t)(within_ms % 1000) * 1000000;
    return duration;
}

static void fill_request(struct draft *draft, bool is_dry_run)
{
    Pointsman__V1__ApplyRequest *request = &draft->request;
    request->message = change_message(&draft->arena);
    request->request_id = change_request_id(&draft->arena);
    request->confirm_within = change_confirm_within(&draft->arena);
    request->if_revision = change_flags.if_revision;
    request->dry_run = is_dry_run;
}

/* In the words of the draft, where they are known. */
static void tell_warning(const Pointsman__V1__Warning *warning, const struct draft *draft)
{
    const char *origin = draft == NULL ? NULL
                                       : draft_find_object_origin(draft, warning->kind,
                                                                  warning->name, warning->field);
    if (origin != NULL)
        say("warning: %s: %s", origin, warning->message);
    else if (*warning->name == '\0')
        say("warning: %s", warning->message);
    else
        say("warning: %s %s: %s%s%s", object_kind_word(warning->kind), warning->name,
            warning->field, *warning->field == '\0' ? "" : ": ", warning->message);
}

static void tell_warnings(const Pointsman__V1__ApplyResponse *response, const struct draft *draft)
{
    for (size_t i = 0; i < response->n_warnings; i++)
        tell_warning(response->warnings[i], draft);
}

void change_tell_doubt(const struct session *session, const char *request_id, enum exit_code code)
{
    if (code == EXIT_UNREACHABLE && session->has_connected && !change_flags.dry_run)
        say("whether the change was committed is not known; the same command with "
            "--request-id %s makes it, unless it is made already",
            request_id);
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

/* NULL with *code set when there is no answer. */
static Pointsman__V1__ApplyResponse *send_draft(struct session *session, struct draft *draft,
                                                bool is_dry_run, enum exit_code *code)
{
    fill_request(draft, is_dry_run);
    if (!fits(draft)) {
        *code = EXIT_INVALID;
        return NULL;
    }
    return (Pointsman__V1__ApplyResponse *)session_call(
        session, "/pointsman.v1.RouteControl/Apply", &draft->request.base,
        &pointsman__v1__apply_response__descriptor, session_options.timeout_ms, draft, code);
}

Pointsman__V1__ApplyResponse *change_try(struct session *session, struct draft *draft,
                                         enum exit_code *code)
{
    Pointsman__V1__ApplyResponse *response = send_draft(session, draft, true, code);
    if (response != NULL)
        tell_warnings(response, draft);
    return response;
}

static enum exit_code wait_until_live(struct session *session, uint64_t revision,
                                      Pointsman__V1__WaitAppliedResponse **applied)
{
    enum exit_code code = waiting_for(session, revision, applied);
    if (code == EXIT_OK || code == EXIT_NOT_LIVE)
        return code;
    /* Committed it is; that proxies could not be asked does not unmake it. */
    say("revision %" PRIu64 " is committed; whether it is live is not known", revision);
    return EXIT_NOT_LIVE;
}

static void tell_confirm_by(const Pointsman__V1__ApplyResponse *response)
{
    struct buffer time = BUFFER_EMPTY;
    if (response->confirm_by_ms == 0)
        return;
    append_time(&time, response->confirm_by_ms);
    say("revision %" PRIu64 " is taken back at %s, unless 'routectl confirm %" PRIu64 "' keeps it",
        response->revision, buffer_string(&time), response->revision);
    buffer_clear(&time);
}

enum exit_code change_finish(struct session *session, const struct draft *draft,
                             const Pointsman__V1__ApplyResponse *response)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__WaitAppliedResponse *applied = NULL;
    tell_warnings(response, draft);
    if (!session_options.no_wait && !change_flags.dry_run)
        code = wait_until_live(session, response->revision, &applied);

    struct change_result result = {response, applied, change_flags.dry_run};
    session->output->show_change(&session->sink, &result);
    tell_confirm_by(response);
    if (response->changes_without_objects > 0)
        say("note: %" PRIu32 " changes are too large to be shown in full",
            response->changes_without_objects);
    message_free((ProtobufCMessage *)applied);
    return code;
}

enum exit_code change_commit(struct session *session, struct draft *draft)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ApplyResponse *response =
        send_draft(session, draft, change_flags.dry_run, &code);
    if (response == NULL)
        change_tell_doubt(session, draft->request.request_id, code);
    else
        code = change_finish(session, draft, response);
    message_free((ProtobufCMessage *)response);
    return code;
}
