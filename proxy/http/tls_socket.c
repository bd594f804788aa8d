#include "proxy/http/tls_socket.h"

#include "common/buffer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls_socket {
    int fd;
    bool has_more;
    struct slice *offered;
};

/* --- what OpenSSL calls ---------------------------------------------------------------------- */

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EINTR;
}

static int take_offered(struct slice *offered, char *to, size_t room)
{
    size_t length = offered->length < room ? offered->length : room;
    memcpy(to, offered->at, length);
    *offered = slice_of(offered->at + length, offered->length - length);
    return (int)length;
}

static int on_read(BIO *bio, char *to, int room)
{
    const struct tls_socket *socket = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (socket->offered != NULL && socket->offered->length > 0)
        return take_offered(socket->offered, to, (size_t)room);
    if (socket->offered != NULL) {
        BIO_set_retry_read(bio);
        return -1;
    }
    int received = (int)recv(socket->fd, to, (size_t)room, 0);
    if (received < 0 && is_temporary(errno))
        BIO_set_retry_read(bio);
    if (received == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return received;
}

static int on_write(BIO *bio, const char *from, int length)
{
    const struct tls_socket *socket = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int flags = socket->has_more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    int sent = (int)send(socket->fd, from, (size_t)length, flags);
    if (sent < 0 && is_temporary(errno))
        BIO_set_retry_write(bio);
    return sent;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static int on_free(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

/* --- attaching ------------------------------------------------------------------------------- */

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* written once, then only read */

static void make_method(void)
{
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "TLS socket");
    if (method == NULL)
        return;
    BIO_meth_set_read(method, on_read);
    BIO_meth_set_write(method, on_write);
    BIO_meth_set_ctrl(method, on_control);
    BIO_meth_set_destroy(method, on_free);
}

bool tls_socket_attach(SSL *ssl, int fd)
{
    pthread_once(&method_once, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL)
        return false;
    struct tls_socket *socket = memory_allocate_zeroed(1, sizeof(*socket));
    socket->fd = fd;
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

/* --- what the caller says -------------------------------------------------------------------- */

void tls_socket_offer(SSL *ssl, struct slice *records)
{
    struct tls_socket *socket = BIO_get_data(SSL_get_rbio(ssl));
    socket->offered = records;
}

void tls_socket_set_more(SSL *ssl, bool has_more)
{
    struct tls_socket *socket = BIO_get_data(SSL_get_rbio(ssl));
    socket->has_more = has_more;
}
