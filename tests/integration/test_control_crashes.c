/* What a crash of the machine leaves of the routes: control runs in a process that loses whatever
 * was not synced, and is killed at a random moment or at one of the points below, again and again,
 * on one database, while several clients commit.
 *
 * POINTSMAN_CRASH_ROUNDS says how often (100), POINTSMAN_SEED repeats a run as far as the moments
 * of kills allow. */
#include "common/event_loop.h"
#include "common/log.h"
#include "common/signals.h"
#include "control/control.h"
#include "tests/support/control_client.h"
#include "tests/support/crash_vfs.h"
#include "tests/support/number_from_environment.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WRITERS = 4,
    BATCH = 4,
    ANSWERS_MAX = 30,
    ACKNOWLEDGED_MAX = 64,
    WEAK_ROUNDS_MAX = 10,
};

/* --- how it ends ------------------------------------------------------------------------------ */

struct ending {
    enum crash_file file;
    enum crash_point point;
    unsigned after_max; /* operations of that kind */
    int signal;         /* sent after some answers; 0: none, it ends by itself */
};

/* SIGTERM for what happens when the log is moved into the database. */
static const struct ending endings[] = {
    {CRASH_LOG, CRASH_NEVER, 0, SIGKILL},          {CRASH_LOG, CRASH_AT_WRITE, 100, 0},
    {CRASH_LOG, CRASH_BEFORE_SYNC, 20, 0},         {CRASH_LOG, CRASH_IN_SYNC, 20, 0},
    {CRASH_LOG, CRASH_AFTER_SYNC, 20, 0},          {CRASH_LOG, CRASH_NEVER, 0, SIGKILL},
    {CRASH_DATABASE, CRASH_AT_WRITE, 20, SIGTERM}, {CRASH_DATABASE, CRASH_BEFORE_SYNC, 0, SIGTERM},
    {CRASH_DATABASE, CRASH_IN_SYNC, 0, SIGTERM},   {CRASH_DATABASE, CRASH_AFTER_SYNC, 0, SIGTERM},
    {CRASH_LOG, CRASH_AT_DELETE, 0, SIGTERM},      {CRASH_DATABASE, CRASH_AT_TRUNCATE, 0, SIGTERM},
};

