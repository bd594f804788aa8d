/* Records that are handed over, or leave together; as two ends of a connection see them. */
#include "proxy/http/byte_stream.h"
#include "proxy/http/tls_socket.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    struct temp_dir *folder;
    SSL_CTX *context;
    int fds[2];
    SSL *server;
    SSL *client;
};

static SSL_CTX *make_context(const struct temp_dir *folder)
{
    struct certificate certificate = certificate_make_authority(folder, "server");
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, certificate.certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, certificate.key, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_num_tickets(context, 0); /* only what the tests send is on its way */
    certificate_clear(&certificate);
    return context;
}

/* Over TCP, for that is what sends in segments. Neither end waits. */
static void connect_both(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, length), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fds[1] >= 0);
    close(listener);
}

static void wait_for_bytes(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

static void shake_hands(struct pair *pair)
{
    enum tls_step of_client = TLS_WANTS_READ;
    enum tls_step of_server = TLS_WANTS_READ;
    while (of_client != TLS_DONE || of_server != TLS_DONE) {
        of_client = tls_handshake(pair->client);
        if (of_server != TLS_DONE)
            wait_for_bytes(pair->fds[1]);
        of_server = tls_handshake(pair->server);
        if (of_client != TLS_DONE)
            wait_for_bytes(pair->fds[0]);
    }
}

static int open_pair(void **state)
{
    static struct pair pair;
    pair = (struct pair){.folder = temp_dir_new()};
    pair.context = make_context(pair.folder);
    connect_both(pair.fds);
    pair.client = SSL_new(pair.context);
    pair.server = SSL_new(pair.context);
    assert_true(tls_socket_attach(pair.client, pair.fds[0]));
    assert_true(tls_socket_attach(pair.server, pair.fds[1]));
    SSL_set_connect_state(pair.client);
    SSL_set_accept_state(pair.server);
    shake_hands(&pair);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;
    byte_stream_free(pair->client, false);
    byte_stream_free(pair->server, false);
    SSL_CTX_free(pair->context);
    close(pair->fds[0]);
    close(pair->fds[1]);
    temp_dir_free(pair->folder);
    return 0;
}

static void send_text(SSL *ssl, const char *text)
{
    const struct iovec all = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(tls_send(ssl, &all, 1), strlen(text));
}

static void assert_receives(SSL *ssl, const char *expected)
{
    char text[64];
    ssize_t length = tls_receive(ssl, text, sizeof(text));
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, strlen(expected));
}

