"""A kind of load, and the service and the proxies it goes through, for any of the protocols."""

from . import load
from .grpc_peers import GrpcBackend, GrpcPeer, write_message
from .peers import PROTOCOLS, Backend, Peer

ALL_PROTOCOLS = [*PROTOCOLS, "grpc"]


class Setup:
    def __init__(self, folder, protocol, size, connections, streams, keep_alive=True):
        self.protocol, self.size = protocol, size
        self.connections, self.streams, self.keep_alive = connections, streams, keep_alive
        self.message = write_message(folder, size)

    def start_backend(self):
        return (GrpcBackend if self.protocol == "grpc" else Backend)(load.LOAD_CPU)

    def start_peer(self, name, folder, backend, **others):
        if self.protocol == "grpc":
            return GrpcPeer(name, folder, backend.port, **others)
        return Peer(name, folder, backend.port, protocol=self.protocol, **others)

    def saturate(self, peer, seconds):
        """Returns (answered, failed)."""
        count, streams = self.connections, self.streams
        if self.protocol == "h1":
            return load.saturate(peer.url(self.size), count, seconds, self.keep_alive)
        if self.protocol == "grpc":
            return load.call(peer.port, self.message, count, streams, seconds)
        return load.saturate_http2(peer.url(self.size), count, streams, seconds)