/* The first start of all makes the database. */
static const struct ending first_endings[] = {
    {CRASH_JOURNAL, CRASH_AT_WRITE, 3, SIGTERM},
    {CRASH_JOURNAL, CRASH_BEFORE_SYNC, 1, SIGTERM},
    {CRASH_JOURNAL, CRASH_AT_DELETE, 0, SIGTERM},
    {CRASH_DATABASE, CRASH_AT_WRITE, 20, SIGTERM},
    {CRASH_DATABASE, CRASH_BEFORE_SYNC, 2, SIGTERM},
    {CRASH_DATABASE, CRASH_IN_SYNC, 2, SIGTERM},
    {CRASH_DATABASE, CRASH_AFTER_SYNC, 2, SIGTERM},
    {CRASH_LOG, CRASH_AT_WRITE, 20, 0},
    {CRASH_LOG, CRASH_IN_SYNC, 3, 0},
    {CRASH_LOG, CRASH_AT_DELETE, 0, SIGTERM},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- a writer --------------------------------------------------------------------------------- */

/* Puts its batch again and again, with ever the next value in all of it. The last of them replaces
 * it, and leaves its last object out every second time; the one before confirms each. */
struct writer {
    struct story *story;
    size_t index;
    char prefix[8];
    uint32_t value;    /* acknowledged */
    uint64_t revision; /* of that */
    /* of all that was acknowledged since the last check, the first */
    struct {
        uint64_t revision;
        uint32_t value;
    } acknowledged[ACKNOWLEDGED_MAX];
    size_t acknowledged_count;
    pthread_t thread;
};

struct story {
    struct temp_dir *dir;
    char *database;
    char *socket_path;
    bool is_weak; /* synchronous=OFF, and nobody sees it */
    uint64_t random;
    char epoch[64];
    struct writer writers[WRITERS];
    pid_t control;
    unsigned crashes; /* at a point, by itself */
    atomic_uint answers;
    char broken[256]; /* the promise that was; "": none */
};

static uint64_t next_random(struct story *story)
{
    story->random = story->random * 6364136223846793005U + 1442695040888963407U;
    return story->random >> 33;
}

static bool replaces(const struct writer *writer)
{
    return writer->index == WRITERS - 1;
}

static bool confirms(const struct writer *writer)
{
    return writer->index == WRITERS - 2;
}

/* How many objects there are with this value. */
static unsigned batch_of(const struct writer *writer, uint32_t value)
{
    return replaces(writer) && value % 2 == 1 ? BATCH - 1 : BATCH;
}

static uint64_t put_next(struct writer *writer, struct grpc_client *client,
                         struct grpc_result *result)
{
    char request_id[32];
    uint32_t value = writer->value + 1;
    unsigned count = batch_of(writer, value);
    snprintf(request_id, sizeof(request_id), "%s-%u", writer->prefix, value);
    if (replaces(writer))
        return control_client_replace_backends_once(client, writer->prefix, count, value,
                                                    request_id, result);
    if (confirms(writer))
        return control_client_confirm_backends_once(client, writer->prefix, count, value,
                                                    request_id, result);
    return control_client_put_backends_once(client, writer->prefix, count, value, request_id,
                                            result);
}

static void note_acknowledged(struct writer *writer, uint64_t revision)
{
    writer->value++;
    writer->revision = revision;
    if (writer->acknowledged_count == ACKNOWLEDGED_MAX)
        return;
    writer->acknowledged[writer->acknowledged_count].revision = revision;
    writer->acknowledged[writer->acknowledged_count++].value = writer->value;
}

static void *write_until_killed(void *context)
{
    struct writer *writer = context;
    struct error err;
    struct grpc_result result = {0};
    struct grpc_client *client = grpc_client_connect(writer->story->socket_path, &err);
    uint64_t revision = 0;
    do {
        revision = client == NULL ? 0 : put_next(writer, client, &result);
        if (revision != 0) {
            note_acknowledged(writer, revision);
            atomic_fetch_add(&writer->story->answers, 1);
        }
    } while (revision != 0);
    grpc_result_clear(&result);
    grpc_client_free(client);
    return NULL;
}

/* --- control ---------------------------------------------------------------------------------- */

struct daemon_state {
    struct event_loop *loop;
    struct control *control;
};

static void on_terminate(void *context)
{
    const struct daemon_state *daemon = context;
    control_drain(daemon->control);
}

static void on_hangup(void *context)
{
    (void)context;
}

_Noreturn static void run_control(const struct story *story)
{
    struct daemon_state daemon = {.loop = event_loop_new()};
    const struct signal_handlers handlers = {
        .on_terminate = on_terminate, .on_hangup = on_hangup, .context = &daemon};
    struct control_options options;
    struct signals signals;
    struct error err = {0};
    control_options_init(&options);
    options.database = story->database;
    options.socket = story->socket_path;
    log_set_level(LOG_ERROR);

    if (!signals_start(&signals, daemon.loop, &handlers, &err))
        _exit(1);
    daemon.control = control_start(&options, daemon.loop, &err);
    if (daemon.control == NULL) {
        fprintf(stderr, "control_start: %s\n", err.message);
        _exit(1);
    }
    event_loop_run(daemon.loop);
    control_stop(daemon.control);
    _exit(0);
}

static void start_control(struct story *story, const struct ending *ending)
{
    uint64_t after =
        ending == NULL || ending->after_max == 0 ? 0 : next_random(story) % (ending->after_max + 1);
    uint64_t seed = next_random(story);
    story->control = fork();
    if (story->control != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    crash_vfs_install();
    if (story->is_weak)
        crash_vfs_weaken(true);
    if (ending != NULL)
        crash_vfs_crash_at(ending->file, ending->point, after, seed);
    run_control(story);
}

/* It has been waited for by then. */
static bool has_ended(struct story *story)
{
    int status;
    if (story->control > 0 && waitpid(story->control, &status, WNOHANG) == story->control) {
        story->control = 0;
        story->crashes += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    return story->control == 0;
}

static bool answers_or_has_ended(void *context)
{
    struct story *story = context;
    struct grpc_client *client = grpc_client_connect(story->socket_path, NULL);
    grpc_client_free(client);
    return client != NULL || has_ended(story);
}

static void wait_for_start(struct story *story)
{
    assert_true(wait_until(answers_or_has_ended, story, WAIT_MS));
}

static bool ended(void *context)
{
    return has_ended(context);
}

static void end_control(struct story *story, int signal)
{
    if (!has_ended(story) && signal != 0)
        kill(story->control, signal);
    unsigned before = story->crashes;
    assert_true(wait_until(ended, story, WAIT_MS));
    if (signal == SIGKILL)
        story->crashes = before;
}

/* --- a round ---------------------------------------------------------------------------------- */

struct enough {
    struct story *story;
    unsigned answers;
};

static bool is_enough(void *context)
{
    const struct enough *enough = context;
    return atomic_load(&enough->story->answers) >= enough->answers || has_ended(enough->story);
}

static void write_and_crash(struct story *story, const struct ending *ending)
{
    struct enough enough = {story, (unsigned)(next_random(story) % ANSWERS_MAX)};
    start_control(story, ending);
    wait_for_start(story);

    atomic_store(&story->answers, 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(
            pthread_create(&story->writers[i].thread, NULL, write_until_killed, &story->writers[i]),
            0);
    if (ending->signal != 0)
        assert_true(wait_until(is_enough, &enough, WAIT_MS));
    end_control(story, ending->signal);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(story->writers[i].thread, NULL);
}

#define BROKEN(story, ...) snprintf((story)->broken, sizeof((story)->broken), __VA_ARGS__)

/* Every acknowledged commit is there whole, and the one that was not is there whole or not at all;
 * repeating it then makes it once. */
static void check_writer(struct story *story, struct grpc_client *client, struct writer *writer)
{
    char name[16];
    struct grpc_result result = {0};
    snprintf(name, sizeof(name), "%s-0", writer->prefix);
    uint32_t value = control_client_get_port(client, name);
    if (value != writer->value && value != writer->value + 1)
        BROKEN(story, "%s is %u, and %u was acknowledged", name, value, writer->value);
    for (unsigned i = 1; i < BATCH; i++) {
        snprintf(name, sizeof(name), "%s-%u", writer->prefix, i);
        uint32_t other = control_client_get_port(client, name);
        uint32_t expected = i < batch_of(writer, value) ? value : 0;
        if (other != expected)
            BROKEN(story, "%s is %u where the first of its commit is %u", name, other, value);
    }
    if (story->broken[0] != '\0')
        return;

    Pointsman__V1__GetInfoResponse *before = control_client_get_info(client);
    uint64_t revision = put_next(writer, client, &result);
    Pointsman__V1__GetInfoResponse *after = control_client_get_info(client);
    bool was_there = value == writer->value + 1;
    if (revision == 0)
        BROKEN(story, "a commit after the restart: %s", result.message);
    else if (was_there && after->revision != before->revision)
        BROKEN(story, "a commit that was there was made again");
    else if (!was_there && revision != before->revision + 1)
        BROKEN(story, "revision %" PRIu64 " follows %" PRIu64, revision, before->revision);
    note_acknowledged(writer, revision);
    message_free(&before->base);
    message_free(&after->base);
    grpc_result_clear(&result);
}

/* The history has each of them under its revision. */
static void check_history(struct story *story, struct grpc_client *client, struct writer *writer)
{
    Pointsman__V1__GetCommitRequest request = POINTSMAN__V1__GET_COMMIT_REQUEST__INIT;
    for (size_t i = 0; i < writer->acknowledged_count && story->broken[0] == '\0'; i++) {
        struct grpc_result result = {0};
        char request_id[32];
        snprintf(request_id, sizeof(request_id), "%s-%u", writer->prefix,
                 writer->acknowledged[i].value);
        request.revision = writer->acknowledged[i].revision;
        Pointsman__V1__Commit *commit = (Pointsman__V1__Commit *)grpc_client_call(
            client, "/pointsman.v1.RouteControl/GetCommit", &request.base,
            &pointsman__v1__commit__descriptor, WAIT_MS, &result);
        if (commit == NULL || strcmp(commit->request_id, request_id) != 0)
            BROKEN(story, "revision %" PRIu64 " is not the commit of %s", request.revision,
                   request_id);
        else if (confirms(writer) &&
                 commit->confirm_state != POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_CONFIRMED)
            BROKEN(story, "revision %" PRIu64 " is not confirmed any more", request.revision);
        message_free((ProtobufCMessage *)commit);
        grpc_result_clear(&result);
    }
    writer->acknowledged_count = 0;
}

static void check_where_it_stands(struct story *story, struct grpc_client *client)
{
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(client);
    if (story->epoch[0] == '\0')
        snprintf(story->epoch, sizeof(story->epoch), "%s", info->epoch);
    if (strcmp(info->epoch, story->epoch) != 0)
        BROKEN(story, "the epoch was %s and is '%s'", story->epoch, info->epoch);
    /* Its check at start has added up the digest of every object. */
    if (info->read_only_reason[0] != '\0')
        BROKEN(story, "no writes: %s", info->read_only_reason);
    for (size_t i = 0; i < WRITERS; i++) {
        if (info->revision < story->writers[i].revision)
            BROKEN(story, "revision %" PRIu64 " was acknowledged, and %" PRIu64 " is the head",
                   story->writers[i].revision, info->revision);
    }
    message_free(&info->base);
}

static void check(struct story *story)
{
    start_control(story, NULL);
    wait_for_start(story);
    if (has_ended(story)) {
        BROKEN(story, "it does not start");
        return;
    }
    struct grpc_client *client = control_client_connect(story->socket_path);
    check_where_it_stands(story, client);
    for (size_t i = 0; i < WRITERS && story->broken[0] == '\0'; i++) {
        check_history(story, client, &story->writers[i]);
        check_writer(story, client, &story->writers[i]);
    }
    grpc_client_free(client);
    /* What these commits have written stays in the log, for the next start to find. */
    end_control(story, SIGKILL);
}

static void crash_and_check(struct story *story, const struct ending *ending)
{
    write_and_crash(story, ending);
    check(story);
}

/* --- claims ----------------------------------------------------------------------------------- */

static struct story *new_story(bool is_weak)
{
    struct story *story = memory_allocate_zeroed(1, sizeof(*story));
    story->dir = temp_dir_new();
    story->database = temp_dir_file(story->dir, "routes.db");
    story->socket_path = temp_dir_file(story->dir, "control.sock");
    story->is_weak = is_weak;
    story->random = number_from_environment("POINTSMAN_SEED", 1);
    for (size_t i = 0; i < WRITERS; i++) {
        story->writers[i].story = story;
        story->writers[i].index = i;
        snprintf(story->writers[i].prefix, sizeof(story->writers[i].prefix), "w%zu", i);
    }
    return story;
}

static void free_story(struct story *story)
{
    temp_dir_free(story->dir);
    free(story->database);
    free(story->socket_path);
    free(story);
}

static void expect_unbroken(const struct story *story, const char *what, unsigned round)
{
    if (story->broken[0] != '\0')
        fail_msg("%s %u: %s", what, round, story->broken);
}

static void every_acknowledged_commit_survives_every_crash(void **state)
{
    (void)state;
    uint64_t rounds = number_from_environment("POINTSMAN_CRASH_ROUNDS", 100);
    struct story *story = new_story(false);

    for (unsigned round = 0; round < rounds; round++) {
        crash_and_check(story, &endings[round % COUNT(endings)]);
        expect_unbroken(story, "round", round);
    }

    assert_true(story->writers[0].value > rounds);
    assert_true(story->crashes > rounds / 2); /* the points are there to be hit */
    free_story(story);
}

static void a_crash_while_the_database_is_made_leaves_it_whole_or_not_there(void **state)
{
    (void)state;
    unsigned crashes = 0;

    for (unsigned i = 0; i < 2 * COUNT(first_endings); i++) {
        struct story *story = new_story(false);
        story->random += i;
        crash_and_check(story, &first_endings[i % COUNT(first_endings)]);
        expect_unbroken(story, "first start", i);
        crashes += story->crashes;
        free_story(story);
    }

    assert_true(crashes > COUNT(first_endings));
}

/* That the two above can fail. */
static void without_syncing_acknowledged_commits_are_lost(void **state)
{
    (void)state;
    struct story *story = new_story(true);

    for (unsigned round = 0; round < WEAK_ROUNDS_MAX && story->broken[0] == '\0'; round++)
        crash_and_check(story, &endings[0]);

    assert_string_not_equal(story->broken, "");
    print_message("lost, as it must be: %s\n", story->broken);
    free_story(story);
}

static void a_database_that_does_not_sync_is_not_used(void **state)
{
    (void)state;
    struct story *story = new_story(true);
    struct error err = {0};
    struct control_options options;
    control_options_init(&options);
    options.database = story->database;
    options.socket = story->socket_path;

    /* Like start_control, with asking answered truly. */
    pid_t child = fork();
    if (child == 0) {
        crash_vfs_install();
        crash_vfs_weaken(false);
        struct event_loop *loop = event_loop_new();
        bool is_refused = control_start(&options, loop, &err) == NULL &&
                          strstr(err.message, "synchronous gave '0'") != NULL;
        _exit(is_refused ? 0 : 1);
    }

    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free_story(story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_acknowledged_commit_survives_every_crash),
        cmocka_unit_test(a_crash_while_the_database_is_made_leaves_it_whole_or_not_there),
        cmocka_unit_test(without_syncing_acknowledged_commits_are_lost),
        cmocka_unit_test(a_database_that_does_not_sync_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
