#include "tests/support/wire.h"

#include "proto/unix_socket.h"
#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

enum { FRAME_HEAD_BYTES = 9 };

struct attempt {
    const char *socket_path;
    int fd;
};

/* Not while too many others wait to be accepted. */
static bool can_connect(void *context)
{
    struct attempt *attempt = context;
    attempt->fd = unix_socket_connect(attempt->socket_path, NULL);
    return attempt->fd >= 0;
}

void wire_open(struct wire *wire, const char *socket_path)
{
    struct attempt attempt = {socket_path, -1};
    CHECK(wait_until(can_connect, &attempt, WAIT_MS), "cannot connect to %s", socket_path);
    *wire = (struct wire){.fd = attempt.fd, .grpc_status = -1};
    if (nghttp2_hd_inflate_new(&wire->inflater) != 0)
        abort();
}

void wire_close(struct wire *wire)
{
    close(wire->fd);
    nghttp2_hd_inflate_del(wire->inflater);
    buffer_clear(&wire->in);
}

void wire_send(const struct wire *wire, struct slice bytes)
{
    ssize_t sent = send(wire->fd, bytes.at, bytes.length, MSG_NOSIGNAL);
    CHECK(sent == (ssize_t)bytes.length, "sent %zd of %zu bytes", sent, bytes.length);
}

/* More of what comes. False at the end of the connection. */
static bool wire_receive(struct wire *wire)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    CHECK(poll(&ready, 1, (int)WAIT_MS) == 1, "the server says nothing and does not hang up");
    ssize_t got = recv(wire->fd, buffer_reserve(&wire->in, 65536), 65536, 0);
    if (got <= 0)
        return false;
    buffer_extend(&wire->in, (size_t)got);
    return true;
}

static void note_headers(struct wire *wire, struct slice block)
{
    int flags = 0;
    while (block.length > 0) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(wire->inflater, &field, &flags,
                                              (const uint8_t *)block.at, block.length, 1);
        CHECK(used >= 0, "headers that do not inflate");
        block = slice_of(block.at + used, block.length - (size_t)used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 &&
            slice_equals(slice_of((const char *)field.name, field.namelen), SLICE("grpc-status")))
            wire->grpc_status = atoi((const char *)field.value);
    }
    nghttp2_hd_inflate_end_headers(wire->inflater);
}

bool wire_next(struct wire *wire, struct frame *frame)
{
    for (;;) {
        const unsigned char *at = (const unsigned char *)wire->in.at;
        if (wire->in.length >= FRAME_HEAD_BYTES) {
            frame->length = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
            frame->type = at[3];
            frame->stream = (unsigned)at[7] << 8 | at[8];
            if (wire->in.length >= FRAME_HEAD_BYTES + frame->length) {
                if (frame->type == FRAME_HEADERS)
                    note_headers(wire, slice_of(wire->in.at + FRAME_HEAD_BYTES, frame->length));
                buffer_consume(&wire->in, FRAME_HEAD_BYTES + frame->length);
                return true;
            }
        }
        if (!wire_receive(wire))
            return false;
    }
}

bool wire_is_hung_up(struct wire *wire)
{
    struct frame frame;
    while (wire_next(wire, &frame))
        ;
    return true;
}

bool wire_expect(struct wire *wire, unsigned type, struct frame *frame)
{
    while (wire_next(wire, frame)) {
        if (frame->type == type)
            return true;
    }
    return false;
}

/* Fields without Huffman coding. */
void wire_call_on(const struct wire *wire, unsigned stream, const char *path)
{
    struct buffer fields = BUFFER_EMPTY;
    buffer_append_string(&fields, "\x83\x86"); /* :method POST, :scheme http */
    buffer_append_char(&fields, 0x04);         /* :path */
    buffer_append_char(&fields, (char)strlen(path));
    buffer_append_string(&fields, path);
    buffer_append_slice(&fields, SLICE("\x0f\x10\x10"
                                       "application/grpc"));
    const char head[] = {0, 0, (char)fields.length, FRAME_HEADERS, 0x04, 0, 0, 0, (char)stream};
    wire_send(wire, slice_of(head, sizeof(head)));
    wire_send(wire, buffer_slice(&fields));
    buffer_clear(&fields);
}

/* A framed message, and the end of the request. */
static void send_message(const struct wire *wire, unsigned stream, struct slice bytes)
{
    const size_t length = bytes.length;
    const char head[] = {
        0, (char)((length + 5) >> 8), (char)(length + 5), FRAME_DATA, 0x01, 0, 0, 0, (char)stream};
    const char frame[] = {0, 0, 0, (char)(length >> 8), (char)length};
    wire_send(wire, slice_of(head, sizeof(head)));
    wire_send(wire, slice_of(frame, sizeof(frame)));
    wire_send(wire, bytes);
}

void wire_message_on(const struct wire *wire, unsigned stream, const char *text)
{
    struct buffer message = BUFFER_EMPTY;
    if (text != NULL) {
        buffer_append_char(&message, 0x0a);
        buffer_append_char(&message, (char)strlen(text));
        buffer_append_string(&message, text);
    }
    send_message(wire, stream, buffer_slice(&message));
    buffer_clear(&message);
}

void wire_request_on(const struct wire *wire, unsigned stream, const ProtobufCMessage *message)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(message, &bytes);
    send_message(wire, stream, buffer_slice(&bytes));
    buffer_clear(&bytes);
}

void wire_call(const struct wire *wire, const char *path)
{
    wire_call_on(wire, 1, path);
}

void wire_message(const struct wire *wire, const char *text)
{
    wire_message_on(wire, 1, text);
}
