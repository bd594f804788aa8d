#include "tests/support/load.h"

#include "common/buffer.h"
#include "common/mutex.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"

#include <pthread.h>
#include <stdlib.h>

struct client {
    /* immutable */
    struct load *load;
    pthread_t thread;
    /* its own thread */
    struct http_connection *connection; /* NULL: to be opened */
    bool was_refused;
};

struct load {
    /* immutable */
    int port;
    char *request;
    size_t client_count;
    struct client *clients;
    /* guarded by mutex */
    struct mutex mutex;
    struct load_tally tally;
    size_t refused_clients; /* how many were refused at least once */
    bool is_stopping;
};

/* --- one connection ------------------------------------------------------------------------- */

static bool is_stopping(struct load *load)
{
    mutex_lock(&load->mutex);
    bool is_stopping = load->is_stopping;
    mutex_unlock(&load->mutex);
    return is_stopping;
}

static void count_outcome(struct load *load, enum http_outcome outcome,
                          const struct http_message *response)
{
    bool has_begun = response->state != HTTP_MESSAGE_HEAD;

    mutex_lock(&load->mutex);
    if (outcome == HTTP_CLOSED || (outcome == HTTP_RESET && !has_begun)) {
        load->tally.unanswered++;
    } else if (outcome != HTTP_COMPLETE) {
        load->tally.broken++;
    } else if (response->status != 200) {
        load->tally.failed++;
        load->tally.last_status = response->status;
    } else {
        load->tally.answered++;
    }
    mutex_unlock(&load->mutex);
}

/* Whether the connection carries another request. */
static bool is_kept_alive(const struct http_message *response)
{
    char *connection = http_message_field(response, "connection");
    bool is_kept = connection == NULL || strcmp(connection, "close") != 0;
    free(connection);
    return is_kept && !response->is_until_close;
}

static bool ask(struct load *load, struct http_connection *connection)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    http_connection_send_text(connection, load->request);
    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    count_outcome(load, outcome, &response);
    bool is_kept = outcome == HTTP_COMPLETE && is_kept_alive(&response);
    http_message_clear(&response);
    return is_kept;
}

static void count_refused(struct client *client)
{
    struct load *load = client->load;
    mutex_lock(&load->mutex);
    load->tally.refused++;
    load->refused_clients += client->was_refused ? 0 : 1;
    mutex_unlock(&load->mutex);
    client->was_refused = true;
}

static bool has_connection_or_stops(void *context)
{
    struct client *client = context;
    if (is_stopping(client->load))
        return true;
    client->connection = http_connection_open(client->load->port);
    if (client->connection == NULL)
        count_refused(client);
    return client->connection != NULL;
}

static void *run_client(void *context)
{
    struct client *client = context;

    while (!is_stopping(client->load)) {
        if (client->connection == NULL)
            wait_until(has_connection_or_stops, client, WAIT_MS);
        if (client->connection != NULL && !ask(client->load, client->connection)) {
            http_connection_close(client->connection);
            client->connection = NULL;
        }
    }
    http_connection_close(client->connection);
    return NULL;
}

/* --- start and stop ------------------------------------------------------------------------- */

static char *build_request(const char *host, const char *path)
{
    struct buffer request = BUFFER_EMPTY;
    buffer_printf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    char *copy = memory_duplicate_string(buffer_string(&request));
    buffer_clear(&request);
    return copy;
}

struct load *load_start(int port, const char *host, const char *path, size_t connections)
{
    struct load *load = memory_allocate_zeroed(1, sizeof(*load));
    load->port = port;
    load->request = build_request(host, path);
    load->client_count = connections;
    load->clients = memory_allocate_zeroed(connections, sizeof(*load->clients));
    mutex_init(&load->mutex);

    for (size_t i = 0; i < connections; i++) {
        struct client *client = &load->clients[i];
        client->load = load;
        int failed = pthread_create(&client->thread, NULL, run_client, client);
        CHECK(failed == 0, "no thread");
    }
    return load;
}

struct load_tally load_stop(struct load *load)
{
    mutex_lock(&load->mutex);
    load->is_stopping = true;
    mutex_unlock(&load->mutex);
    for (size_t i = 0; i < load->client_count; i++)
        pthread_join(load->clients[i].thread, NULL);

    struct load_tally tally = load->tally;
    mutex_clear(&load->mutex);
    free(load->request);
    free(load->clients);
    free(load);
    return tally;
}

struct load_tally load_tally(struct load *load)
{
    mutex_lock(&load->mutex);
    struct load_tally tally = load->tally;
    mutex_unlock(&load->mutex);
    return tally;
}

/* --- waiting -------------------------------------------------------------------------------- */

struct goal {
    struct load *load;
    size_t answered;
};

static bool is_answered(void *context)
{
    const struct goal *goal = context;
    return load_tally(goal->load).answered >= goal->answered;
}

void load_wait_answered(struct load *load, size_t count)
{
    struct goal goal = {.load = load, .answered = count};
    CHECK(wait_until(is_answered, &goal, WAIT_MS), "only %zu of %zu requests were answered",
          load_tally(load).answered, count);
}

void load_wait_more_answered(struct load *load, size_t count)
{
    load_wait_answered(load, load_tally(load).answered + count);
}

static bool is_refused_everywhere(void *context)
{
    struct load *load = context;
    mutex_lock(&load->mutex);
    bool is_refused = load->refused_clients == load->client_count;
    mutex_unlock(&load->mutex);
    return is_refused;
}

void load_wait_refused(struct load *load)
{
    CHECK(wait_until(is_refused_everywhere, load, WAIT_MS), "connections are still taken");
}
