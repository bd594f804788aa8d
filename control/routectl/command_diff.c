#include "control/routectl/change.h"
#include "control/routectl/command.h"
#include "control/routectl/commit_range.h"
#include "control/routectl/document_files.h"
#include "control/routectl/draft_parts.h"
#include "control/routectl/moment.h"
#include "control/routectl/object_list.h"
#include "control/routectl/prune.h"
#include "control/routectl/say.h"
#include "proto/message.h"

#include <string.h>

/* The daemon says what the files would change: it is asked to apply them as a dry run, so that what
 * it would refuse or warn of is told here as well. */

/* What differs, and what had to be fetched to show it. */
struct comparison {
    struct arena arena;
    const struct draft *draft;
    Pointsman__V1__DiffResponse diff;
    const char **origins;
    size_t origin_count;
    ProtobufCMessage **fetched;
    size_t fetched_count;
};

static void comparison_clear(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->fetched_count; i++)
        message_free(comparison->fetched[i]);
    arena_clear(&comparison->arena);
}

static Pointsman__V1__Object *new_object(struct arena *arena, Pointsman__V1__ObjectKind kind,
                                         const ProtobufCMessage *message)
{
    if (message == NULL)
        return NULL;
    Pointsman__V1__Object *object =
        ARENA_MESSAGE(arena, Pointsman__V1__Object, pointsman__v1__object__init);
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        object->kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
        object->route = (RouteMessage *)message;
    } else {
        object->kind_case = POINTSMAN__V1__OBJECT__KIND_BACKEND;
        object->backend = (BackendMessage *)message;
    }
    return object;
}

/* An answer that grows too large has the last of its changes without their objects: the live one
 * is asked for, the new one is the file's. */
static enum exit_code complete(struct session *session, struct comparison *comparison,
                               Pointsman__V1__Change *change)
{
    bool is_route = change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    const MutationMessage *wanted = draft_find(comparison->draft, change->kind, change->name);
    enum exit_code code;
    ProtobufCMessage *live =
        is_route ? (ProtobufCMessage *)object_find_route(session, change->name, NULL, &code)
                 : (ProtobufCMessage *)object_find_backend(session, change->name, NULL, &code);
    if (live != NULL)
        ARENA_APPEND(&comparison->arena, comparison->fetched, comparison->fetched_count, live);
    change->before = new_object(&comparison->arena, change->kind, live);
    if (wanted != NULL)
        change->after =
            new_object(&comparison->arena, change->kind,
                       is_route ? &wanted->put_route->base : &wanted->put_backend->base);
    return code;
}

/* "routes.yaml:7" */
static char *origin_of(const struct comparison *comparison, struct arena *arena,
                       const Pointsman__V1__Change *change)
{
    const char *place =
        draft_find_object_origin(comparison->draft, change->kind, change->name, "name");
    return place == NULL ? NULL : arena_string(arena, place, strcspn(place, " ") - 1);
}

/* Takes over what differs in the answer. */
static enum exit_code compare(struct session *session, struct comparison *comparison,
                              const Pointsman__V1__ApplyResponse *response)
{
    struct arena *arena = &comparison->arena;
    enum exit_code code = EXIT_OK;
    comparison->diff.from_revision = comparison->diff.to_revision = response->revision;
    for (size_t i = 0; i < response->n_changes && code == EXIT_OK; i++) {
        if (response->changes[i]->change == POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED)
            continue;
        Pointsman__V1__Change *change =
            ARENA_MESSAGE(arena, Pointsman__V1__Change, pointsman__v1__change__init);
        *change = *response->changes[i];
        if (change->before == NULL && change->after == NULL)
            code = complete(session, comparison, change);
        ARENA_APPEND(arena, comparison->diff.changes, comparison->diff.n_changes, change);
        ARENA_APPEND(arena, comparison->origins, comparison->origin_count,
                     origin_of(comparison, arena, change));
    }
    return code;
}

/* EXIT_FAILED when anything differs. */
static enum exit_code show(const struct session *session, const struct difference *difference)
{
    session->output->show_difference(&session->sink, difference);
    return difference->diff->n_changes == 0 ? EXIT_OK : EXIT_FAILED;
}

/* 1 says that something differs, and nothing else. */
static enum exit_code as_error(enum exit_code code)
{
    return code == EXIT_FAILED ? EXIT_USAGE : code;
}

/* --- files ---------------------------------------------------------------------------------- */

