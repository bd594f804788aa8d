"""What becomes of requests when an authorization service of gRPC fails: nothing is allowed."""

import socket
import threading
import unittest

import grpc
from guarded import GuardedCase, allow, deny, header, messages

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
ALLOWS = b"\0\0\0\0\2\x0a\0"


class Failures(GuardedCase):
    route_flags = ("--timeout", "2s")

    def test_a_call_that_fails_allows_nothing(self):  # FLT-AUTH-22
        def fail(code):
            self.decide = lambda attributes, context: context.abort(code, "asked for")

        for code, status in (
            (grpc.StatusCode.UNAVAILABLE, 503),
            (grpc.StatusCode.PERMISSION_DENIED, 503),
            (grpc.StatusCode.INTERNAL, 503),
            (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
        ):
            fail(code)
            self.assert_asked(status)
        self.assertEqual(self.refused("authorization_failed"), 4)

    def test_a_service_that_breaks_down_allows_nothing(self):  # FLT-AUTH-22
        def break_down(attributes, context):
            raise RuntimeError("broken on purpose")

        self.decide = break_down
        self.assert_asked(503)

    def test_a_service_that_is_away_allows_nothing_until_it_is_back(self):  # FLT-AUTH-22
        self.assertEqual(self.ask()[0].status, 200)
        self.gate.stop(0).wait()
        for _ in range(20):
            self.assert_asked(503)
        self.start_gate(self.gate_port)
        self.wait_until(lambda: self.ask()[0].status == 200, "never served again")

    def test_a_service_that_is_slow_allows_nothing(self):  # FLT-AUTH-13
        left = threading.Event()

        def wait(attributes, context):
            context.add_callback(left.set)
            left.wait(60)
            return allow()

        self.decide = wait
        self.assert_asked(504)
        self.assertTrue(left.wait(60), "the call was not cancelled")

    def test_answers_that_cannot_be_relied_on_allow_nothing(self):  # FLT-AUTH-22, FLT-AUTH-23
        for answer in (
            messages.CheckResponse(),
            allow(headers=[header(":path", "/admin")]),
            allow(headers=[header("x-user", "kim\r\nx-admin: 1")]),
            allow(headers=[header("x user", "kim")]),
            allow(headers=[header("x-user", "kim")] * 129),
            allow(headers=[header("x-user", "k" * 70000)]),
            allow(query_parameters_to_set=[messages.QueryParameter(key="a", value="b" * 9000)]),
            deny(code=0),
            deny(100),
            deny(999),
            deny(403, "x" * 70000),
        ):
            self.decide = lambda attributes, context, answer=answer: answer
            self.assert_asked(502)

    def test_who_could_not_decide_is_heard(self):  # FLT-AUTH-24
        self.decide = lambda attributes, context: messages.CheckResponse(
            status=messages.RpcStatus(code=14),
            error_response=messages.DeniedHttpResponse(
                body="later", headers=[header("retry-after", "5")]
            ),
        )
        answer, text = self.assert_asked(503)
        self.assertEqual((answer.getheader("retry-after"), text), ("5", "later"))
        self.assertEqual(self.refused("authorization_failed"), 1)


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def fields(*pairs):
    """HPACK, without tables: literals that are not indexed (RFC 7541 section 6.2.2)."""
    block = b""
    for name, value in pairs:
        block += b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
    return block


def head(*pairs, status="200", end=False):
    flags = END_HEADERS | (END_STREAM if end else 0)
    return frame(HEADERS, flags, 1, fields((":status", status), *pairs))


def trailers(*pairs):
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(*pairs))


GRPC = ("content-type", "application/grpc")
OK = ("grpc-status", "0")


class RawGate:
    """Answers the one call of each connection with the same frames, whatever they are."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rb") as received:
            received.read(24)  # the preface
            connection.sendall(frame(SETTINGS, 0, 0))
            while True:
                start = received.read(9)
                if len(start) < 9:
                    return
                received.read(int.from_bytes(start[:3], "big"))
                kind, flags = start[3], start[4]
                if kind == SETTINGS and not flags & ACK:
                    connection.sendall(frame(SETTINGS, ACK, 0))
                if kind == DATA and flags & END_STREAM:
                    break
            connection.sendall(self.answer)
            received.read()


class Hostile(GuardedCase):
    route_flags = ("--timeout", "2s")

    def point_at(self, answer):
        gate = RawGate(answer)
        self.addCleanup(gate.socket.close)
        self.routectl("backend", "add", "gate", "--replace", "--to", f"h2c://127.0.0.1:{gate.port}")

    def test_the_fake_can_allow(self):
        self.point_at(head(GRPC) + frame(DATA, 0, 1, ALLOWS) + trailers(OK))
        self.assertEqual(self.ask()[0].status, 200)

    def test_what_is_no_answer_of_grpc_allows_nothing(self):  # FLT-AUTH-22, FLT-AUTH-23
        body = frame(DATA, 0, 1, ALLOWS)
        for answer, status in (
            (head(("content-type", "text/html"), end=True), 502),
            (head(("content-type", "text/html")) + body + trailers(OK), 502),
            (head(GRPC, status="204") + trailers(OK), 502),
            (head(GRPC, status="403", end=True), 502),
            (head(GRPC, OK, end=True), 502),
            (head(GRPC, ("grpc-status", "7"), end=True), 503),
            (head(GRPC) + body + trailers(("x-end", "1")), 502),
            (head(GRPC) + frame(DATA, END_STREAM, 1, ALLOWS), 502),
            (head(GRPC) + body + body + trailers(OK), 502),
            (head(GRPC) + trailers(OK), 502),
            (head(GRPC) + frame(DATA, 0, 1, b"\1" + ALLOWS[1:]) + trailers(OK), 502),
            (head(GRPC) + frame(DATA, 0, 1, b"\0\0\0\0\2\x0a\7") + trailers(OK), 502),
            (head(GRPC) + frame(DATA, 0, 1, b"\0\0\0\0\3\xff\xff\xff") + trailers(OK), 502),
            (head(GRPC) + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"), 502),
            (head(GRPC) + body + trailers(("grpc-status", "14")), 503),
            (head(GRPC) + body + frame(RST_STREAM, 0, 1, b"\0\0\0\2"), 502),
            (frame(RST_STREAM, 0, 1, b"\0\0\0\2"), 503),
            (frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\2") + head(GRPC) + body, 504),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 503),
        ):
            with self.subTest(answer=answer):
                self.point_at(answer)
                self.assert_asked(status)


if __name__ == "__main__":
    unittest.main()
