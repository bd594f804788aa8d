"""The real pointsman-control in a folder of its own, and what stories do with it again and again.

A test case made from ControlCase has it running, with a channel to its socket. At the end it is
asked to stop and must do so cleanly: a sanitizer's complaint is an exit code.
"""

import os
import subprocess
import sys
import tempfile
import unittest

try:
    import google.protobuf  # noqa: F401
    import grpc
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-grpcio and python3-protobuf (tests/run does)")

from grpc_protos import status_pb2
from pointsman.v1 import backend_pb2, control_pb2, control_pb2_grpc, feed_pb2_grpc, route_pb2

# However slow the machine: what is waited for longer than this does not come.
WAIT_SECONDS = 60

DETAILS_KEY = "grpc-status-details-bin"


def route(name, backend="fruit", path="/"):
    """A route that sends everything under a path to a backend."""
    return route_pb2.Route(
        name=name,
        rules=[
            route_pb2.RouteRule(
                matches=[route_pb2.RouteMatch(path=route_pb2.PathMatch(value=path))],
                backend_refs=[route_pb2.BackendRef(name=backend)],
            )
        ],
    )


def backend(name="fruit", port=9000):
    endpoint = backend_pb2.Endpoint(address="127.0.0.1", port=port)
    return backend_pb2.Backend(name=name, endpoints=[endpoint])


def bad_request_of(error):
    """The google.rpc.BadRequest that comes with an error, as field -> description."""
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers[DETAILS_KEY])
    assert status.code == error.code().value[0], status
    assert status.message == error.details(), status
    (detail,) = status.details
    bad_request = status_pb2.BadRequest()
    assert detail.Unpack(bad_request), detail.type_url
    return {violation.field: violation.description for violation in bad_request.field_violations}


class ControlCase(unittest.TestCase):
    arguments = ()  # more flags for the daemon

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pointsman-")
        self.addCleanup(folder.cleanup)
        self.socket = os.path.join(folder.name, "control.sock")
        self.log_file = os.path.join(folder.name, "control.log")
        program = os.path.join(os.environ["POINTSMAN_BIN"], "pointsman-control")
        with open(self.log_file, "wb") as log:
            self.daemon = subprocess.Popen(
                [program, "--socket", self.socket]
                + ["--database", os.path.join(folder.name, "routes.db"), *self.arguments],
                stderr=log,
            )
        self.addCleanup(self.stop_daemon)
        self.channel = self.open_channel()
        self.control = control_pb2_grpc.RouteControlStub(self.channel)
        self.feed = feed_pb2_grpc.RouteFeedStub(self.channel)

    def open_channel(self):
        """Ready when it returns: until then grpcio connects again and again."""
        options = [(f"grpc.{which}_reconnect_backoff_ms", 100) for which in ("initial", "max")]
        channel = grpc.insecure_channel(f"unix:{self.socket}", options=options)
        self.addCleanup(channel.close)
        grpc.channel_ready_future(channel).result(timeout=WAIT_SECONDS)
        return channel

    def stop_daemon(self):
        self.daemon.terminate()
        try:
            exit_code = self.daemon.wait(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            exit_code = self.daemon.wait()
        with open(self.log_file, encoding="utf-8", errors="replace") as log:
            self.assertEqual(exit_code, 0, log.read())

    def put_route(self, *arguments, **named):
        request = control_pb2.PutRouteRequest(route=route(*arguments, **named))
        return self.control.PutRoute(request, timeout=WAIT_SECONDS)

    def put_backend(self, *arguments, **named):
        request = control_pb2.PutBackendRequest(backend=backend(*arguments, **named))
        return self.control.PutBackend(request, timeout=WAIT_SECONDS)

    def assert_fails(self, code, call, *arguments, **named):
        """The call ends with this status; returns the error."""
        named.setdefault("timeout", WAIT_SECONDS)
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **named)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception
