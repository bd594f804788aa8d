#include "control/routectl/session.h"

#include "control/routectl/refusal.h"
#include "control/routectl/say.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A daemon that is restarted is back within a second. */
enum { RECONNECT_MS = 3000, RECONNECT_PAUSE_MS = 20 };

struct session_options session_options = {
    .socket = "/run/pointsman/control.sock",
    .output = "table",
    .timeout_ms = 10000,
};

const struct option session_option_table[] = {
    {"socket", OPTION_STRING, &session_options.socket, "PATH",
     "The control daemon's socket; also POINTSMAN_SOCKET in the environment."},
    {"o", OPTION_STRING, &session_options.output, "FORMAT",
     "How to show results: table, wide, json or yaml."},
    {"output", OPTION_STRING, &session_options.output, "FORMAT", "The same."},
    {"wait-timeout", OPTION_DURATION, &session_options.timeout_ms, "DURATION",
     "How long to wait for an answer, and for proxies to apply a change."},
    {"timeout", OPTION_DURATION, &session_options.timeout_ms, "DURATION",
     "The same; in 'add' it is the route's request timeout."},
    {"no-wait", OPTION_FLAG, &session_options.no_wait, NULL,
     "Return as soon as a change is committed."},
    {"wait", OPTION_FLAG, &session_options.wait, NULL,
     "Return when a change is live on every proxy, as is done anyway."},
    {"help", OPTION_FLAG, &session_options.help, NULL, "Print help and exit."},
    {"version", OPTION_FLAG, &session_options.version, NULL, "Print the version and exit."},
    {0},
};

bool session_init(struct session *session, struct error *err)
{
    *session = (struct session){0};
    session->output = output_find(session_options.output, err);
    if (session->output == NULL)
        return false;
    if (session_options.wait && session_options.no_wait)
        return error_set(err, ERROR_INVALID, "--wait and --no-wait exclude each other");

    const char *no_colour = getenv("NO_COLOR");
    session->sink = (struct output_sink){
        .to = stdout,
        .has_colour = isatty(STDOUT_FILENO) && (no_colour == NULL || *no_colour == '\0'),
        .is_wide = session->output->is_wide,
    };
    return true;
}

void session_clear(struct session *session)
{
    grpc_client_free(session->client);
    session->client = NULL;
}

static bool connect_once(struct session *session, enum exit_code *code)
{
    if (session->client != NULL)
        return true;

    struct error err = {0};
    session->client = grpc_client_connect(session_options.socket, &err);
    if (session->client != NULL)
        return session->has_connected = true;
    say("%s; is pointsman-control running? (--socket or POINTSMAN_SOCKET names its socket)",
        err.message);
    *code = EXIT_UNREACHABLE;
    return false;
}

bool session_reconnect(struct session *session)
{
    const struct timespec pause = {.tv_nsec = RECONNECT_PAUSE_MS * 1000000L};
    grpc_client_free(session->client);
    session->client = NULL;
    for (uint64_t waited_ms = 0; session->client == NULL && waited_ms < RECONNECT_MS &&
                                 waited_ms < session_options.timeout_ms;
         waited_ms += RECONNECT_PAUSE_MS) {
        nanosleep(&pause, NULL);
        session->client = grpc_client_connect(session_options.socket, NULL);
    }
    return session->client != NULL;
}

/* NULL with *code set when there is no answer; why is in `result`, or said when nobody listens. */
static ProtobufCMessage *call(struct session *session, const char *path,
                              const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                              struct grpc_result *result, enum exit_code *code)
{
    if (!connect_once(session, code))
        return NULL;
    ProtobufCMessage *answer =
        grpc_client_call(session->client, path, request, response, timeout_ms, result);
    bool is_broken = result->status == GRPC_UNAVAILABLE && grpc_client_is_lost(session->client);
    if (is_broken && session_reconnect(session)) {
        grpc_result_clear(result);
        answer = grpc_client_call(session->client, path, request, response, timeout_ms, result);
    }
    if (answer == NULL)
        *code = refusal_exit_code_of(result);
    return answer;
}

ProtobufCMessage *session_call(struct session *session, const char *path,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                               const struct draft *draft, enum exit_code *code)
{
    struct grpc_result result = {0};
    ProtobufCMessage *answer = call(session, path, request, response, timeout_ms, &result, code);
    if (result.status != GRPC_OK)
        refusal_tell(&result, draft);
    grpc_result_clear(&result);
    return answer;
}

bool session_stream(struct session *session, const char *path, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *response,
                    bool (*on_message)(void *context, const ProtobufCMessage *message),
                    void *context, struct grpc_result *result)
{
    enum exit_code code;
    *result = (struct grpc_result){0};
    return connect_once(session, &code) &&
           grpc_client_call_stream(session->client, path, request, response, on_message, context,
                                   result);
}

ProtobufCMessage *session_find(struct session *session, const char *path,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *response, enum exit_code *code)
{
    struct grpc_result result = {0};
    *code = EXIT_OK;
    ProtobufCMessage *answer =
        call(session, path, request, response, session_options.timeout_ms, &result, code);
    if (result.status == GRPC_NOT_FOUND)
        *code = EXIT_OK;
    else if (result.status != GRPC_OK)
        refusal_tell(&result, NULL);
    grpc_result_clear(&result);
    return answer;
}
