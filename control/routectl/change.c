#include "control/routectl/change.h"

#include "control/routectl/draft_parts.h"
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
static bool in_parts;

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

const struct option change_parts_options[] = {
    {"in-parts", OPTION_FLAG, &in_parts, NULL,
     "Make several commits of what differs, if it is too much for one."},
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

static bool fits(const struct draft *draft)
{
    if (draft_fits(draft))
        return true;
    say("%zu objects of %zu bytes are too many for one commit: at most %d, of %d bytes",
        draft->request.n_mutations, protobuf_c_message_get_packed_size(&draft->request.base),
        APPLY_MUTATIONS_MAX, DRAFT_BYTES_MAX);
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

/* *revision gets what it is committed as. */
static enum exit_code commit_draft(struct session *session, struct draft *draft, uint64_t *revision)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ApplyResponse *response =
        send_draft(session, draft, change_flags.dry_run, &code);
    if (response == NULL) {
        change_tell_doubt(session, draft->request.request_id, code);
        return code;
    }
    *revision = response->revision;
    code = change_finish(session, draft, response);
    message_free((ProtobufCMessage *)response);
    return code;
}

/* --- more than one commit can hold ------------------------------------------------------------ */

static bool may_be_parts(const struct draft_parts *parts)
{
    size_t differing = 0;
    for (size_t i = 0; i < parts->count; i++)
        differing += parts->items[i].request.n_mutations;
    if (parts->count > 1 && !in_parts)
        say("%zu objects differ from what is there, too many for one commit, which is all or "
            "nothing: at most %d, of %d bytes; --in-parts makes %zu commits of them",
            differing, APPLY_MUTATIONS_MAX, DRAFT_BYTES_MAX, parts->count);
    else if (parts->count > 1 && change_flags.request_id != NULL)
        say("--request-id names one commit, and this takes %zu", parts->count);
    else if (parts->count > 1 && change_flags.confirm_within_ms != 0)
        say("--confirm-within is for one commit, and this takes %zu", parts->count);
    else
        return true;
    return false;
}

/* Nothing differs: as if a commit had said so. */
static enum exit_code finish_unchanged(struct session *session, uint64_t revision)
{
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    response.revision = revision;
    return change_finish(session, NULL, &response);
}

static void tell_unfinished(size_t done, size_t count, uint64_t revision)
{
    if (done > 0 && !change_flags.dry_run)
        say("%zu of %zu commits are made, up to revision %" PRIu64
            "; the same command makes the others",
            done, count, revision);
}

/* That proxies lack one part is told once, and keeps no other back. */
static enum exit_code commit_each(struct session *session, const struct draft_parts *parts)
{
    enum exit_code code = EXIT_OK;
    uint64_t revision = 0;
    for (size_t i = 0; i < parts->count; i++) {
        enum exit_code one = commit_draft(session, &parts->items[i], &revision);
        if (one == EXIT_NOT_LIVE) {
            session_options.no_wait = true;
            code = one;
        } else if (one != EXIT_OK) {
            tell_unfinished(i, parts->count, revision);
            return one;
        }
        if (change_flags.if_revision != 0 && !change_flags.dry_run)
            change_flags.if_revision = revision;
    }
    return code;
}

static enum exit_code commit_parts(struct session *session, const struct draft_parts *parts)
{
    if (!may_be_parts(parts))
        return EXIT_INVALID;
    say("note: %zu objects are as they shall be already", parts->same_count);
    if (parts->count == 0)
        return finish_unchanged(session, parts->revision);
    if (change_flags.dry_run && parts->count > 1)
        say("note: each of the %zu commits is checked without those before it", parts->count);
    return commit_each(session, parts);
}

/* How much --prune removes only the daemon knows, before what there is was read. */
static bool is_one_commit(const struct draft *draft)
{
    bool may_prune_much = in_parts && draft->request.n_replace_all > 0;
    return !may_prune_much && (draft_fits(draft) || draft->claim_count == 0);
}

enum exit_code change_commit(struct session *session, struct draft *draft)
{
    if (is_one_commit(draft)) {
        uint64_t revision;
        return commit_draft(session, draft, &revision);
    }
    struct draft_parts parts;
    enum exit_code code = draft_parts_make(&parts, session, draft);
    if (code == EXIT_OK)
        code = commit_parts(session, &parts);
    draft_parts_clear(&parts);
    return code;
}
