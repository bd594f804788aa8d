#include "common/arena.h"
#include "control/routectl/command.h"
#include "control/routectl/moment.h"
#include "control/routectl/refusal.h"
#include "control/routectl/say.h"
#include "control/routectl/session.h"
#include "proto/message.h"

#include <stdlib.h>

/* A commit may come in several messages. It is shown when all of it is there; when the connection
 * breaks before, the daemon is asked for it again. So each commit is shown once, and whole. */

static const char *since;
static uint64_t count;
static bool shows_difference;

static const struct option options[] = {
    {"since", OPTION_STRING, &since, "REV|TIME",
     "Begin with the commit after this revision or time; 0: with all that is kept."},
    {"count", OPTION_UNSIGNED, &count, "NUMBER", "End after so many commits."},
    {"diff", OPTION_FLAG, &shows_difference, NULL, "Show each object before and after."},
    {0},
};

struct watch {
    struct session *session;
    char *epoch;       /* "" before the first message */
    uint64_t revision; /* shown so far */
    bool has_start;    /* `revision` means something */
    uint64_t shown;
    /* Of the commit that is coming in. */
    Pointsman__V1__WatchCommitsResponse **pieces;
    size_t piece_count;
    struct arena arena; /* the list of them, and what they are together */
};

static void forget_pieces(struct watch *watch)
{
    for (size_t i = 0; i < watch->piece_count; i++)
        message_free(&watch->pieces[i]->base);
    watch->pieces = NULL;
    watch->piece_count = 0;
    arena_clear(&watch->arena);
}

static void keep_piece(struct watch *watch, const ProtobufCMessage *message)
{
    ARENA_APPEND(&watch->arena, watch->pieces, watch->piece_count,
                 (Pointsman__V1__WatchCommitsResponse *)message_copy(message));
}

/* The pieces as one message, which lasts until they are forgotten. */
static Pointsman__V1__WatchCommitsResponse join_pieces(struct watch *watch)
{
    Pointsman__V1__WatchCommitsResponse whole = *watch->pieces[0];
    whole.changes = NULL;
    whole.n_changes = 0;
    whole.last = true;
    for (size_t i = 0; i < watch->piece_count; i++) {
        const Pointsman__V1__WatchCommitsResponse *piece = watch->pieces[i];
        for (size_t j = 0; j < piece->n_changes; j++)
            ARENA_APPEND(&watch->arena, whole.changes, whole.n_changes, piece->changes[j]);
    }
    return whole;
}

/* False ends the stream. */
static bool on_message(void *context, const ProtobufCMessage *message)
{
    const Pointsman__V1__WatchCommitsResponse *event =
        (const Pointsman__V1__WatchCommitsResponse *)message;
    struct watch *watch = context;
    if (event->commit == NULL && watch->piece_count == 0 && event->n_changes == 0) {
        free(watch->epoch);
        watch->epoch = memory_duplicate_string(event->epoch);
        watch->revision = event->revision;
        watch->has_start = true;
        return true;
    }

    keep_piece(watch, message);
    if (!event->last || watch->piece_count == 0)
        return true;
    Pointsman__V1__WatchCommitsResponse whole = join_pieces(watch);
    watch->session->output->show(&watch->session->sink, &whole.base);
    forget_pieces(watch);
    watch->revision = event->revision;
    watch->shown++;
    /* Whoever reads it must not wait for more. Once the reader is gone, so are we. */
    return fflush(watch->session->sink.to) == 0 && (count == 0 || watch->shown < count);
}

/* Follows the commits until the connection breaks, the daemon refuses, or there were enough. */
static bool follow(struct watch *watch, struct grpc_result *result)
{
    Pointsman__V1__WatchCommitsRequest request = POINTSMAN__V1__WATCH_COMMITS_REQUEST__INIT;
    request.epoch = watch->epoch;
    request.with_objects = shows_difference;
    if (watch->has_start) {
        request.start_case = POINTSMAN__V1__WATCH_COMMITS_REQUEST__START_AFTER_REVISION;
        request.after_revision = watch->revision;
    }
    bool is_done = session_stream(watch->session, "/pointsman.v1.RouteControl/WatchCommits",
                                  &request.base, &pointsman__v1__watch_commits_response__descriptor,
                                  on_message, watch, result);
    forget_pieces(watch);
    return is_done && ((count > 0 && watch->shown == count) || ferror(watch->session->sink.to));
}

static enum exit_code follow_for_ever(struct watch *watch)
{
    struct grpc_result result;
    while (!follow(watch, &result)) {
        if (!watch->session->has_connected)
            return EXIT_UNREACHABLE;
        if (result.status != GRPC_UNAVAILABLE && result.status != GRPC_OK) {
            enum exit_code code = refusal_exit_code(result.status);
            refusal_tell(&result, NULL);
            grpc_result_clear(&result);
            return code;
        }
        grpc_result_clear(&result);
        if (!session_reconnect(watch->session)) {
            say("note: the daemon is gone; waiting for it");
            while (!session_reconnect(watch->session))
                ;
            say("note: the daemon is back");
        }
    }
    return EXIT_OK;
}

static enum exit_code read_start(struct watch *watch)
{
    struct flag_moment moment;
    struct error err = {0};
    if (since == NULL)
        return EXIT_OK;
    if (!flag_moment("--since", since, &moment, &err)) {
        say("watch: %s", err.message);
        return EXIT_USAGE;
    }
    watch->has_start = true;
    return moment_find_revision(watch->session, &moment, &watch->revision);
}

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    (void)operands;
    struct watch watch = {.session = session, .epoch = memory_duplicate_string("")};
    enum exit_code code = read_start(&watch);
    if (code == EXIT_OK)
        code = follow_for_ever(&watch);
    free(watch.epoch);
    return code;
}

const struct command command_watch = {
    .name = "watch",
    .kind = COMMAND_HISTORY,
    .operands = "",
    .summary = "Print changes as they happen",
    .details =
        "A line for each object that a commit changes, or, with -o json, for each commit. When "
        "the\n"
        "daemon is restarted it goes on where it was; nothing is missed and nothing shown twice.\n"
        "Exit 3 when what comes next is not kept any more, 4 when the database is another one.",
    .example = "  routectl watch\n"
               "  routectl watch --since 10m --diff\n"
               "  routectl watch -o json | jq -r '.changes[].name'",
    .groups = {{"Which", options}},
    .run = run,
};
