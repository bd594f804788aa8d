"""The same proxies set up for gRPC: HTTP/2 in clear on both sides."""

import os

from . import processes
from .peers import HAPROXY, NGINX, PROGRAMS, Peer

TEXTS = {
    "nginx.conf": NGINX.replace(
        'proxy_pass http://service; proxy_http_version 1.1;\n      proxy_set_header Connection "";',
        "grpc_pass grpc://service;",
    ).replace("proxy_set_header", "grpc_set_header"),
    "haproxy.cfg": HAPROXY.replace("pool-max-conn 1024", "pool-max-conn 1024 proto h2"),
}


def write_message(folder, size):
    """One of gRPC, into a file: a byte for compression, four for its length. Returns its path."""
    path = os.path.join(folder, f"message-{size}")
    with open(path, "wb") as file:
        file.write(b"\0" + size.to_bytes(4, "big") + b"x" * size)
    return path


class GrpcPeer(Peer):
    def __init__(self, name, folder, backend_port, **others):
        super().__init__(name, folder, backend_port, protocol="h2c", **others)

    def _write(self, folder, file_name, text, backend_port):
        return super()._write(folder, file_name, TEXTS[file_name], backend_port)

    def routectl(self, *arguments):
        super().routectl(*(each.replace("--to=http://", "--to=h2c://") for each in arguments))


class GrpcBackend:
    """Sends every message back and says that all is well; see grpc_service.c."""

    def __init__(self, cpu):
        self.port = processes.free_port()
        program = os.path.join(PROGRAMS, "bench_grpc_service")
        self.process = processes.start([program, str(self.port)], {cpu})
        processes.wait_for_port(self.port, self.process)

    def stop(self):
        processes.stop(self.process)
