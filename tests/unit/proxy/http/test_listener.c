#include "common/inherited_sockets.h"
#include "proxy/http/listener.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void assert_refused(const char *spec, enum error_code code, const char *words)
{
    struct error err = {0};
    assert_null(listener_open_at(spec, 1, NULL, &err));
    assert_int_equal(err.code, code);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void a_name_is_what_stands_in_front(void **state)
{
    (void)state;
    struct listener *named = listener_open_at("web=127.0.0.1:0", 1, NULL, NULL);
    struct listener *unnamed = listener_open_at("127.0.0.1:0", 1, NULL, NULL);

    assert_true(slice_equals(listener_identity(named)->name, SLICE("web")));
    assert_true(slice_equals(listener_identity(unnamed)->name, SLICE("default")));
    listener_close(named);
    listener_close(unnamed);
}

static void port_0_becomes_a_real_one_shared_by_all_workers(void **state)
{
    (void)state;
    struct listener *listener = listener_open_at("127.0.0.1:0", 3, NULL, NULL);
    uint16_t port = listener_identity(listener)->port;
    char expected[64];
    snprintf(expected, sizeof(expected), "default=127.0.0.1:%u", port);

    assert_int_not_equal(port, 0);
    assert_string_equal(listener_description(listener), expected);
    for (unsigned i = 0; i < 3; i++) {
        struct sockaddr_in address;
        socklen_t length = sizeof(address);
        getsockname(listener_fd(listener, i), (struct sockaddr *)&address, &length);
        assert_int_equal(ntohs(address.sin_port), port);
        assert_true(i == 0 || listener_fd(listener, i) != listener_fd(listener, i - 1));
    }
    listener_close(listener);
}

static void ipv6_stands_in_brackets(void **state)
{
    (void)state;
    struct listener *listener = listener_open_at("six=[::1]:0", 1, NULL, NULL);
    if (listener == NULL)
        skip(); /* a machine without IPv6 */

    assert_non_null(strstr(listener_description(listener), "six=[::1]:"));
    listener_close(listener);
}

static void a_port_in_use_is_an_error_also_when_it_could_be_shared(void **state)
{
    (void)state;
    struct listener *first = listener_open_at("127.0.0.1:0", 1, NULL, NULL);
    char spec[64];
    snprintf(spec, sizeof(spec), "127.0.0.1:%u", listener_identity(first)->port);

    assert_refused(spec, ERROR_IN_USE, "something else does already");

    listener_close(first);
    struct listener *second = listener_open_at(spec, 1, NULL, NULL);
    assert_non_null(second);
    listener_close(second);
}

static void what_is_not_an_address_is_refused(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        ":80",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "::1:80",
        "[::1]",
        "host.name:80",
        "web=",
        "[127.0.0.1]:80",
        "127.0.0.1:80 ",
        "unix:",
    };
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
        assert_refused(specs[i], ERROR_INVALID, "not");
}

static void a_unix_socket_is_made_and_removed(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char spec[256];
    struct stat status;
    snprintf(spec, sizeof(spec), "local=unix:%s/s", temp_dir_path(dir));
    struct listener *listener = listener_open_at(spec, 2, NULL, NULL);

    assert_non_null(listener);
    assert_true(listener_is_unix(listener));
    assert_int_equal(listener_identity(listener)->port, 0);
    assert_int_equal(stat(strchr(spec, '/'), &status), 0);
    listener_close(listener);

    assert_int_not_equal(stat(strchr(spec, '/'), &status), 0);
    temp_dir_free(dir);
}

static void a_unix_socket_has_the_mode_that_was_asked_for(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char spec[256];
    struct stat status;
    snprintf(spec, sizeof(spec), "unix:%s/s,mode=0601", temp_dir_path(dir));
    struct listener *listener = listener_open_at(spec, 1, NULL, NULL);

    *strchr(spec, ',') = '\0';
    assert_int_equal(stat(spec + 5, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0601);
    listener_close(listener);
    temp_dir_free(dir);
}

static void a_unix_socket_nobody_listens_on_is_replaced(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char spec[256];
    snprintf(spec, sizeof(spec), "unix:%s/s", temp_dir_path(dir));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", spec + 5);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
    close(stale);

    struct listener *listener = listener_open_at(spec, 1, NULL, NULL);

    assert_non_null(listener);
    assert_refused(spec, ERROR_IN_USE, "something else does already");
    listener_close(listener);
    temp_dir_free(dir);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char spec[256];
    struct stat status;
    snprintf(spec, sizeof(spec), "unix:%s/s", temp_dir_path(dir));
    fclose(fopen(spec + 5, "w"));

    assert_refused(spec, ERROR_SYSTEM, "cannot listen");

    assert_int_equal(stat(spec + 5, &status), 0);
    temp_dir_free(dir);
}

/* --- inherited sockets ------------------------------------------------------------------------ */

/* Those of `listener`, as another process would get them. Free with inherited_sockets_clear. */
static struct inherited_sockets inherit(const struct listener *listener, const char *name)
{
    struct inherited_sockets inherited = {.count = listener_fd_count(listener)};
    inherited.items = calloc(inherited.count, sizeof(inherited.items[0]));
    for (unsigned i = 0; i < inherited.count; i++) {
        inherited.items[i].fd = fcntl(listener_fd(listener, i), F_DUPFD_CLOEXEC, 0);
        inherited.items[i].name = strdup(name);
    }
    return inherited;
}

static bool is_listening(int fd)
{
    int is_listening = 0;
    socklen_t length = sizeof(is_listening);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length);
    return is_listening != 0;
}

static void inherited_sockets_of_the_address_are_used_and_missing_ones_added(void **state)
{
    (void)state;
    struct listener *old = listener_open_at("web=127.0.0.1:0", 2, NULL, NULL);
    struct inherited_sockets inherited = inherit(old, "web");
    char spec[64];
    snprintf(spec, sizeof(spec), "renamed=127.0.0.1:%u", listener_identity(old)->port);

    struct listener *listener = listener_open_at(spec, 3, &inherited, NULL);

    assert_non_null(listener);
    assert_null(inherited_sockets_find_unclaimed(&inherited));
    assert_int_equal(listener_fd_count(listener), 3);
    assert_int_equal(listener_fd(listener, 1), inherited.items[1].fd);
    assert_false(is_listening(listener_fd(listener, 2)));
    assert_true(listener_listen(listener, NULL));
    assert_true(is_listening(listener_fd(listener, 2)));
    listener_close(listener);
    inherited_sockets_clear(&inherited);
    listener_close(old);
}

static void more_inherited_sockets_than_workers_are_all_kept(void **state)
{
    (void)state;
    struct listener *old = listener_open_at("127.0.0.1:0", 4, NULL, NULL);
    struct inherited_sockets inherited = inherit(old, "default");

    struct listener *listener = listener_open_at("127.0.0.1:0", 1, &inherited, NULL);

    assert_int_equal(listener_fd_count(listener), 4);
    assert_int_equal(listener_identity(listener)->port, listener_identity(old)->port);
    listener_close(listener);
    inherited_sockets_clear(&inherited);
    listener_close(old);
}

static void inherited_sockets_of_other_addresses_are_not_claimed(void **state)
{
    (void)state;
    struct listener *old = listener_open_at("web=127.0.0.1:0", 1, NULL, NULL);
    struct inherited_sockets inherited = inherit(old, "web");

    struct listener *other_name = listener_open_at("api=127.0.0.1:0", 1, &inherited, NULL);
    struct listener *other_host = listener_open_at("web=127.0.0.2:0", 1, &inherited, NULL);

    assert_ptr_equal(inherited_sockets_find_unclaimed(&inherited), &inherited.items[0]);
    assert_int_not_equal(listener_identity(other_name)->port, listener_identity(old)->port);
    listener_close(other_host);
    listener_close(other_name);
    inherited_sockets_clear(&inherited);
    listener_close(old);
}

static void an_inherited_unix_socket_keeps_its_file(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char spec[256];
    struct stat status;
    snprintf(spec, sizeof(spec), "unix:%s/s", temp_dir_path(dir));
    struct listener *old = listener_open_at(spec, 1, NULL, NULL);
    struct inherited_sockets inherited = inherit(old, "default");

    struct listener *listener = listener_open_at(spec, 2, &inherited, NULL);
    assert_int_equal(listener_fd(listener, 0), inherited.items[0].fd);
    listener_close(listener);

    assert_int_equal(stat(spec + 5, &status), 0);
    inherited_sockets_clear(&inherited);
    listener_close(old);
    assert_int_not_equal(stat(spec + 5, &status), 0);
    temp_dir_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_what_stands_in_front),
        cmocka_unit_test(port_0_becomes_a_real_one_shared_by_all_workers),
        cmocka_unit_test(ipv6_stands_in_brackets),
        cmocka_unit_test(a_port_in_use_is_an_error_also_when_it_could_be_shared),
        cmocka_unit_test(what_is_not_an_address_is_refused),
        cmocka_unit_test(a_unix_socket_is_made_and_removed),
        cmocka_unit_test(a_unix_socket_has_the_mode_that_was_asked_for),
        cmocka_unit_test(a_unix_socket_nobody_listens_on_is_replaced),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(inherited_sockets_of_the_address_are_used_and_missing_ones_added),
        cmocka_unit_test(more_inherited_sockets_than_workers_are_all_kept),
        cmocka_unit_test(inherited_sockets_of_other_addresses_are_not_claimed),
        cmocka_unit_test(an_inherited_unix_socket_keeps_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
