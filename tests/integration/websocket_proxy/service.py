"""Services behind a WebSocket handshake, on threads of the test: what is said behind it is only
bytes, to the proxy as to most of these. And a client that says such bytes."""

import asyncio
import base64
import hashlib
import os
import socket
import ssl
import struct
import threading

import websockets

WAIT_SECONDS = 60
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PIECE = 64 * 1024


def read_head(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = stream.recv(1)
        if not piece:
            raise ConnectionError(f"the end, behind {head!r}")
        head += piece
    return head


def finish_sending(stream):
    """The other direction stays open: a FIN, behind close_notify where there is TLS."""
    if isinstance(stream, ssl.SSLSocket):
        stream.setblocking(False)
        try:
            stream.unwrap()
        except ssl.SSLWantReadError:
            pass  # said; the other side has not said so too
        stream.settimeout(WAIT_SECONDS)
    socket.socket.shutdown(stream, socket.SHUT_WR)


def break_off(stream):
    """A reset, at once."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket.close(stream)


def receive(stream):
    """b"" at the end, also when we have ended our side before."""
    try:
        return stream.recv(PIECE)
    except ssl.SSLZeroReturnError:
        return b""


def read_to_end(stream):
    """How many bytes came, and the last of them."""
    count, last = 0, b""
    while piece := receive(stream):
        count += len(piece)
        last = (last + piece)[-16:]
    return count, last


class TunnelService:
    """Answers each handshake and leaves the connection to `talk`; what that returns, or what stopped
    it, is in `outcomes`."""

    def __init__(self, talk, context=None):
        self.talk, self.context = talk, context
        self.outcomes = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        try:
            stream.settimeout(WAIT_SECONDS)
            if self.context:
                stream = self.context.wrap_socket(stream, server_side=True)
            self.switch(stream)
            outcome = self.talk(stream)
            finish_sending(stream)  # without it, TLS looks cut off
            self.outcomes.append(outcome)
        except OSError as stopped:
            self.outcomes.append(stopped)
        finally:
            stream.close()

    def switch(self, stream):
        head = read_head(stream)
        lines = (line.partition(b":") for line in head.split(b"\r\n"))
        keys = [value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(keys[0] + GUID).digest())
        stream.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )


class EchoService:
    """By python3-websockets: every message comes back, of its kind."""

    def __init__(self, context=None):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = self.run(self.start(context))
        self.port = self.server.sockets[0].getsockname()[1]

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT_SECONDS)

    async def start(self, context):
        return await websockets.serve(
            self.echo, "127.0.0.1", 0, subprotocols=["echo"], max_size=None, ssl=context
        )

    @staticmethod
    async def echo(websocket):
        async for message in websocket:
            await websocket.send(message)

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()

    def close(self):
        self.run(self.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)


def open_tunnel(port, path, context=None):
    """A socket behind a handshake that was answered with 101."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
    if context:
        stream = context.wrap_socket(stream, server_hostname="127.0.0.1")
    key = base64.b64encode(os.urandom(16))
    stream.sendall(
        f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".encode()
        + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
    )  # fmt: skip
    head = read_head(stream)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
        raise ConnectionError(head)
    return stream
