/* Who may do what on the socket of pointsman-control, and that nobody is in another's way: real
 * users, each in a process of its own. Only root can be others.
 *
 * Such a process is this program run again, not a fork that goes on: a thread of this one reads
 * what control writes, and what it holds of an allocator (AddressSanitizer's, say) while it is
 * copied, nobody lets go of in the copy. */
#include "tests/support/check.h"
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"
#include "tests/support/wire.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READER_UID = 61001,
    PROXY_UID = 61002,
    ADMIN_UID = 61003,
    STRANGER_UID = 61004,
    CROWD_UID = 61100, /* and those after it */
    ADMIN_GID = 62003,
};

static int set_up(void **state)
{
    static const char *const arguments[] = {
        "--socket-mode", "0666",  "--reader-uid", "61001", "--proxy-uid", "61002",
        "--admin-uid",   "61003", "--admin-gid",  "62003", NULL};
    static const struct pointsman_options options = {.control_arguments = arguments};
    *state = NULL;
    if (geteuid() != 0)
        return 0;
    struct pointsman *pointsman = pointsman_new(&options);
    assert_int_equal(chmod(temp_dir_path(pointsman_dir(pointsman)), 0711), 0);
    pointsman_start_control(pointsman);
    *state = pointsman;
    return 0;
}

static int tear_down(void **state)
{
    pointsman_free(*state);
    return 0;
}

static void skip_unless_root(struct pointsman *const *pointsman)
{
    if (*pointsman != NULL)
        return;
    print_message("only root can be other users\n");
    skip();
}

/* --- users ------------------------------------------------------------------------------------ */

struct user {
    uid_t uid;
    gid_t gid;
    gid_t group; /* one more; 0: none */
};

static void become(const struct user *user)
{
    bool is_other = setgroups(user->group == 0 ? 0 : 1, &user->group) == 0 &&
                    setresgid(user->gid, user->gid, user->gid) == 0 &&
                    setresuid(user->uid, user->uid, user->uid) == 0;
    CHECK(is_other, "cannot become user %u", user->uid);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* which the change has taken back */
}

/* What it does as that user, told by its name: one of `user_mains`. `fd`: of the crowd. */
static struct process *start_as(struct user user, const char *what, const char *socket_path, int fd)
{
    char numbers[4][16];
    const unsigned values[] = {user.uid, user.gid, user.group, (unsigned)fd};
    for (size_t i = 0; i < 4; i++)
        snprintf(numbers[i], sizeof(numbers[i]), "%u", values[i]);
    const char *const arguments[] = {"/proc/self/exe", what,       socket_path, numbers[0],
                                     numbers[1],       numbers[2], numbers[3],  NULL};
    return process_start(arguments, NULL);
}

/* What a user may: the sum of 1 read, 2 watch, 4 write. */
static int try_all(const char *socket_path, int fd)
{
    (void)fd;
    int permissions = 0;
    prctl(PR_SET_NAME, "evil \"name\"");
    struct grpc_result result = {0};
    struct error err;
    struct grpc_client *client = grpc_client_connect(socket_path, &err);
    if (client == NULL)
        return 100;
    Pointsman__V1__GetInfoRequest info = POINTSMAN__V1__GET_INFO_REQUEST__INIT;
    ProtobufCMessage *answer =
        grpc_client_call(client, "/pointsman.v1.RouteControl/GetInfo", &info.base,
                         &pointsman__v1__get_info_response__descriptor, WAIT_MS, &result);
    permissions += answer != NULL ? 1 : 0;
    message_free(answer);

    /* Without a stream a report fails, but not for want of permission. */
    Pointsman__V1__ReportRequest report = POINTSMAN__V1__REPORT_REQUEST__INIT;
    answer = grpc_client_call(client, "/pointsman.v1.RouteFeed/Report", &report.base,
                              &pointsman__v1__report_response__descriptor, WAIT_MS, &result);
    permissions += result.status == GRPC_FAILED_PRECONDITION ? 2 : 0;
    message_free(answer);
    permissions +=
        control_client_put_backends(client, "u", 1, (uint32_t)getpid() % 60000 + 1, &result) != 0
            ? 4
            : 0;
    grpc_result_clear(&result);
    grpc_client_free(client);
    return permissions;
}

