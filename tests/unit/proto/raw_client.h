/* A bare HTTP/2 client against a server's grpc_core, both in memory: any headers, any bytes, and a
 * record of the frames that come back. */
#ifndef TESTS_UNIT_PROTO_RAW_CLIENT_H
#define TESTS_UNIT_PROTO_RAW_CLIENT_H

#include "proto/grpc_core.h"

/* Ended by a NULL name. */
struct raw_header {
    const char *name;
    const char *value;
};

struct raw_client;

/* `handlers` are those of the server under test. */
struct raw_client *raw_client_new(const struct grpc_core_handlers *handlers);
void raw_client_free(struct raw_client *client);

/* Starts a request and returns its stream. With `ends`, nothing follows the head. */
int raw_client_request(struct raw_client *client, const struct raw_header *headers, bool ends);
/* Sends DATA on it as it stands. */
void raw_client_data(struct raw_client *client, int stream, struct slice bytes, bool ends);
void raw_client_reset(struct raw_client *client, int stream);
void raw_client_ping(struct raw_client *client);
/* Bytes past the session, straight to the server. False when the server gave up. */
bool raw_client_bytes(struct raw_client *client, struct slice bytes);

/* Moves bytes both ways until nothing moves. False when the server gave up. With `reads` false the
 * server is fed and asked for bytes, but none of them reach the client. */
bool raw_client_run(struct raw_client *client, bool reads);

/* What came back on a stream, in order, e.g. "HEADERS(:status=200 grpc-status=12) END RST(0)".
 * "" when nothing did. Borrowed until the next call. */
const char *raw_client_story(struct raw_client *client, int stream);
/* The same for the connection: "SETTINGS(3=100 6=16384) GOAWAY(11)". */
const char *raw_client_connection_story(struct raw_client *client);

/* Bytes that the server gave, in all. */
size_t raw_client_received(const struct raw_client *client);

struct grpc_core *raw_client_server(struct raw_client *client);

#endif
