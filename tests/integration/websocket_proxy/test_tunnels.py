"""WebSockets over every way there is: to the proxy in clear and over TLS, and from it to a service
in clear and over TLS, by HTTP/1 and by HTTP/2. The service of HTTP/2 is the proxy itself: a request
for /h2c or /h2 goes out by HTTP/2, comes in again at the other listener's ALPN or preface, and then
goes to the service."""

import asyncio
import os
import queue
import signal
import socket
import ssl
import sys
import threading
import time
import unittest

from programs import WAIT_SECONDS, ProgramsCase

try:
    import websockets
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-websockets (tests/run does)")
from service import (
    PIECE,
    EchoService,
    TunnelService,
    break_off,
    finish_sending,
    open_tunnel,
    read_to_end,
    receive,
)

MEBIBYTE = 1024 * 1024
MUCH = 32 * MEBIBYTE
# What the proxy may take for tunnels whose readers are slow, beyond what it took before. A tunnel
# over HTTP/2 passes it twice.
ALLOWED_BYTES = 8 * MEBIBYTE

WAYS = ("http1", "tls", "h2c", "h2")


class TunnelCase(ProgramsCase):
    proxy_arguments = ("--drain-time", "2s")

    def listeners(self):
        self.key, self.certificate = self.make_certificate()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.certificate, self.key)
        self.client = ssl.create_default_context(cafile=self.certificate)
        secured = f"127.0.0.1:0,certificate={self.certificate},key={self.key}"
        return ("127.0.0.1:0", secured)

    def add_backend(self, name, url, *flags):
        self.routectl("backend", "add", name, "--to", url, *flags)
        self.routectl(
            "add", name, "--path-prefix", f"/{name}", "--rewrite-prefix", "/http1",
            "--backend", name,
        )  # fmt: skip

    def add_ways(self, clear, secured):
        """To a service and the same with TLS."""
        trust = ("--tls-ca-file", self.certificate)
        self.add_backend("http1", f"http://127.0.0.1:{clear.port}")
        self.add_backend("tls", f"https://127.0.0.1:{secured.port}", *trust)
        self.add_backend("h2c", f"h2c://127.0.0.1:{self.ports[0]}")
        self.add_backend("h2", f"h2://127.0.0.1:{self.ports[1]}", *trust)

    def add_services(self, make):
        clear, secured = make(None), make(self.server)
        self.addCleanup(clear.close)
        self.addCleanup(secured.close)
        self.add_ways(clear, secured)
        return clear, secured

    def fronts(self):
        return (("clear", self.ports[0], None), ("secured", self.ports[1], self.client))

    def on_every_way(self, story):
        """Told of a tunnel of each."""
        for front, port, context in self.fronts():
            for way in WAYS:
                with self.subTest(front=front, way=way):
                    with open_tunnel(port, f"/{way}", context) as stream:
                        story(stream)

    def wait_for_tunnels(self, count):
        self.wait_until(
            lambda: self.metric("pointsman_tunnels_open") == count, f"not {count} tunnels"
        )


class Messages(TunnelCase):
    async def talk(self, uri, context):
        large = os.urandom(MEBIBYTE)
        async with websockets.connect(
            uri, ssl=context, subprotocols=["other", "echo"], max_size=None
        ) as websocket:
            self.assertEqual(websocket.subprotocol, "echo")
            for message in ("Hello", large, "", "and again"):
                await websocket.send(message)
                self.assertEqual(await asyncio.wait_for(websocket.recv(), WAIT_SECONDS), message)
            await asyncio.wait_for(await websocket.ping(), WAIT_SECONDS)
        self.assertEqual(websocket.close_code, 1000)

    def test_messages_go_both_ways_until_they_are_closed(self):
        self.add_services(EchoService)
        for front, port, context in self.fronts():
            scheme = "wss" if context else "ws"
            for way in WAYS:
                with self.subTest(front=front, way=way):
                    asyncio.run(self.talk(f"{scheme}://127.0.0.1:{port}/{way}", context))
        self.wait_for_tunnels(0)


def say_goodbye(stream):
    stream.sendall(b"bye")
    finish_sending(stream)
    return read_to_end(stream)


class Endings(TunnelCase):
    def wait_for_outcome(self, services):
        self.wait_until(lambda: any(service.outcomes for service in services), "no end is seen")
        return next(service for service in services if service.outcomes).outcomes.pop()

    def test_a_client_that_finishes_is_still_answered(self):
        # Where there is TLS, finish_sending reads too, and loses what has come already.
        has_finished = threading.Semaphore(0)

        def answer_at_the_end(stream):
            outcome = read_to_end(stream)
            has_finished.acquire(timeout=WAIT_SECONDS)
            stream.sendall(b"and bye")
            return outcome

        services = self.add_services(lambda context: TunnelService(answer_at_the_end, context))

        def story(stream):
            stream.sendall(b"x" * 1000 + b"bye")
            finish_sending(stream)
            has_finished.release()
            self.assertEqual(read_to_end(stream), (7, b"and bye"))
            self.assertEqual(self.wait_for_outcome(services), (1003, b"x" * 13 + b"bye"))

        self.on_every_way(story)
        self.wait_for_tunnels(0)

    def test_a_service_that_finishes_ends_it(self):
        services = self.add_services(lambda context: TunnelService(say_goodbye, context))

        def story(stream):
            self.assertEqual(read_to_end(stream), (3, b"bye"))
            self.wait_for_outcome(services)

        self.on_every_way(story)
        self.wait_for_tunnels(0)

    def test_a_client_that_vanishes_is_gone_for_the_service(self):
        services = self.add_services(lambda context: TunnelService(read_to_end, context))

        def story(stream):
            stream.sendall(b"hello")
            break_off(stream)
            self.wait_for_outcome(services)

        self.on_every_way(story)
        self.wait_for_tunnels(0)

    def test_a_service_that_vanishes_is_gone_for_the_client(self):
        def vanish(stream):
            stream.recv(PIECE)
            break_off(stream)

        self.add_services(lambda context: TunnelService(vanish, context))

        def story(stream):
            stream.sendall(b"hello")
            try:
                self.assertEqual(read_to_end(stream)[0], 0)
            except OSError:
                pass  # a reset, or an end without close_notify

        self.on_every_way(story)
        self.wait_for_tunnels(0)


