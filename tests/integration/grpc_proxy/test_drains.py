"""Calls while one of the two ends of them goes away in good order: GOAWAY of the proxy, and GOAWAY
of the service (RFC 9113 section 6.8)."""

import queue
import threading
import unittest

import grpc
from stack import WAIT_SECONDS, StackCase


class Conversation:
    """A call that streams both ways, message by message, for as long as the test wants."""

    def __init__(self, case):
        self.questions = queue.Queue()
        self.call = case.call("stream_stream", "Converse")(
            iter(self.questions.get, None), timeout=WAIT_SECONDS
        )

    def exchange(self, message):
        self.questions.put(message)
        return next(self.call)

    def finish(self):
        """The status it ends with."""
        self.questions.put(None)
        assert list(self.call) == []
        return self.call.code()


class ProxyLeaves(StackCase):
    proxy_arguments = ("--drain-time", "30s")

    def test_streams_go_on_to_their_end(self):
        conversations = [Conversation(self) for _ in range(5)]
        for each in conversations:
            self.assertEqual(each.exchange(b"before"), b"before")

        self.proxy.terminate()
        self.wait_until(self.refuses_connections, "nobody listens")

        for each in conversations:
            for i in range(20):
                self.assertEqual(each.exchange(b"%d" % i), b"%d" % i)
        self.assertIsNone(self.proxy.poll())
        for each in conversations:
            self.assertEqual(each.finish(), grpc.StatusCode.OK)
        self.assertEqual(self.proxy.wait(timeout=WAIT_SECONDS), 0)

    def test_a_call_that_is_too_late_is_unavailable(self):
        conversation = Conversation(self)
        self.assertEqual(conversation.exchange(b"before"), b"before")

        self.proxy.terminate()
        self.wait_until(self.refuses_connections, "nobody listens")

        def is_unavailable():
            try:
                self.call("unary_unary", "Echo")(b"", timeout=WAIT_SECONDS)
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
                return True
            return False

        self.wait_until(is_unavailable, "the channel knows of GOAWAY")
        self.assertEqual(conversation.finish(), grpc.StatusCode.OK)
        self.assertEqual(self.proxy.wait(timeout=WAIT_SECONDS), 0)


class ProxyLeavesInAHurry(StackCase):
    proxy_arguments = ("--drain-time", "200ms")

    def test_a_stream_without_an_end_is_cut(self):
        conversation = Conversation(self)
        self.assertEqual(conversation.exchange(b"before"), b"before")

        self.proxy.terminate()

        self.assert_fails(grpc.StatusCode.UNAVAILABLE, lambda timeout: list(conversation.call))
        self.assertEqual(self.proxy.wait(timeout=WAIT_SECONDS), 0)


class ServiceLeaves(StackCase):
    """It lets no connection grow old, and says so with GOAWAY, over and over."""

    service_flags = ("--connection-age", "100")

    def connections(self):
        return self.metric("pointsman_upstream_connects_total")

    def test_no_call_is_lost(self):
        """Of calls that are not repeated by anybody but the proxy."""
        channel = self.open_channel(self.port, [("grpc.enable_retries", 0)])
        failures = []
        opened = self.connections()

        def call():
            echo = self.call("unary_unary", "Echo", channel)
            while not failures and self.connections() < opened + 10:
                try:
                    for _ in range(50):
                        assert echo(b"x", timeout=WAIT_SECONDS) == b"x"
                except grpc.RpcError as error:
                    failures.append(error)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_streams_go_on_to_their_end(self):
        conversation = Conversation(self)
        self.assertEqual(conversation.exchange(b"before"), b"before")
        opened = self.connections()

        def has_other_connection():
            self.call("unary_unary", "Echo")(b"", timeout=WAIT_SECONDS)
            return self.connections() > opened

        self.wait_until(has_other_connection, "another connection")
        self.assertEqual(conversation.exchange(b"after"), b"after")
        self.assertEqual(conversation.finish(), grpc.StatusCode.OK)


if __name__ == "__main__":
    unittest.main()
