/* What the files of the fake upstream share: fake_upstream.c listens and knows what has come,
 * fake_connection.c is one connection. */
#ifndef TESTS_SUPPORT_FAKE_CONNECTION_H
#define TESTS_SUPPORT_FAKE_CONNECTION_H

#include "common/buffer.h"
#include "common/mutex.h"
#include "tests/support/fake_upstream.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

/* A load may send more requests than that, however many a machine makes in its time: those are
 * answered, and not recorded. */
enum { REQUESTS_MAX = 100000, SCRIPTS_MAX = 2048 };

struct fake_connection {
    /* immutable */
    struct fake_upstream *upstream;
    const struct fake_step *script; /* NULL: serves */
    pthread_t thread;
    struct fake_connection *next;
    /* its own thread */
    struct buffer input;
    struct http_message request;
    SSL *ssl; /* NULL: clear */
    /* guarded by the upstream's mutex */
    int fd; /* -1: closed */
};

struct fake_upstream {
    /* immutable */
    char *name;
    struct sockaddr_storage address;
    socklen_t address_length;
    int port;
    char url[64];
    SSL_CTX *tls;  /* NULL: clear */
    int keeper_fd; /* bound and not listening: keeps the port while we refuse */
    /* the story's thread */
    int listen_fd; /* -1: refuses */
    pthread_t acceptor;
    /* guarded by mutex */
    struct mutex mutex;
    pthread_cond_t changed;
    struct fake_connection *connections;
    size_t connection_count;
    struct http_message **requests;
    size_t request_count;
    const struct fake_step *scripts[SCRIPTS_MAX];
    size_t script_count;
    size_t next_script;
    char *answer; /* NULL: the default */
    bool is_released;
    size_t resumed_count;
    char server_name[256];
};

/* A thread of its own: follows the script, then closes. */
void *fake_connection_run(void *connection);

/* Waits for that thread. */
void fake_connection_free(struct fake_connection *connection);

#endif
