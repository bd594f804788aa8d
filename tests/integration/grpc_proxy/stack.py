"""The real programs with a gRPC service behind them, and what stories do with these.

A test case made from StackCase has control, the proxy and one service running, and a channel that
leads to the service through the proxy.
"""

import os
import subprocess
import sys

from programs import WAIT_SECONDS, ProgramsCase

try:
    import grpc
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-grpcio (tests/run does)")

HERE = os.path.dirname(os.path.abspath(__file__))
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Service:
    """service.py as a process; `secured` are files of a key and a certificate."""

    def __init__(self, port=0, secured=(), flags=()):
        command = [
            sys.executable, "-B", os.path.join(HERE, "service.py"), *flags, str(port), *secured,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()


class StackCase(ProgramsCase):
    route_flags = ()  # more flags for the route
    service_flags = ()

    def setUp(self):
        super().setUp()
        self.service = self.start_service()
        self.add_route()
        self.channel = self.open_channel(self.port)

    def start_service(self, port=0, secured=()):
        service = Service(port, secured, self.service_flags)
        self.addCleanup(service.stop)
        return service

    def add_route(self):
        self.routectl(
            "add", "grpc", "--path-prefix", "/test.Service",
            "--to", f"h2c://127.0.0.1:{self.service.port}", *self.route_flags,
        )  # fmt: skip

    def open_channel(self, port, options=()):
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[*ANY_SIZE, *options])
        self.addCleanup(channel.close)
        return channel

    def call(self, kind, method, channel=None):
        """A function that makes such calls: kind is "unary_stream" and the like."""
        return getattr(channel or self.channel, kind)(f"/test.Service/{method}")

    def assert_fails(self, code, function, *arguments, **named):
        named.setdefault("timeout", WAIT_SECONDS)
        with self.assertRaises(grpc.RpcError) as caught:
            function(*arguments, **named)
        self.assertEqual(caught.exception.code(), code, caught.exception)
        return caught.exception

    def seen(self, name):
        """What the service itself has counted, asked directly."""
        direct = self.open_channel(self.service.port)
        return int(self.call("unary_unary", "Seen", direct)(name.encode(), timeout=WAIT_SECONDS))