static void assert_has_none_yet(SSL *ssl)
{
    char byte;
    assert_int_equal(tls_receive(ssl, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

/* As it is on its way to the server. */
static struct slice take_sealed(struct pair *pair, char *to, size_t room, size_t least)
{
    size_t length = 0;
    while (length < least) {
        wait_for_bytes(pair->fds[1]);
        ssize_t received = recv(pair->fds[1], to + length, room - length, 0);
        assert_true(received > 0);
        length += (size_t)received;
    }
    return slice_of(to, length);
}

/* --- receiving ------------------------------------------------------------------------------- */

/* What TLS 1.3 adds to each: a head, the type of what is in it, and a tag. */
enum { RECORD_OVERHEAD_BYTES = 5 + 1 + 16, KEY_UPDATE_BYTES = 5 };

static void records_that_were_received_at_once_are_read_one_by_one(void **state)
{
    struct pair *pair = *state;
    char sealed[1024];
    send_text(pair->client, "one");
    send_text(pair->client, "two");
    struct slice records =
        take_sealed(pair, sealed, sizeof(sealed), 2 * (RECORD_OVERHEAD_BYTES + 3));

    tls_socket_offer(pair->server, &records);
    assert_receives(pair->server, "one");
    assert_int_equal(records.length, RECORD_OVERHEAD_BYTES + 3);
    assert_receives(pair->server, "two");
    assert_int_equal(records.length, 0);
}

static void while_records_are_offered_the_socket_is_not_asked(void **state)
{
    struct pair *pair = *state;
    struct slice records = slice_of(NULL, 0);
    send_text(pair->client, "later");
    wait_for_bytes(pair->fds[1]);

    tls_socket_offer(pair->server, &records);
    assert_has_none_yet(pair->server);
    tls_socket_offer(pair->server, NULL);
    assert_receives(pair->server, "later");
}

static void the_part_of_a_record_is_kept_until_the_rest_comes(void **state)
{
    struct pair *pair = *state;
    enum { WHOLE = RECORD_OVERHEAD_BYTES + 5 };
    char sealed[1024];
    for (size_t cut = 1; cut < WHOLE; cut++) {
        send_text(pair->client, "parts");
        struct slice whole = take_sealed(pair, sealed, sizeof(sealed), WHOLE);
        struct slice part = slice_of(whole.at, cut);
        struct slice rest = slice_of(whole.at + cut, whole.length - cut);

        tls_socket_offer(pair->server, &part);
        assert_has_none_yet(pair->server);
        assert_int_equal(part.length, 0);
        tls_socket_offer(pair->server, &rest);
        assert_receives(pair->server, "parts");
        tls_socket_offer(pair->server, NULL);
    }
}

static void an_end_that_is_not_announced_is_a_reset(void **state)
{
    struct pair *pair = *state;
    char byte;
    assert_int_equal(shutdown(pair->fds[0], SHUT_WR), 0);
    wait_for_bytes(pair->fds[1]);
    assert_int_equal(tls_receive(pair->server, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void an_end_that_is_announced_is_one(void **state)
{
    struct pair *pair = *state;
    char byte;
    assert_true(byte_stream_finish_sending(pair->fds[0], pair->client));
    wait_for_bytes(pair->fds[1]);
    assert_int_equal(tls_receive(pair->server, &byte, 1), 0);
}

/* --- sending --------------------------------------------------------------------------------- */

static unsigned segments_sent(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_data_segs_out;
}

/* Two records and a part of one. The kernel waits 200 ms at most. */
static void records_that_follow_each_other_leave_together(void **state)
{
    struct pair *pair = *state;
    enum { BYTES = 2 * TLS_RECORD_BYTES + 100, ATTEMPTS = 20 };
    static char zeros[BYTES];
    unsigned least = 3;
    int on = 1;
    assert_int_equal(setsockopt(pair->fds[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);

    for (int i = 0; i < ATTEMPTS && least > 1; i++) {
        unsigned before = segments_sent(pair->fds[1]);
        for (size_t sent = 0; sent < BYTES;) {
            const struct iovec rest = {zeros + sent, BYTES - sent};
            ssize_t result = tls_send(pair->server, &rest, 1);
            assert_true(result > 0);
            sent += (size_t)result;
        }
        unsigned segments = segments_sent(pair->fds[1]) - before;
        least = segments < least ? segments : least;
        static char received[TLS_RECORD_BYTES];
        for (size_t length = 0; length < BYTES;) {
            ssize_t result = tls_receive(pair->client, received, sizeof(received));
            assert_true(result > 0 || errno == EAGAIN);
            length += result > 0 ? (size_t)result : 0;
        }
    }
    assert_int_equal(least, 1);
}

static void who_does_not_take_it_is_known_to_be_full(void **state)
{
    struct pair *pair = *state;
    static char zeros[TLS_RECORD_BYTES];
    const struct iovec all = {zeros, sizeof(zeros)};
    ssize_t sent;
    do
        sent = tls_send(pair->server, &all, 1);
    while (sent > 0);
    assert_int_equal(sent, -1);
    assert_int_equal(errno, EAGAIN);
}

/* Who asks for new keys (RFC 8446 section 4.6.3) is answered with the next record that is sent, so
 * that what was received is read even when nothing can be. */
static void what_was_received_is_read_though_nothing_can_be_sent(void **state)
{
    struct pair *pair = *state;
    char sealed[1024];
    who_does_not_take_it_is_known_to_be_full(state);
    assert_int_equal(SSL_key_update(pair->client, SSL_KEY_UPDATE_REQUESTED), 1);
    send_text(pair->client, "one");
    send_text(pair->client, "two");
    struct slice records = take_sealed(pair, sealed, sizeof(sealed),
                                       3 * RECORD_OVERHEAD_BYTES + KEY_UPDATE_BYTES + 3 + 3);

    tls_socket_offer(pair->server, &records);
    assert_receives(pair->server, "one");
    assert_receives(pair->server, "two");
    assert_int_equal(records.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
        TEST(records_that_were_received_at_once_are_read_one_by_one),
        TEST(while_records_are_offered_the_socket_is_not_asked),
        TEST(the_part_of_a_record_is_kept_until_the_rest_comes),
        TEST(an_end_that_is_not_announced_is_a_reset),
        TEST(an_end_that_is_announced_is_one),
        TEST(records_that_follow_each_other_leave_together),
        TEST(who_does_not_take_it_is_known_to_be_full),
        TEST(what_was_received_is_read_though_nothing_can_be_sent),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