static int permissions_of(struct user user, const struct pointsman *pointsman, pid_t *pid)
{
    struct process *process = start_as(user, "try", pointsman_socket(pointsman), 0);
    int permissions = process_wait(process, WAIT_MS);
    assert_int_not_equal(permissions, -1);
    if (pid != NULL)
        *pid = process_id(process);
    process_free(process);
    return permissions;
}

static void users_may_what_their_roles_say(void **state)
{
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);

    assert_int_equal(permissions_of((struct user){READER_UID, READER_UID, 0}, pointsman, NULL), 1);
    assert_int_equal(permissions_of((struct user){PROXY_UID, PROXY_UID, 0}, pointsman, NULL), 3);
    assert_int_equal(permissions_of((struct user){ADMIN_UID, ADMIN_UID, 0}, pointsman, NULL), 7);
    assert_int_equal(permissions_of((struct user){0, 0, 0}, pointsman, NULL), 7);
}

static void groups_give_roles_too(void **state)
{
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);

    assert_int_equal(permissions_of((struct user){CROWD_UID, ADMIN_GID, 0}, pointsman, NULL), 7);
    assert_int_equal(
        permissions_of((struct user){CROWD_UID, CROWD_UID, ADMIN_GID}, pointsman, NULL), 7);
    assert_int_equal(
        permissions_of((struct user){CROWD_UID, CROWD_UID, PROXY_UID}, pointsman, NULL), 0);
}

static void who_has_no_role_may_nothing(void **state)
{
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);

    assert_int_equal(permissions_of((struct user){STRANGER_UID, STRANGER_UID, 0}, pointsman, NULL),
                     0);
}

static void every_denied_call_and_every_commit_says_who(void **state)
{
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);
    pid_t stranger;
    pid_t admin;
    char denied[160];
    char committed[160];

    permissions_of((struct user){STRANGER_UID, STRANGER_UID, 0}, pointsman, &stranger);
    permissions_of((struct user){ADMIN_UID, ADMIN_UID, 0}, pointsman, &admin);

    static const char *const methods[] = {"RouteControl/GetInfo", "RouteFeed/Report",
                                          "RouteControl/Apply"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(denied, sizeof(denied),
                 " call_denied method=/pointsman.v1.%s uid=%d gid=%d pid=%d"
                 " command=\"evil \\\"name\\\"\"",
                 methods[i], STRANGER_UID, STRANGER_UID, (int)stranger);
        free(process_expect_line(pointsman_control(pointsman), denied));
    }
    snprintf(committed, sizeof(committed), "uid=%d gid=%d pid=%d command=\"evil \\\"name\\\"\"",
             ADMIN_UID, ADMIN_UID, (int)admin);
    char *commit = process_expect_line(pointsman_control(pointsman), committed);
    assert_non_null(strstr(commit, " commit revision=1 "));
    free(commit);
}

/* --- many and stuck --------------------------------------------------------------------------- */

enum { PER_USER = 64, KINDS = 4 };

/* What a stuck client does before it does nothing more. */
static void get_stuck(struct wire *wire, size_t kind)
{
    Pointsman__V1__ListBackendsRequest list = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    switch (kind) {
    case 0: /* never speaks */
        return;
    case 1: /* stops in a head */
        wire_send(wire, WIRE_HELLO);
        wire_send(wire, SLICE("\0\0\x04\x01\0\0\0\0\x01\x83\x86\x04\x01"));
        return;
    case 2: /* stops in a message */
        wire_send(wire, WIRE_HELLO);
        wire_call(wire, "/pointsman.v1.RouteControl/ListBackends");
        wire_send(wire, SLICE("\0\0\x20\0\x01\0\0\0\x01\0\0\0\0\x1b\x0a"));
        return;
    default: /* reads no answer */
        wire_send(wire, WIRE_HELLO_WITHOUT_WINDOW);
        for (unsigned stream = 1; stream < 100; stream += 2) {
            wire_call_on(wire, stream, "/pointsman.v1.RouteControl/ListBackends");
            wire_request_on(wire, stream, &list.base);
        }
        return;
    }
}

