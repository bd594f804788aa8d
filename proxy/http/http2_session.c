#include "proxy/http/http2_session.h"

#include "proxy/http/byte_stream.h"
#include "proxy/http/tls_socket.h"
#include "proxy/http/worker.h"

#include <errno.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

/* What nghttp2 makes at once, with a frame's head in front (RFC 9113 section 4.2). */
enum { PIECE_MAX_BYTES = 16 * 1024 + 9 };

/* Frames that wait in nghttp2, most of them answers to what the peer sends. */
enum { QUEUED_FRAMES_MAX = 2000, QUEUED_ACKS_MAX = 1000 };

/* Streams that a client has reset, at once and then each second (CVE-2023-44487). */
enum { RESET_BURST = 200, RESETS_A_SECOND = 20 };

/* CONTINUATION frames behind a HEADERS frame: enough for more than any head we take. */
enum { CONTINUATIONS_MAX = 8 };

/* --- what has to be sent --------------------------------------------------------------------- */

void http2_session_mark(struct http2_session *session)
{
    struct http2_dirty_list *list = &session->worker->http2_dirty;
    if (session->is_dirty)
        return;
    session->is_dirty = true;
    session->previous_dirty = NULL;
    session->next_dirty = list->first;
    if (list->first != NULL)
        list->first->previous_dirty = session;
    list->first = session;
}

static void unmark(struct http2_session *session)
{
    if (!session->is_dirty)
        return;
    session->is_dirty = false;
    if (session->previous_dirty != NULL)
        session->previous_dirty->next_dirty = session->next_dirty;
    else
        session->worker->http2_dirty.first = session->next_dirty;
    if (session->next_dirty != NULL)
        session->next_dirty->previous_dirty = session->previous_dirty;
}

/* --- opening and closing --------------------------------------------------------------------- */

/* nghttp2 passes over frames of types it does not know without a word, unless they are to be
 * unpacked. */
static void report_unknown_frames(nghttp2_option *option)
{
    enum { FIRST_EXTENSION = 0x0a, LAST_EXTENSION = 0xff };
    for (unsigned type = FIRST_EXTENSION; type <= LAST_EXTENSION; type++)
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
}

static nghttp2_session *make_native(struct http2_session *session)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *native;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort(); /* as whenever memory runs out */

    http2_receive_set_callbacks(callbacks);
    http2_stream_set_callbacks(callbacks);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, QUEUED_ACKS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESETS_A_SECOND);
    nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
    /* Streams that are closed are forgotten at once. */
    nghttp2_option_set_no_closed_streams(option, 1);
    report_unknown_frames(option);
    nghttp2_mem memory = {
        .mem_user_data = &session->worker->memory_pool,
        .malloc = memory_pool_allocate,
        .free = memory_pool_free,
        .calloc = memory_pool_allocate_zeroed,
        .realloc = memory_pool_reallocate,
    };
    int result = session->role == HTTP2_SERVER
                     ? nghttp2_session_server_new3(&native, callbacks, session, option, &memory)
                     : nghttp2_session_client_new3(&native, callbacks, session, option, &memory);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (result != 0)
        abort();
    return native;
}

static void submit_settings(struct http2_session *session)
{
    const nghttp2_settings_entry server[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_HEAD_BYTES_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    const nghttp2_settings_entry client[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_RESPONSE_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_RESPONSE_HEAD_BYTES_MAX},
    };
    if (session->role == HTTP2_SERVER)
        nghttp2_submit_settings(session->native, NGHTTP2_FLAG_NONE, server, 3);
    else
        nghttp2_submit_settings(session->native, NGHTTP2_FLAG_NONE, client, 3);
    nghttp2_session_set_local_window_size(session->native, NGHTTP2_FLAG_NONE, 0,
                                          HTTP2_CONNECTION_WINDOW_BYTES);
}

void http2_session_open(struct http2_session *session, enum http2_role role, struct worker *worker,
                        h2o_socket_t *socket, SSL *ssl, const struct http2_session_events *events,
                        struct counter *bytes_in, struct counter *bytes_out)
{
    *session = (struct http2_session){
        .worker = worker,
        .role = role,
        .socket = socket,
        .ssl = ssl,
        .events = events,
        .bytes_in = bytes_in,
        .bytes_out = bytes_out,
    };
    http2_flood_init(&session->flood, timers_now_ms(&worker->timers));
    http2_frame_walk_start(&session->walk, role == HTTP2_SERVER);
    session->native = make_native(session);
    submit_settings(session);
    http2_session_mark(session);
}

/* nghttp2 does not tell of the streams it deletes. */
void http2_session_close(struct http2_session *session)
{
    session->is_ended = true;
    while (session->streams != NULL)
        http2_stream_end(session->streams, HTTP2_CANCEL);
    nghttp2_session_del(session->native);
    session->native = NULL;
    output_queue_clear(&session->output, &session->worker->read_buffers);
    worker_trim_later(session->worker);
    unmark(session);
}

/* --- ending ---------------------------------------------------------------------------------- */

void http2_session_condemn(struct http2_session *session, enum http2_error error)
{
    nghttp2_session_terminate_session(session->native, error);
    http2_session_mark(session);
}

void http2_session_shut_down(struct http2_session *session)
{
    if (session->is_shutting_down)
        return;
    session->is_shutting_down = true;
    nghttp2_submit_shutdown_notice(session->native);
    http2_session_mark(session);
}

void http2_session_refuse_new(struct http2_session *session)
{
    if (session->is_refusing)
        return;
    session->is_refusing = true;
    nghttp2_submit_goaway(session->native, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session->native),
                          NGHTTP2_NO_ERROR, NULL, 0);
    http2_session_mark(session);
}

