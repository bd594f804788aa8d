#include "proxy/http/probe_http2.h"

#include "proxy/upstream/grpc_check.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

/* No answer that matters is longer. */
enum { ANSWER_BYTES_MAX = 256 * 1024, GRPC_STATUS_BYTES = 16 };

struct probe_http2 {
    nghttp2_session *session;
    size_t received_bytes;
    unsigned head_status; /* of the head that is being read */
    unsigned status;      /* of a final one; 0: there is none */
    bool is_closed;

    /* Of a call. */
    bool is_call;
    struct buffer request; /* what is still to be sent of it */
    struct buffer body;
    char grpc_status[GRPC_STATUS_BYTES];
    size_t grpc_status_length;
};

static void take_grpc_status(struct probe_http2 *probe, struct slice value)
{
    if (value.length > GRPC_STATUS_BYTES)
        value.length = GRPC_STATUS_BYTES;
    memcpy(probe->grpc_status, value.at, value.length);
    probe->grpc_status_length = value.length;
}

/* nghttp2 has checked that it is three digits. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context)
{
    (void)session;
    (void)frame;
    (void)flags;
    struct probe_http2 *probe = context;
    struct slice field = slice_of((const char *)name, name_length);
    if (slice_equals(field, SLICE(":status")) && value_length == 3)
        probe->head_status =
            (unsigned)((value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0'));
    else if (slice_equals(field, SLICE("grpc-status")))
        take_grpc_status(probe, slice_of((const char *)value, value_length));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t length, void *context)
{
    (void)session;
    (void)flags;
    (void)stream;
    struct probe_http2 *probe = context;
    size_t room = GRPC_CHECK_ANSWER_BYTES_MAX + 1 - probe->body.length;
    buffer_append(&probe->body, bytes, length < room ? length : room);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)session;
    struct probe_http2 *probe = context;
    if (frame->hd.type == NGHTTP2_HEADERS && probe->status == 0 && probe->head_status >= 200)
        probe->status = probe->head_status;
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *context)
{
    (void)session;
    (void)stream;
    (void)error;
    struct probe_http2 *probe = context;
    probe->is_closed = true;
    return 0;
}

static nghttp2_nv field(const char *name, struct slice value)
{
    struct slice text = slice_from_string(name);
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)text.at,
        .namelen = text.length,
        .value = (uint8_t *)(uintptr_t)value.at,
        .valuelen = value.length,
    };
}

static bool put_output(struct probe_http2 *probe, struct buffer *output)
{
    const uint8_t *bytes;
    ssize_t length;
    while ((length = nghttp2_session_mem_send(probe->session, &bytes)) > 0)
        buffer_append(output, bytes, (size_t)length);
    return length == 0;
}

static ssize_t on_body_wanted(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)stream;
    (void)context;
    struct buffer *request = source->ptr;
    size_t length = request->length < room ? request->length : room;
    memcpy(to, request->at, length);
    buffer_consume(request, length);
    if (request->length == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)length;
}

static struct probe_http2 *new_session(void)
{
    struct probe_http2 *probe = memory_allocate_zeroed(1, sizeof(*probe));
    const nghttp2_settings_entry no_push = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort(); /* as whenever memory runs out */
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    if (nghttp2_session_client_new(&probe->session, callbacks, probe) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(probe->session, NGHTTP2_FLAG_NONE, &no_push, 1);
    return probe;
}

struct probe_http2 *probe_http2_new(struct slice path, struct slice authority, bool is_secured,
                                    struct buffer *output)
{
    struct probe_http2 *probe = new_session();
    const nghttp2_nv fields[] = {
        field(":method", SLICE("GET")),
        field(":scheme", is_secured ? SLICE("https") : SLICE("http")),
        field(":authority", authority),
        field(":path", path),
        field("user-agent", SLICE("pointsman-health-check")),
    };
    nghttp2_submit_request(probe->session, NULL, fields, sizeof(fields) / sizeof(fields[0]), NULL,
                           NULL);
    put_output(probe, output);
    return probe;
}

struct probe_http2 *probe_http2_new_call(struct slice path, struct slice authority, bool is_secured,
                                         struct slice body, struct buffer *output)
{
    struct probe_http2 *probe = new_session();
    const nghttp2_nv fields[] = {
        field(":method", SLICE("POST")),
        field(":scheme", is_secured ? SLICE("https") : SLICE("http")),
        field(":authority", authority),
        field(":path", path),
        field("te", SLICE("trailers")),
        field("content-type", SLICE("application/grpc")),
        field("user-agent", SLICE("pointsman-health-check")),
    };
    const nghttp2_data_provider provider = {
        .source.ptr = &probe->request,
        .read_callback = on_body_wanted,
    };
    probe->is_call = true;
    buffer_append_slice(&probe->request, body);
    nghttp2_submit_request(probe->session, NULL, fields, sizeof(fields) / sizeof(fields[0]),
                           &provider, NULL);
    put_output(probe, output);
    return probe;
}

void probe_http2_free(struct probe_http2 *probe)
{
    if (probe == NULL)
        return;
    nghttp2_session_del(probe->session);
    buffer_clear(&probe->request);
    buffer_clear(&probe->body);
    free(probe);
}

/* What a call came to is told behind its messages. */
static bool is_answered(const struct probe_http2 *probe)
{
    return probe->status != 0 && (!probe->is_call || probe->status != 200 || probe->is_closed);
}

enum probe_answer probe_http2_take(struct probe_http2 *probe, struct slice bytes,
                                   struct buffer *output)
{
    probe->received_bytes += bytes.length;
    ssize_t used =
        nghttp2_session_mem_recv(probe->session, (const uint8_t *)bytes.at, bytes.length);
    bool is_put = put_output(probe, output); /* a stream that is reset ends with that */
    if (is_answered(probe))
        return PROBE_ANSWER_STATUS;
    if (used < 0 || probe->is_closed || probe->received_bytes > ANSWER_BYTES_MAX || !is_put ||
        nghttp2_session_want_read(probe->session) == 0)
        return PROBE_ANSWER_BROKEN;
    return PROBE_ANSWER_MORE;
}

unsigned probe_http2_status(const struct probe_http2 *probe)
{
    return probe->status;
}

struct slice probe_http2_grpc_status(const struct probe_http2 *probe)
{
    return slice_of(probe->grpc_status, probe->grpc_status_length);
}

struct slice probe_http2_body(const struct probe_http2 *probe)
{
    return buffer_slice(&probe->body);
}
