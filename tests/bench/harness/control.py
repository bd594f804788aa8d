"""Pointsman's control plane from Python: stubs made from our .proto files as they are now."""

import os
import subprocess
import sys

import grpc

from .peers import ROOT


def load_stubs(folder):
    """Makes the stubs in `folder` and returns the modules (control, route, backend, service)."""
    protos = os.path.join(ROOT, "proto")
    names = ["route", "backend", "feed", "history", "control"]
    subprocess.run(
        [
            "protoc",
            f"-I{protos}",
            f"-Igrpc_protos={os.path.join(protos, 'grpc')}",
            "-I/usr/include",
            "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
        ]
        + [f"pointsman/v1/{name}.proto" for name in names],
        check=True,
        cwd=protos,
    )
    sys.path.insert(0, folder)
    from pointsman.v1 import backend_pb2, control_pb2, control_pb2_grpc, route_pb2

    return control_pb2, route_pb2, backend_pb2, control_pb2_grpc


class Control:
    """A pointsman-control with many routes, /r/0 and so on, each to one of two backends."""

    BATCH = 5000

    def __init__(self, stubs, socket):
        self.messages, self.routes, self.backends, services = stubs
        channel = grpc.insecure_channel(f"unix:{socket}")
        grpc.channel_ready_future(channel).result(timeout=30)
        self.service = services.RouteControlStub(channel)
        self.unanswered = []
        self.failed = 0

    def route(self, number, backend):
        match = self.routes.RouteMatch(path=self.routes.PathMatch(value=f"/r/{number}"))
        rule = self.routes.RouteRule(
            matches=[match], backend_refs=[self.routes.BackendRef(name=backend)]
        )
        return self.routes.Route(name=f"r{number}", rules=[rule])

    def fill(self, count, backend_port):
        mutations = []
        for name in ("blue", "green"):
            endpoint = self.backends.Endpoint(address="127.0.0.1", port=backend_port)
            backend = self.backends.Backend(name=name, endpoints=[endpoint])
            mutations.append(self.messages.Mutation(put_backend=backend))
        for number in range(count):
            mutations.append(self.messages.Mutation(put_route=self.route(number, "blue")))
            if len(mutations) >= self.BATCH or number == count - 1:
                self.service.Apply(self.messages.ApplyRequest(mutations=mutations), timeout=60)
                mutations = []

    def change(self, number, backend):
        """Starts one commit of one route."""
        request = self.messages.PutRouteRequest(route=self.route(number, backend))
        self.unanswered.append(self.service.PutRoute.future(request, timeout=30))

    def settle(self):
        """Waits for the commits under way; returns how many there were since the last time."""
        calls, self.unanswered = self.unanswered, []
        self.failed += sum(1 for call in calls if call.exception() is not None)
        return len(calls)

    def wait_applied(self):
        self.service.WaitApplied(self.messages.WaitAppliedRequest(), timeout=60)
