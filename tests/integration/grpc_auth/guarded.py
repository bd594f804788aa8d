"""The real programs with a service behind them, and one of gRPC that is asked before it.

A test case made from GuardedCase has control and the proxy running, a service that answers with what
it was sent, and an authorization service whose every answer self.decide makes.
"""

import concurrent.futures
import contextlib
import http.client
import http.server
import sys
import threading

from programs import WAIT_SECONDS, ProgramsCase

try:
    import grpc
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-grpcio (tests/run does)")

import ext_authz_pb2 as messages
import ext_authz_pb2_grpc as stubs


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the request: its line, its fields in lower case, its body."""

    protocol_version = "HTTP/1.1"

    def echo(self):
        length = int(self.headers.get("content-length", 0))
        fields = [f"{name.lower()}: {value}" for name, value in self.headers.items()]
        text = "\n".join([self.requestline, *fields, "", ""]).encode("latin-1")
        text += self.rfile.read(length)
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Own", "service")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = echo

    def log_message(self, *arguments):
        pass


class Authorization(stubs.AuthorizationServicer):
    def __init__(self, case):
        self.case = case

    def Check(self, request, context):
        self.case.questions.append(request.attributes)
        return self.case.decide(request.attributes, context)


def allow(**fields):
    return messages.CheckResponse(
        status=messages.RpcStatus(code=0), ok_response=messages.OkHttpResponse(**fields)
    )


def deny(status=0, body="", headers=(), code=7):
    response = messages.DeniedHttpResponse(headers=headers, body=body)
    if status:
        response.status.code = status
    return messages.CheckResponse(
        status=messages.RpcStatus(code=code, message="no"), denied_response=response
    )


def header(name, value, **fields):
    return messages.HeaderValueOption(
        header=messages.HeaderValue(key=name, value=value), **fields
    )


class GuardedCase(ProgramsCase):
    route_flags = ()

    def setUp(self):
        super().setUp()
        self.questions = []
        self.decide = lambda attributes, context: allow()
        self.start_echo()
        self.gate_port = self.start_gate()
        self.routectl("backend", "add", "gate", "--to", f"h2c://127.0.0.1:{self.gate_port}")
        self.routectl(
            "add", "api", "--to", f"http://127.0.0.1:{self.echo.server_port}",
            "--auth", "gate", "--auth-protocol", "GRPC", *self.route_flags,
        )  # fmt: skip

    def start_echo(self):
        self.echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        self.echo.daemon_threads = True
        self.echo.requests = 0
        thread = threading.Thread(target=self.echo.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.echo.server_close)
        self.addCleanup(self.echo.shutdown)

    def start_gate(self, port=0):
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=32)
        self.gate = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        stubs.add_AuthorizationServicer_to_server(Authorization(self), self.gate)
        port = self.gate.add_insecure_port(f"127.0.0.1:{port}")
        self.gate.start()
        self.addCleanup(self.gate.stop, None)
        return port

    def open(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)

    def ask(self, path="/", method="GET", body=None, headers=(), client=None):
        """The answer, and its body as text."""
        if client is None:
            with contextlib.closing(self.open()) as client:
                return self.ask(path, method, body, headers, client)
        client.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            client.putheader(name, value)
        if body is not None:
            client.putheader("Content-Length", str(len(body)))
        client.endheaders(body)
        answer = client.getresponse()
        return answer, answer.read().decode("latin-1")

    def assert_asked(self, expected_status, **request):
        """Answered with this status, and the service behind has not heard of it."""
        before = self.echo.requests
        answer, text = self.ask(**request)
        self.assertEqual(answer.status, expected_status, text)
        self.assertEqual(self.echo.requests, before)
        return answer, text

    def refused(self, reason):
        return self.metric(f'pointsman_refused_total{{reason="{reason}"}}')
