"""What is refused, and how a client in Python is told."""

import unittest

import grpc
from control import ControlCase, bad_request_of, route
from google.protobuf import duration_pb2
from pointsman.v1 import control_pb2, feed_pb2

CONTROL = "/pointsman.v1.RouteControl/"


class Refusals(ControlCase):
    def raw_call(self, path):
        """A method that takes and returns bytes."""
        return self.channel.unary_unary(path)

    def test_a_bad_route_is_refused_with_its_fields(self):
        bad = route("Not A Name", path="no-slash")

        error = self.assert_fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            self.control.PutRoute,
            control_pb2.PutRouteRequest(route=bad),
        )

        violations = bad_request_of(error)
        self.assertIn("route.name", violations)
        self.assertIn("route.rules[0].matches[0].path.value", violations)

    def test_a_bad_mutation_is_named_by_its_number_and_nothing_is_done(self):
        mutations = [
            control_pb2.Mutation(put_route=route("good")),
            control_pb2.Mutation(put_route=route("bad", path="no-slash")),
        ]

        error = self.assert_fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            self.control.Apply,
            control_pb2.ApplyRequest(mutations=mutations),
        )

        field = "mutations[1].put_route.rules[0].matches[0].path.value"
        self.assertEqual(list(bad_request_of(error)), [field])
        self.assertEqual(self.control.GetInfo(control_pb2.GetInfoRequest()).routes, 0)

    def test_ten_thousand_mistakes_are_told_in_what_a_client_takes(self):
        mutations = [
            control_pb2.Mutation(put_route=route(f"Wrong Name {i}", path=f"wrong-path-{i}"))
            for i in range(10000)
        ]

        error = self.assert_fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            self.control.Apply,
            control_pb2.ApplyRequest(mutations=mutations),
        )

        self.assertIn("mutations[0].put_route.name", bad_request_of(error))
        self.assertRegex(error.details(), r"and \d+ more")

    def test_text_of_any_language_comes_back_as_it_was(self):
        error = self.assert_fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            self.control.PutRoute,
            control_pb2.PutRouteRequest(route=route("größe-100%-äpfel")),
        )

        bad_request_of(error)  # its message and the status's are the same

    def test_what_is_not_there_is_not_found(self):
        request = control_pb2.GetRouteRequest(name="nowhere")

        error = self.assert_fails(grpc.StatusCode.NOT_FOUND, self.control.GetRoute, request)

        self.assertIn("nowhere", error.details())

    def test_a_precondition_that_does_not_hold_says_which(self):
        revision = self.put_route("shop").revision
        cases = {
            grpc.StatusCode.ALREADY_EXISTS: control_pb2.Precondition(must_not_exist=True),
            grpc.StatusCode.FAILED_PRECONDITION: control_pb2.Precondition(revision_is=revision + 1),
        }

        for code, precondition in cases.items():
            request = control_pb2.PutRouteRequest(route=route("shop"), precondition=precondition)
            self.assert_fails(code, self.control.PutRoute, request)

    def test_an_unknown_method_is_unimplemented(self):
        for path in (CONTROL + "Fly", "/pointsman.v1.Toaster/Apply", "/"):
            self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, self.raw_call(path), b"")

    def test_a_compressed_request_is_unimplemented(self):
        self.assert_fails(
            grpc.StatusCode.UNIMPLEMENTED,
            self.control.GetRoute,
            control_pb2.GetRouteRequest(name="a" * 10000),
            compression=grpc.Compression.Gzip,
        )

    def test_a_message_that_is_too_long_is_refused(self):
        for length in (2 << 20, 100 << 20):
            request = control_pb2.GetRouteRequest(name="a" * length)
            self.assert_fails(grpc.StatusCode.RESOURCE_EXHAUSTED, self.control.GetRoute, request)

    def test_an_unknown_field_is_refused_at_any_depth(self):
        unknown = b"\xf8\x07\x01"  # field 127, a varint
        inner = route("shop").SerializeToString() + unknown
        nested = b"\x0a" + bytes([len(inner)]) + inner

        for message in (unknown, nested):
            error = self.assert_fails(
                grpc.StatusCode.INVALID_ARGUMENT, self.raw_call(CONTROL + "PutRoute"), message
            )
            self.assertIn("127", error.details())

    def test_bytes_that_are_no_message_are_refused(self):
        for message in (b"\xff" * 20, b"\x0a\x7fshort", b"\x0a\x04\x0a\x02\xc3\x28"):
            self.assert_fails(
                grpc.StatusCode.INVALID_ARGUMENT, self.raw_call(CONTROL + "PutRoute"), message
            )

    def test_a_deadline_ends_a_call_that_waits(self):
        self.put_route("shop")
        watch = feed_pb2.WatchRequest(
            proxy_id="slow", boot_id="1", protocol_min=1, protocol_max=1
        )
        stream = self.feed.Watch(watch)
        next(stream)  # it is connected, and never reports

        wait = control_pb2.WaitAppliedRequest(timeout=duration_pb2.Duration(seconds=30))
        self.assert_fails(
            grpc.StatusCode.DEADLINE_EXCEEDED, self.control.WaitApplied, wait, timeout=0.3
        )
        stream.cancel()

    def test_the_channel_goes_on_after_every_refusal(self):
        for _ in range(300):
            self.assert_fails(grpc.StatusCode.UNIMPLEMENTED, self.raw_call(CONTROL + "Fly"), b"")

        self.put_route("shop")


if __name__ == "__main__":
    unittest.main()
