"""A gRPC service that does what each call's name says; a process of its own, so that it can be
killed. Messages are plain bytes. Prints its port and serves until its input ends.

    service.py [--connection-age MS] [PORT [KEY CERTIFICATE]]
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import threading
import time

import grpc

# Longer than any test waits: a call that gives up by itself would count as one that was left.
PATIENCE_SECONDS = 600

lock = threading.Lock()
counts = {"cancelled": 0, "active": 0}


def echo(request, context):
    """The request, its metadata as initial metadata, and trailers of both kinds."""
    back = [(key, value) for key, value in context.invocation_metadata() if key in ("x-text", "x-bin")]
    context.send_initial_metadata(back)
    context.set_trailing_metadata((("x-count", str(len(back))), ("x-end-bin", b"\x00\xff\x01")))
    return request


def gather(requests, context):
    """How many bytes came; with x-slow, reading takes its time."""
    delay = float(dict(context.invocation_metadata()).get("x-delay", 0))
    total = 0
    for request in requests:
        total += len(request)
        if delay:
            time.sleep(delay)
    return b"%d" % total


def spread(request, context):
    """As many messages of as many bytes as asked for: b"COUNT SIZE"."""
    del context
    count, size = map(int, request.split())
    for _ in range(count):
        yield bytes(size)


def converse(requests, context):
    """Each message comes back before the next is read."""
    del context
    yield from requests


def fail(request, context):
    """b"CODE TEXT": with nothing before it, a trailers-only answer."""
    code, text = request.split(b" ", 1)
    status = {code.value[0]: code for code in grpc.StatusCode}[int(code)]
    context.set_trailing_metadata((("x-why", "asked"),))
    context.abort(status, text.decode())


def client_left(context):
    """An event that is set when the client has left, which is counted then."""
    gone = threading.Event()

    def leave():
        with lock:
            counts["cancelled"] += 1
        gone.set()

    if not context.add_callback(leave):
        leave()  # it has left already
    return gone


def hang(request, context):
    """Until the client has had enough."""
    del request
    gone = client_left(context)
    with lock:
        counts["active"] += 1
    gone.wait(PATIENCE_SECONDS)
    with lock:
        counts["active"] -= 1
    return b""


def begin(request, context):
    """One message, and then nothing more."""
    # Before the message: a client that leaves once it has it may leave before this goes on, and
    # then nobody asks for the next.
    gone = client_left(context)
    yield request
    gone.wait(PATIENCE_SECONDS)


def remaining(request, context):
    """How long the client will wait, in milliseconds."""
    del request
    return b"%d" % (context.time_remaining() * 1000)


def seen(request, context):
    """A count, by its name."""
    del context
    with lock:
        return b"%d" % counts[request.decode()]


serving = {"": True}


def check(request, context):
    """grpc.health.v1: SERVING (1) or NOT_SERVING (2), by the service's name."""
    name = request[2:].decode()  # behind the field's tag and length
    if name not in serving:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\x08\x01" if serving[name] else b"\x08\x02"


def serve(request, context):
    """What the health check says from now on: b"NAME 1" or b"NAME 0"."""
    del context
    name, state = request.decode().split(" ")
    serving[name] = state == "1"
    return b""


def process(request, context):
    """Which of several services this is."""
    del request, context
    return b"%d" % os.getpid()


class Handlers(grpc.GenericRpcHandler):
    calls = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Gather": grpc.stream_unary_rpc_method_handler(gather),
        "Spread": grpc.unary_stream_rpc_method_handler(spread),
        "Converse": grpc.stream_stream_rpc_method_handler(converse),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Hang": grpc.unary_unary_rpc_method_handler(hang),
        "Begin": grpc.unary_stream_rpc_method_handler(begin),
        "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
        "Process": grpc.unary_unary_rpc_method_handler(process),
        "Other": grpc.unary_unary_rpc_method_handler(process),
        "Seen": grpc.unary_unary_rpc_method_handler(seen),
        "Serve": grpc.unary_unary_rpc_method_handler(serve),
    }

    def service(self, handler_call_details):
        service, method = handler_call_details.method[1:].split("/")
        if (service, method) == ("grpc.health.v1.Health", "Check"):
            return grpc.unary_unary_rpc_method_handler(check)
        return self.calls.get(method) if service == "test.Service" else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connection-age", type=int, help="milliseconds, then GOAWAY")
    parser.add_argument("port", nargs="?", default=0)
    parser.add_argument("secured", nargs="*", type=pathlib.Path)
    asked = parser.parse_args()
    options = [("grpc.so_reuseport", 0)]
    if asked.connection_age:
        options.append(("grpc.max_connection_age_ms", asked.connection_age))
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=600)
    server = grpc.server(pool, options=options)
    server.add_generic_rpc_handlers((Handlers(),))
    address = f"127.0.0.1:{asked.port}"
    if asked.secured:
        pair = tuple(path.read_bytes() for path in asked.secured)
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()
    os._exit(0)  # without waiting for calls that hang on purpose


if __name__ == "__main__":
    main()