size_t http2_session_allowance(const struct http2_session *session)
{
    return nghttp2_session_get_remote_settings(session->native,
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool http2_session_takes_connect(const struct http2_session *session)
{
    return nghttp2_session_get_remote_settings(session->native,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

size_t http2_session_room(const struct http2_session *session)
{
    if (session->is_ended || session->has_peer_goaway ||
        nghttp2_session_check_request_allowed(session->native) == 0)
        return 0;
    size_t most = http2_session_allowance(session);
    return session->stream_count < most ? most - session->stream_count : 0;
}

/* --- receiving ------------------------------------------------------------------------------- */

static void break_off(struct http2_session *session)
{
    session->is_broken = true;
    session->is_ended = true;
}

static void take_in(struct http2_session *session, struct slice bytes)
{
    if (session->is_ended) /* by what stood in front of them */
        return;
    ssize_t used = http2_receive_take_in(session, bytes);
    http2_session_mark(session);
    if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        break_off(session); /* it speaks something else: nothing it would understand */
    else if (used < 0 ||
             nghttp2_session_get_outbound_queue_size(session->native) > QUEUED_FRAMES_MAX)
        http2_session_condemn(session, HTTP2_ENHANCE_YOUR_CALM);
}

static void check_end(struct http2_session *session)
{
    if (!session->is_ended)
        return;
    unmark(session);
    session->events->on_over(session);
}

void http2_session_feed(struct http2_session *session, struct slice bytes)
{
    take_in(session, bytes);
    check_end(session);
}

/* Returns whether anything came. */
static bool receive_some(struct http2_session *session, size_t room)
{
    char *at = session->worker->scratch;
    ssize_t received =
        byte_stream_receive(h2o_socket_get_fd(session->socket), session->ssl, at, room);
    if (received < 0 && errno == EAGAIN)
        return false;
    if (received <= 0) {
        break_off(session);
        return false;
    }
    session->has_received = true;
    counter_add(session->bytes_in, (uint64_t)received);
    take_in(session, slice_of(at, (size_t)received));
    return true;
}

/* All that the socket holds, in one call: OpenSSL would make two for each record. */
static void receive_records(struct http2_session *session)
{
    char *at = session->worker->scratch + TLS_RECORD_BYTES;
    ssize_t received = byte_stream_receive(h2o_socket_get_fd(session->socket), NULL, at,
                                           WORKER_SCRATCH_BYTES - TLS_RECORD_BYTES);
    if (received < 0 && errno == EAGAIN)
        return;
    struct slice records = slice_of(at, received < 0 ? 0 : (size_t)received);
    tls_socket_offer(session->ssl, &records);
    while (records.length > 0 && receive_some(session, TLS_RECORD_BYTES))
        ;
    tls_socket_offer(session->ssl, NULL);
    if (received <= 0 || records.length > 0)
        break_off(session);
}

void http2_session_receive(struct http2_session *session)
{
    if (session->ssl != NULL)
        receive_records(session);
    else
        receive_some(session, WORKER_SCRATCH_BYTES);
    check_end(session);
}

/* --- sending --------------------------------------------------------------------------------- */

/* DATA frames are appended by http2_stream.c, without a copy in between. */
static void fill_output(struct http2_session *session)
{
    struct output_queue *output = &session->output;
    while (output->length + PIECE_MAX_BYTES <= LARGE_READ_BUFFER_BYTES) {
        size_t before = output->length;
        const uint8_t *piece;
        ssize_t length = nghttp2_session_mem_send(session->native, &piece);
        if (length < 0)
            break_off(session);
        if (length > 0)
            output_queue_append(output, &session->worker->read_buffers,
                                slice_of((const char *)piece, (size_t)length));
        if (output->length == before)
            return;
    }
}

/* Sends until there is nothing more, or the socket is full. Returns whether it is. */
static bool send_all(struct http2_session *session)
{
    for (;;) {
        fill_output(session);
        if (session->output.length == 0)
            return false;
        struct iovec vector[OUTPUT_PIECES_MAX];
        int count = output_queue_vector(&session->output, vector);
        ssize_t sent =
            byte_stream_send(h2o_socket_get_fd(session->socket), session->ssl, vector, count);
        if (sent < 0 && errno == EAGAIN)
            return true;
        if (sent < 0) {
            break_off(session);
            return false;
        }
        counter_add(session->bytes_out, (uint64_t)sent);
        output_queue_consume(&session->output, &session->worker->read_buffers, (size_t)sent);
    }
}

static void flush(struct http2_session *session)
{
    if (h2o_socket_is_writing(session->socket))
        return;
    bool is_blocked = send_all(session);
    if (is_blocked)
        h2o_socket_notify_write(session->socket, session->events->on_writable);
    if (!is_blocked && nghttp2_session_want_read(session->native) == 0 &&
        nghttp2_session_want_write(session->native) == 0)
        session->is_ended = true;
    if (session->is_ended)
        check_end(session);
    else
        session->events->on_sent(session, is_blocked);
}

void http2_session_make(struct http2_session *session)
{
    if (session->is_ended || h2o_socket_is_writing(session->socket))
        return;
    fill_output(session);
    if (session->stream_count > 0)
        return;
    unmark(session);
    flush(session);
}

bool http2_sessions_flush(struct worker *worker)
{
    struct http2_session *session = worker->http2_dirty.first;
    if (session == NULL)
        return false;
    for (; session != NULL; session = worker->http2_dirty.first) {
        unmark(session);
        flush(session);
    }
    return true;
}