static bool is_open(const struct wire *wire)
{
    struct pollfd state = {.fd = wire->fd, .events = POLLRDHUP};
    return poll(&state, 1, 0) == 0;
}

/* A process of another user with 64 connections, told and asked over a socket pair. */
struct crowd {
    struct process *process;
    int fd;
};

enum { ASK_OPEN = 'o', ASK_HUNG_UP = 'h', ASK_READER_STUCK = 'r' };

static unsigned count_open(struct wire *wires, size_t first_kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < PER_USER; i++)
        count += i % KINDS >= first_kind && is_open(&wires[i]);
    return count;
}

static void answer_questions(int fd, struct wire *wires)
{
    char question;
    while (read(fd, &question, 1) == 1) {
        unsigned char answer = 0;
        if (question == ASK_OPEN)
            answer = (unsigned char)count_open(wires, 0);
        else if (question == ASK_READER_STUCK)
            answer = (unsigned char)count_open(wires, KINDS - 1);
        for (size_t i = 0; question == ASK_HUNG_UP && i < PER_USER; i++)
            answer += i % KINDS < 2 && wire_is_hung_up(&wires[i]);
        if (write(fd, &answer, 1) != 1)
            break;
    }
}

static int be_crowd(const char *socket_path, int fd, bool is_stuck)
{
    static struct wire wires[PER_USER];
    for (size_t i = 0; i < PER_USER; i++) {
        wire_open(&wires[i], socket_path);
        if (is_stuck)
            get_stuck(&wires[i], i % KINDS);
        else /* it may have been hung up on */
            send(wires[i].fd, WIRE_HELLO.at, WIRE_HELLO.length, MSG_NOSIGNAL);
    }
    answer_questions(fd, wires);
    return 0;
}

static int be_stuck(const char *socket_path, int fd)
{
    return be_crowd(socket_path, fd, true);
}

static int be_idle(const char *socket_path, int fd)
{
    return be_crowd(socket_path, fd, false);
}

static struct crowd start_crowd(const struct pointsman *pointsman, uid_t uid, const char *what)
{
    struct crowd crowd;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFD, 0), 0);
    crowd.process =
        start_as((struct user){uid, uid, 0}, what, pointsman_socket(pointsman), pair[1]);
    close(pair[1]);
    crowd.fd = pair[0];
    return crowd;
}

static unsigned ask(const struct crowd *crowd, char question)
{
    unsigned char answer;
    struct pollfd ready = {.fd = crowd->fd, .events = POLLIN};
    assert_int_equal(write(crowd->fd, &question, 1), 1);
    assert_int_equal(poll(&ready, 1, (int)WAIT_MS), 1);
    assert_int_equal(read(crowd->fd, &answer, 1), 1);
    return answer;
}

static void end_crowd(struct crowd *crowd)
{
    close(crowd->fd);
    assert_int_equal(process_wait(crowd->process, WAIT_MS), 0);
    process_free(crowd->process);
}

/* As many as a user may have, and what another call of that user may then. Where a slow machine let
 * go of the first before that was asked, it begins again. */
static struct crowd start_stuck_crowd(const struct pointsman *pointsman, int *of_the_same)
{
    enum { TRIES = 10 };
    for (unsigned tries = 1;; tries++) {
        struct crowd crowd = start_crowd(pointsman, READER_UID, "stuck");
        ask(&crowd, ASK_OPEN); /* it has made its connections */
        *of_the_same = permissions_of((struct user){READER_UID, READER_UID, 0}, pointsman, NULL);
        if (ask(&crowd, ASK_OPEN) == PER_USER)
            return crowd;
        assert_true(tries < TRIES);
        end_crowd(&crowd);
    }
}

