#include "control/routectl/command.h"
#include "control/routectl/session.h"

/* --- status --------------------------------------------------------------------------------- */

static enum exit_code run_status(struct session *session, const struct option_list *operands)
{
    (void)operands;
    Pointsman__V1__GetInfoRequest info_request = POINTSMAN__V1__GET_INFO_REQUEST__INIT;
    Pointsman__V1__ListProxiesRequest list_request = POINTSMAN__V1__LIST_PROXIES_REQUEST__INIT;
    enum exit_code code = EXIT_OK;

    ProtobufCMessage *info = session_call(
        session, "/pointsman.v1.RouteControl/GetInfo", &info_request.base,
        &pointsman__v1__get_info_response__descriptor, session_options.timeout_ms, NULL, &code);
    if (info == NULL)
        return code;
    ProtobufCMessage *proxies = session_call(
        session, "/pointsman.v1.RouteControl/ListProxies", &list_request.base,
        &pointsman__v1__list_proxies_response__descriptor, session_options.timeout_ms, NULL, &code);
    if (proxies != NULL)
        session->output->show_status(&session->sink, (const Pointsman__V1__GetInfoResponse *)info,
                                     (const Pointsman__V1__ListProxiesResponse *)proxies);
    message_free(proxies);
    message_free(info);
    return code;
}

const struct command command_status = {
    .name = "status",
    .kind = COMMAND_STATE,
    .operands = "",
    .summary = "Show the daemon and every proxy: who is behind, and why",
    .details =
        "BEHIND is how many revisions a proxy lacks, LAG for how long it has lacked the first of\n"
        "them. DIGEST says whether it holds exactly what the daemon sent, SINCE how long it has\n"
        "been connected, LAST REJECTION why it refused an update. -o wide shows more columns.\n"
        "Endpoints that get no requests are listed below: ejected because requests failed there, "
        "or\n"
        "unhealthy by their check, as each proxy said in its last sign of life.",
    .example = "  routectl status\n"
               "  routectl status -o json | jq '.proxies[] | {id, revision, connected}'",
    .run = run_status,
};

/* --- health --------------------------------------------------------------------------------- */

static enum exit_code run_health(struct session *session, const struct option_list *operands)
{
    (void)operands;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    enum exit_code code = EXIT_OK;
    Grpc__Health__V1__HealthCheckResponse *health =
        (Grpc__Health__V1__HealthCheckResponse *)session_call(
            session, "/grpc.health.v1.Health/Check", &request.base,
            &grpc__health__v1__health_check_response__descriptor, session_options.timeout_ms, NULL,
            &code);
    if (health == NULL)
        return code;

    session->output->show(&session->sink, &health->base);
    if (health->status != GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
        code = EXIT_FAILED;
    message_free(&health->base);
    return code;
}

const struct command command_health = {
    .name = "health",
    .kind = COMMAND_STATE,
    .operands = "",
    .summary = "Ask whether the daemon serves; exit 0 when it does",
    .details =
        "Calls grpc.health.v1.Health. Exit 1: it is there and does not serve. Exit 7: it is not\n"
        "there.",
    .example = "  routectl health --timeout 1s",
    .run = run_health,
};
