"""Much of everything through the proxy: bytes, calls at a time, and services that die."""

import concurrent.futures
import itertools
import os
import sys
import time
import unittest

import grpc
from stack import WAIT_SECONDS, StackCase

MEBIBYTE = 1024 * 1024
PIECE = 64 * 1024
PIECES = 100 * MEBIBYTE // PIECE
LONG_SECONDS = 4 * WAIT_SECONDS

# What the proxy may take for a stream whose reader is slow, beyond what it took before.
ALLOWED_BYTES = 16 * MEBIBYTE


class Volume(StackCase):
    before = 0

    def setUp(self):
        super().setUp()
        self.call("unary_unary", "Echo")(b"warm", timeout=WAIT_SECONDS)
        self.before = self.proxy_memory("VmRSS")

    def assert_little_memory(self):
        """A sanitizer's own memory is none of the proxy's."""
        if not os.environ.get("POINTSMAN_SANITIZED"):
            taken = self.proxy_memory("VmHWM") - self.before
            print(f"{taken / MEBIBYTE:.1f} MiB", end=" ", file=sys.stderr, flush=True)
            self.assertLess(taken, ALLOWED_BYTES)

    def test_100_mb_to_a_service_that_reads_slowly(self):
        sizes = (bytes(PIECE) for _ in range(PIECES))
        answer = self.call("stream_unary", "Gather")(
            sizes, timeout=LONG_SECONDS, metadata=(("x-delay", "0.0005"),)
        )
        self.assertEqual(int(answer), PIECES * PIECE)
        self.assert_little_memory()

    def test_100_mb_to_a_client_that_reads_slowly(self):
        answers = self.call("unary_stream", "Spread")(
            b"%d %d" % (PIECES, PIECE), timeout=LONG_SECONDS
        )
        total = 0
        for i, answer in enumerate(answers):
            total += len(answer)
            if i % 10 == 0:
                time.sleep(0.005)
        self.assertEqual(total, PIECES * PIECE)
        self.assert_little_memory()

    def test_a_client_that_does_not_read_delays_no_other(self):
        stuck = [
            self.call("unary_stream", "Spread", self.open_channel(self.port, [("grpc.local", i)]))(
                b"%d %d" % (PIECES, PIECE), timeout=LONG_SECONDS
            )
            for i in range(20)
        ]
        for answers in stuck:
            next(answers)

        for i in range(200):
            message = b"%d" % i
            self.assertEqual(
                self.call("unary_unary", "Echo")(message, timeout=WAIT_SECONDS), message
            )

        self.assert_little_memory()
        for answers in stuck:
            answers.cancel()


class Crowd(StackCase):
    def test_500_calls_at_a_time(self):
        hang = self.call("unary_unary", "Hang")
        held = [hang.future(b"", timeout=LONG_SECONDS) for _ in range(90)]
        channels = [self.open_channel(self.port, [("grpc.local", i)]) for i in range(5)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=500) as pool:
            echo = [self.call("stream_stream", "Converse", channel) for channel in channels]

            def talk(number):
                questions = [b"%d %d" % (number, i) for i in range(20)]
                answers = list(echo[number % 5](iter(questions), timeout=LONG_SECONDS))
                return answers == questions

            self.assertTrue(all(pool.map(talk, range(500))))
        for call in held:
            call.cancel()
        self.wait_until(lambda: self.seen("active") == 0, "calls that were cancelled go on")
        self.assertLess(self.metric("pointsman_upstream_connects_total"), 40)


class Deaths(StackCase):
    def test_a_service_that_is_killed_in_mid_stream_is_unavailable(self):
        answers = self.call("unary_stream", "Begin")(b"first", timeout=WAIT_SECONDS)
        self.assertEqual(next(answers), b"first")

        self.service.kill()

        self.assert_fails(grpc.StatusCode.UNAVAILABLE, lambda timeout: next(answers))

    def test_a_service_that_is_killed_before_it_answers_is_unavailable(self):
        call = self.call("unary_unary", "Hang").future(b"", timeout=WAIT_SECONDS)
        self.wait_until(lambda: self.seen("active") == 1, "the call does not arrive")

        self.service.kill()

        self.assert_fails(grpc.StatusCode.UNAVAILABLE, lambda timeout: call.result(timeout))

    def test_nobody_there_is_unavailable_and_who_comes_back_is_served(self):
        port = self.service.port
        self.service.kill()
        self.assert_fails(grpc.StatusCode.UNAVAILABLE, self.call("unary_unary", "Echo"), b"a")

        self.service = self.start_service(port)

        def is_served():
            try:
                return self.call("unary_unary", "Echo")(b"b", timeout=WAIT_SECONDS) == b"b"
            except grpc.RpcError:
                return False

        self.wait_until(is_served, "it is never served again")

    def test_a_service_that_stops_while_calls_come_loses_none_of_them(self):
        """GOAWAY: what it does not take any more goes to the other one."""
        other = self.start_service()
        self.routectl(
            "add", "two", "--path-prefix", "/test.Service/Echo",
            "--to", f"h2c://127.0.0.1:{self.service.port}", "--to", f"h2c://127.0.0.1:{other.port}",
        )  # fmt: skip
        for number in itertools.count():
            message = b"%d" % number
            answer = self.call("unary_unary", "Echo")(message, timeout=WAIT_SECONDS)
            self.assertEqual(answer, message)
            if number == 200:
                self.service.stop()
            if number == 500:
                break


if __name__ == "__main__":
    unittest.main()