static void sixty_four_stuck_clients_of_a_user_delay_nobody_else(void **state)
{
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);
    struct grpc_result result = {0};
    struct grpc_client *client = control_client_connect(pointsman_socket(pointsman));
    assert_int_equal(control_client_put_backends(client, "b", 1000, 1, &result), 1);

    int of_the_same;
    struct crowd crowd = start_stuck_crowd(pointsman, &of_the_same);
    for (uint32_t i = 0; i < 50; i++) {
        assert_int_equal(control_client_put_backends(client, "c", 1, i + 1, &result), i + 2);
        assert_int_equal(control_client_get_port(client, "b-999"), 1);
    }
    assert_int_equal(permissions_of((struct user){PROXY_UID, PROXY_UID, 0}, pointsman, NULL), 3);
    unsigned still_unread = ask(&crowd, ASK_READER_STUCK);
    unsigned hung_up = ask(&crowd, ASK_HUNG_UP);
    int later = permissions_of((struct user){READER_UID, READER_UID, 0}, pointsman, NULL);

    assert_int_equal(still_unread, PER_USER / KINDS); /* all the while */
    assert_int_equal(of_the_same, 0); /* hung up on: it has as many connections as it may */
    free(process_expect_line(pointsman_control(pointsman),
                             "control_peer_refused reason=too_many_connections_of_user uid=61001"));
    assert_int_equal(hung_up, PER_USER / 2); /* who does not speak, within the time for it */
    assert_int_equal(later, 1);
    end_crowd(&crowd);
    grpc_result_clear(&result);
    grpc_client_free(client);
}

static void admins_have_room_when_everybody_else_is_connected(void **state)
{
    enum { CROWDS = 16, ALL = 1024, RESERVED = 16 };
    struct pointsman *pointsman = *state;
    skip_unless_root(&pointsman);
    struct crowd crowds[CROWDS];
    unsigned connected = 0;

    for (uid_t i = 0; i < CROWDS; i++) {
        crowds[i] = start_crowd(pointsman, CROWD_UID + i, "idle");
        ask(&crowds[i], ASK_OPEN); /* it has made its connections */
    }
    int reader = permissions_of((struct user){READER_UID, READER_UID, 0}, pointsman, NULL);
    int proxy = permissions_of((struct user){PROXY_UID, PROXY_UID, 0}, pointsman, NULL);
    int admin = permissions_of((struct user){ADMIN_UID, ADMIN_UID, 0}, pointsman, NULL);
    for (size_t i = 0; i < CROWDS; i++)
        connected += ask(&crowds[i], ASK_OPEN);

    assert_int_equal(connected, ALL - RESERVED);
    assert_int_equal(reader, 0);
    assert_int_equal(proxy, 0);
    assert_int_equal(admin, 7);
    for (size_t i = 0; i < CROWDS; i++)
        end_crowd(&crowds[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct {
    const char *name;
    int (*run)(const char *socket_path, int fd);
} user_mains[] = {{"try", try_all}, {"stuck", be_stuck}, {"idle", be_idle}};

/* As start_as says. Without what is done at the end of a program: who is no longer root may not
 * look for leaks. */
static _Noreturn void run_as_user(char **arguments)
{
    const struct user user = {(uid_t)atoi(arguments[3]), (gid_t)atoi(arguments[4]),
                              (gid_t)atoi(arguments[5])};
    become(&user);
    for (size_t i = 0; i < sizeof(user_mains) / sizeof(user_mains[0]); i++) {
        if (strcmp(arguments[1], user_mains[i].name) == 0)
            _exit(user_mains[i].run(arguments[2], atoi(arguments[6])));
    }
    _exit(100);
}

int main(int argc, char **argv)
{
    if (argc == 7)
        run_as_user(argv);
    const struct CMUnitTest tests[] = {
        TEST(users_may_what_their_roles_say),
        TEST(groups_give_roles_too),
        TEST(who_has_no_role_may_nothing),
        TEST(every_denied_call_and_every_commit_says_who),
        TEST(sixty_four_stuck_clients_of_a_user_delay_nobody_else),
        TEST(admins_have_room_when_everybody_else_is_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