class Volume(TunnelCase):
    """Much, to who does not read until the other can send no more, and then slowly."""

    def pour(self, stream, progress):
        for _ in range(MUCH // PIECE):
            stream.sendall(bytes(PIECE))
            progress.append(PIECE)
        finish_sending(stream)

    def wait_until_stuck(self, progress):
        before, since = -1, time.monotonic()
        while time.monotonic() < since + 0.2:
            if len(progress) != before:
                before, since = len(progress), time.monotonic()
            time.sleep(0.02)
        self.assertLess(before, MUCH // PIECE)

    @staticmethod
    def read_slowly(stream):
        total = 0
        while piece := receive(stream):
            total += len(piece)
            time.sleep(0.0002)
        return total

    def measure(self, story):
        before = self.proxy_memory("VmRSS")
        self.on_every_way(story)
        if not os.environ.get("POINTSMAN_SANITIZED"):
            taken = self.proxy_memory("VmHWM") - before
            print(f"{taken / MEBIBYTE:.1f} MiB", end=" ", file=sys.stderr, flush=True)
            self.assertLess(taken, ALLOWED_BYTES)

    def test_a_client_that_reads_slowly(self):
        progress = []
        self.add_services(
            lambda context: TunnelService(lambda stream: self.pour(stream, progress), context)
        )

        def story(stream):
            self.wait_until_stuck(progress)
            self.assertEqual(self.read_slowly(stream), MUCH)
            progress.clear()

        self.measure(story)

    def test_a_service_that_reads_slowly(self):
        permits = queue.Queue()

        def wait_and_read(stream):
            permits.get(timeout=WAIT_SECONDS)
            total = self.read_slowly(stream)
            stream.sendall(b"%d" % total)
            return total

        self.add_services(lambda context: TunnelService(wait_and_read, context))

        def story(stream):
            progress = []
            pouring = threading.Thread(target=self.pour, args=(stream, progress), daemon=True)
            pouring.start()
            self.wait_until_stuck(progress)
            permits.put(None)
            pouring.join(WAIT_SECONDS)
            self.assertEqual(int(read_to_end(stream)[1]), MUCH)

        self.measure(story)


class Draining(TunnelCase):
    def test_it_is_open_until_the_drain_time_is_over(self):
        def echo(stream):
            while piece := stream.recv(PIECE):
                stream.sendall(piece)

        self.add_services(lambda context: TunnelService(echo, context))
        streams = []
        for _, port, context in self.fronts():
            streams += [open_tunnel(port, f"/{way}", context) for way in WAYS]
        self.addCleanup(lambda: [stream.close() for stream in streams])

        self.proxy.send_signal(signal.SIGTERM)
        self.wait_until(self.refuses_connections, "connections are still accepted")
        for number, stream in enumerate(streams):
            message = b"still here %d" % number
            stream.sendall(message)
            self.assertEqual(stream.recv(PIECE), message)

        for stream in streams:
            try:
                self.assertEqual(read_to_end(stream)[0], 0)
            except OSError:
                pass
        self.assertEqual(self.proxy.wait(timeout=WAIT_SECONDS), 0)


class NotTaken(ProgramsCase):
    """A service of HTTP/2 that does not offer WebSockets."""

    def listeners(self):
        self.log = os.path.join(self.folder, "access.log")
        return super().listeners()

    @property
    def proxy_arguments(self):
        return ("--access-log", os.path.join(self.folder, "access.log"))

    def test_a_502_and_a_line_that_says_why(self):
        def serve():
            stream, _ = service.accept()
            stream.sendall(bytes(3) + b"\x04" + bytes(5))  # SETTINGS that set nothing
            while stream.recv(PIECE):
                pass

        service = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(service.close)
        threading.Thread(target=serve, daemon=True).start()
        self.routectl(
            "add", "chat", "--path-prefix", "/", "--to", f"h2c://127.0.0.1:{service.getsockname()[1]}"
        )  # fmt: skip
        with self.assertRaisesRegex(ConnectionError, "502 Bad Gateway"):
            open_tunnel(self.port, "/chat")

        def is_logged():
            with open(self.log, encoding="utf-8") as log:
                return '"websocket_error":"the endpoint\'s SETTINGS do not have' in log.read()

        self.wait_until(is_logged, "the access log does not say why")


if __name__ == "__main__":
    unittest.main()