static enum exit_code compare_part(struct session *session, struct comparison *comparison,
                                   struct draft *part)
{
    enum exit_code code = EXIT_OK;
    Pointsman__V1__ApplyResponse *response = change_try(session, part, &code);
    if (response != NULL)
        code = compare(session, comparison, response);
    ARENA_APPEND(&comparison->arena, comparison->fetched, comparison->fetched_count,
                 (ProtobufCMessage *)response);
    return code;
}

/* Of more than one commit can hold, what differs is found here, and checked in parts. */
static enum exit_code compare_in_parts(struct session *session, struct comparison *comparison,
                                       struct draft *draft)
{
    struct draft_parts parts;
    enum exit_code code = draft_parts_make(&parts, session, draft);
    comparison->diff.from_revision = comparison->diff.to_revision = parts.revision;
    for (size_t i = 0; i < parts.count && code == EXIT_OK; i++)
        code = compare_part(session, comparison, &parts.items[i]);
    draft_parts_clear(&parts);
    return code;
}

static enum exit_code compare_draft(struct session *session, struct draft *draft)
{
    struct comparison comparison = {.draft = draft, .diff = POINTSMAN__V1__DIFF_RESPONSE__INIT};
    enum exit_code code = draft_fits(draft) ? compare_part(session, &comparison, draft)
                                            : compare_in_parts(session, &comparison, draft);
    if (code == EXIT_OK) {
        const struct difference difference = {&comparison.diff, comparison.origins};
        code = show(session, &difference);
    } else {
        code = as_error(code);
    }
    comparison_clear(&comparison);
    return code;
}

static enum exit_code compare_files(struct session *session)
{
    struct draft draft;
    draft_init(&draft);
    enum exit_code code = document_files_read("diff", DOCUMENT_WHOLE, &draft);
    if (code == EXIT_OK)
        code = prune_add("diff", &draft);
    code = code == EXIT_OK ? compare_draft(session, &draft) : as_error(code);
    draft_clear(&draft);
    return code;
}

/* --- revisions ------------------------------------------------------------------------------ */

static bool parse_range(const char *text, struct arena *arena, struct flag_moment *from,
                        struct flag_moment *to, struct error *err)
{
    const char *dots = strstr(text, "..");
    if (dots == NULL)
        return error_set(err, ERROR_INVALID,
                         "'%s' is not REV..REV; 'routectl show' shows one commit", text);
    *to = (struct flag_moment){0};
    return flag_moment("from", arena_string(arena, text, (size_t)(dots - text)), from, err) &&
           (dots[2] == '\0' || flag_moment("to", dots + 2, to, err));
}

static enum exit_code compare_revisions(struct session *session, const char *text)
{
    struct flag_moment from, to;
    struct arena arena = {0};
    struct error err = {0};
    uint64_t from_revision = 0, to_revision = 0;
    bool is_good = parse_range(text, &arena, &from, &to, &err);
    arena_clear(&arena);
    if (!is_good) {
        say("diff: %s", err.message);
        return EXIT_USAGE;
    }

    struct commit_range range;
    commit_range_init(&range);
    enum exit_code code = moment_find_revision(session, &from, &from_revision);
    if (code == EXIT_OK)
        code = moment_find_revision(session, &to, &to_revision);
    if (code == EXIT_OK)
        code = commit_range_read(&range, session, from_revision, to_revision);
    if (code == EXIT_OK) {
        const struct difference difference = {&range.diff, NULL};
        code = show(session, &difference);
    } else {
        code = as_error(code);
    }
    commit_range_clear(&range);
    return code;
}

/* --- the verb ------------------------------------------------------------------------------- */

static enum exit_code run(struct session *session, const struct option_list *operands)
{
    if (operands->count > 0 && document_files.count > 0) {
        say("diff: either REV..REV or -f FILE");
        return EXIT_USAGE;
    }
    return operands->count > 0 ? compare_revisions(session, operands->items[0])
                               : compare_files(session);
}

const struct command command_diff = {
    .name = "diff",
    .kind = COMMAND_FILES,
    .operands = "-f FILE | REV..REV",
    .summary = "Show what 'apply' would change, or what was changed",
    .details =
        "With -f, takes the same files as 'apply', and tells the same errors and warnings. With\n"
        "two revisions or times, shows what was changed after the first up to the second, or to\n"
        "now when there is none. Exits with 0 when nothing differs, 1 when something does, 2 or\n"
        "more on error.",
    .example = "  routectl diff -f routes/\n"
               "  routectl diff -f routes/ --prune --selector team=accounts\n"
               "  routectl diff 38..41\n"
               "  routectl diff 2h..\n"
               "      All of the last two hours.",
    .max_operands = 1,
    .groups = {{"Documents", document_file_options}, {"Removing what is left", prune_options}},
    .run = run,
};
