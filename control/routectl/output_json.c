#include "control/routectl/json_writer.h"
#include "control/routectl/output.h"

static void print(const struct output_sink *sink, struct json_writer *writer)
{
    fwrite(writer->text.at, 1, writer->text.length, sink->to);
    json_writer_clear(writer);
}

static void show(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    /* What comes one after the other is a line each. */
    bool is_event = answer->descriptor == &pointsman__v1__watch_commits_response__descriptor;
    struct json_writer writer = {.is_compact = is_event};
    json_writer_message(&writer, NULL, answer);
    print(sink, &writer);
}

/* The ApplyResponse, with what came of waiting beside it. */
static void show_change(const struct output_sink *sink, const struct change_result *result)
{
    struct json_writer writer = {0};
    json_writer_begin_object(&writer, NULL);
    json_writer_message_fields(&writer, &result->response->base);
    json_writer_bool(&writer, "dryRun", result->is_dry_run);
    if (result->applied != NULL)
        json_writer_message(&writer, "proxies", &result->applied->base);
    json_writer_end_object(&writer);
    print(sink, &writer);
}

static void show_difference(const struct output_sink *sink, const struct difference *difference)
{
    show(sink, &difference->diff->base);
}

static void show_status(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info,
                        const Pointsman__V1__ListProxiesResponse *proxies)
{
    struct json_writer writer = {0};
    json_writer_begin_object(&writer, NULL);
    json_writer_message(&writer, "control", &info->base);
    json_writer_message_fields(&writer, &proxies->base);
    json_writer_end_object(&writer);
    print(sink, &writer);
}

const struct output output_json = {
    .name = "json",
    .show = show,
    .show_change = show_change,
    .show_difference = show_difference,
    .show_status = show_status,
};
