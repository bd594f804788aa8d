"""Every kind of gRPC call through the proxy, between Debian's grpcio on both sides."""

import time
import unittest

import grpc
from stack import WAIT_SECONDS, StackCase


class Calls(StackCase):
    def test_unary_with_metadata_of_both_kinds(self):
        metadata = (("x-text", "a b"), ("x-bin", bytes(range(256))), ("x-text", "c"))

        answer, call = self.call("unary_unary", "Echo").with_call(
            b"hello", metadata=metadata, timeout=WAIT_SECONDS
        )

        self.assertEqual(answer, b"hello")
        back = [(key, value) for key, value in call.initial_metadata() if key in ("x-text", "x-bin")]
        self.assertCountEqual(back, metadata)
        trailers = dict(call.trailing_metadata())
        self.assertEqual(trailers["x-count"], "3")
        self.assertEqual(trailers["x-end-bin"], b"\x00\xff\x01")

    def test_empty_and_large_messages(self):
        for size in (0, 1, 16384, 65535, 65536, 4_000_000):
            with self.subTest(size=size):
                message = bytes(size)
                answer = self.call("unary_unary", "Echo")(message, timeout=WAIT_SECONDS)
                self.assertEqual(answer, message)

    def test_client_streaming(self):
        answer = self.call("stream_unary", "Gather")(
            (bytes(i) for i in range(500)), timeout=WAIT_SECONDS
        )
        self.assertEqual(int(answer), sum(range(500)))

    def test_server_streaming(self):
        answers = list(self.call("unary_stream", "Spread")(b"500 1000", timeout=WAIT_SECONDS))
        self.assertEqual(answers, [bytes(1000)] * 500)

    def test_both_streaming_message_by_message(self):
        """The next question is asked only when the last was answered: nothing is held back."""
        answered = []

        def questions():
            for i in range(100):
                self.wait_until(lambda: len(answered) >= i, "an answer")
                yield b"%d" % i

        for answer in self.call("stream_stream", "Converse")(questions(), timeout=WAIT_SECONDS):
            answered.append(answer)
        self.assertEqual(answered, [b"%d" % i for i in range(100)])

    def test_compressed_messages_pass_untouched(self):
        channel = self.open_channel(
            self.port, [("grpc.default_compression_algorithm", grpc.Compression.Gzip.value)]
        )
        message = b"again and " * 10000
        answer = self.call("unary_unary", "Echo", channel)(message, timeout=WAIT_SECONDS)
        self.assertEqual(answer, message)
        self.assertLess(self.metric("pointsman_upstream_sent_bytes_total"), 50000)

    def test_an_error_comes_with_its_text_and_trailers(self):
        error = self.assert_fails(
            grpc.StatusCode.FAILED_PRECONDITION,
            self.call("unary_unary", "Fail"),
            "9 nicht möglich: 100 %".encode(),
        )
        self.assertEqual(error.details(), "nicht möglich: 100 %")
        self.assertEqual(dict(error.trailing_metadata())["x-why"], "asked")

    def test_a_method_that_the_service_lacks_is_unimplemented(self):
        self.assert_fails(
            grpc.StatusCode.UNIMPLEMENTED, self.call("unary_unary", "Nothing"), b""
        )

    def test_a_service_without_a_route_is_unimplemented(self):
        self.assert_fails(
            grpc.StatusCode.UNIMPLEMENTED, self.channel.unary_unary("/other.Service/Echo"), b""
        )

    def test_the_deadline_reaches_the_service(self):
        left = int(self.call("unary_unary", "Remaining")(b"", timeout=30))
        self.assertTrue(10_000 < left <= 31_000, left)  # the client rounds up

    def test_a_deadline_that_passes_cancels_at_the_service(self):
        self.assert_fails(
            grpc.StatusCode.DEADLINE_EXCEEDED, self.call("unary_unary", "Hang"), b"", timeout=0.5
        )
        self.wait_until(lambda: self.seen("cancelled") == 1, "the service goes on")

    def test_cancelling_reaches_the_service_at_once(self):
        call = self.call("unary_unary", "Hang").future(b"", timeout=WAIT_SECONDS)
        self.wait_until(lambda: self.seen("active") == 1, "the call does not arrive")
        begun = time.monotonic()

        call.cancel()

        self.wait_until(lambda: self.seen("cancelled") == 1, "the service goes on")
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.call("unary_unary", "Echo")(b"next", timeout=WAIT_SECONDS), b"next")

    def test_cancelling_in_the_middle_of_an_answer(self):
        answers = self.call("unary_stream", "Begin")(b"first", timeout=WAIT_SECONDS)
        self.assertEqual(next(answers), b"first")
        answers.cancel()
        self.wait_until(lambda: self.seen("cancelled") == 1, "the service goes on")


DOCUMENTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls}
spec:
  rules:
  - matches: [{method: {service: test.Service, method: Seen}}]
    backendRefs: [{name: other, port: 8080}]
  - matches: [{method: {service: test.Service, method: Missing}}]
    backendRefs: [{name: nowhere, port: 8080}]
  - matches: [{method: {service: test.Service}, headers: [{name: x-go, value: "on"}]}]
    backendRefs: [{name: service}]
---
apiVersion: pointsman/v1
kind: Backend
metadata: {name: service}
spec: {appProtocol: grpc, endpoints: [{address: 127.0.0.1, port: %d}]}
---
apiVersion: pointsman/v1
kind: Backend
metadata: {name: other}
spec:
  endpoints: [{address: 127.0.0.1}]
  ports: [{port: 8080, targetPort: %d, appProtocol: kubernetes.io/h2c}]
"""


class Routes(StackCase):
    def test_methods_are_routed_by_their_path(self):
        other = self.start_service()
        self.routectl(
            "add", "hang", "--path-exact", "/test.Service/Seen", "--to", f"h2c://127.0.0.1:{other.port}"
        )
        hanging = self.call("unary_unary", "Hang").future(b"", timeout=WAIT_SECONDS)
        self.wait_until(lambda: self.seen("active") == 1, "the call does not arrive")

        through = self.call("unary_unary", "Seen")(b"active", timeout=WAIT_SECONDS)

        self.assertEqual(through, b"0")
        hanging.cancel()

    def test_documents_name_services_and_methods(self):
        other = self.start_service()
        self.routectl("remove", "grpc")
        self.routectl("apply", "-f", "-", documents=DOCUMENTS % (self.service.port, other.port))
        on = [("x-go", "on")]

        hanging = self.call("unary_unary", "Hang").future(b"", timeout=WAIT_SECONDS, metadata=on)
        self.wait_until(lambda: self.seen("active") == 1, "the call does not arrive")

        self.assertEqual(self.call("unary_unary", "Seen")(b"active", timeout=WAIT_SECONDS), b"0")
        answer = self.call("unary_unary", "Echo")(b"x", timeout=WAIT_SECONDS, metadata=on)
        self.assertEqual(answer, b"x")
        self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, self.call("unary_unary", "Echo"), b"x")
        self.assert_fails(grpc.StatusCode.UNAVAILABLE, self.call("unary_unary", "Missing"), b"x")
        hanging.cancel()


class Secured(StackCase):
    """With TLS to the service, which must choose HTTP/2 by ALPN."""

    def add_route(self):
        key, certificate = self.make_certificate()
        secured = self.start_service(secured=(key, certificate))
        to = f"h2://127.0.0.1:{secured.port}"
        self.routectl("backend", "add", "secured", "--to", to, "--tls-ca-file", certificate)
        self.routectl("add", "grpc", "--path-prefix", "/test.Service", "--backend", "secured")

    def test_calls_of_every_kind(self):
        for number in range(20):
            message = b"%d" % number
            answer = self.call("unary_unary", "Echo")(message, timeout=WAIT_SECONDS)
            self.assertEqual(answer, message)
        answers = self.call("stream_stream", "Converse")(
            (bytes(100_000) for _ in range(50)), timeout=WAIT_SECONDS
        )
        self.assertEqual(sum(len(answer) for answer in answers), 5_000_000)
        self.assertLess(self.metric("pointsman_upstream_tls_handshakes_total"), 5)


class Timeouts(StackCase):
    route_flags = ("--timeout", "500ms")

    def test_the_time_of_the_route_is_a_deadline(self):
        error = self.assert_fails(
            grpc.StatusCode.DEADLINE_EXCEEDED, self.call("unary_unary", "Hang"), b""
        )
        self.assertIn("longer than its route allows", error.details())
        self.wait_until(lambda: self.seen("cancelled") == 1, "the service goes on")


if __name__ == "__main__":
    unittest.main()
