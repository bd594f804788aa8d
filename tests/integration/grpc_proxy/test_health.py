"""Health checks of type GRPC: a server says by grpc.health.v1 whether it serves."""

import unittest

import grpc
from stack import WAIT_SECONDS, StackCase


class Health(StackCase):
    asked = ""  # the service that is asked about

    def add_route(self):
        self.routectl(
            "backend", "add", "grpc", "--to", f"h2c://127.0.0.1:{self.service.port}",
            "--health-type", "GRPC", "--health-service", self.asked, "--health-interval", "50ms",
        )  # fmt: skip
        self.routectl("add", "grpc", "--path-prefix", "/test.Service", "--backend", "grpc")

    def set_serving(self, name, serves):
        """Told to the service itself, past the proxy."""
        direct = self.open_channel(self.service.port)
        self.call("unary_unary", "Serve", direct)(
            b"%s %d" % (name.encode(), serves), timeout=WAIT_SECONDS
        )

    def code(self):
        try:
            self.call("unary_unary", "Echo")(b"", timeout=WAIT_SECONDS)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def wait_for_code(self, code):
        self.wait_until(lambda: self.code() == code, f"never {code}")

    def test_who_does_not_serve_gets_no_calls_until_it_does(self):
        self.wait_for_code(grpc.StatusCode.OK)
        self.set_serving(self.asked, False)
        self.wait_for_code(grpc.StatusCode.UNAVAILABLE)
        self.set_serving(self.asked, True)
        self.wait_for_code(grpc.StatusCode.OK)


class HealthOfAService(Health):
    """That the server as a whole serves says nothing of it, and one that is not known does not."""

    asked = "test.Service"

    def test_who_does_not_serve_gets_no_calls_until_it_does(self):
        self.wait_for_code(grpc.StatusCode.UNAVAILABLE)
        self.set_serving(self.asked, True)
        self.wait_for_code(grpc.StatusCode.OK)


if __name__ == "__main__":
    unittest.main()
