"""Sessions of gRPC: what the Gateway API asks of a GRPCRoute (GEP-1619, conformance)."""

import unittest

from stack import WAIT_SECONDS, StackCase

CALLS = 50
CLIENTS = 200

DOCUMENTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: grpc}}
spec:
  rules:
  - matches: [{{method: {{service: test.Service, method: Process}}}}]
    backendRefs: [{{name: v1, weight: 70}}, {{name: v2, weight: 30}}]
    sessionPersistence: {session}
  - matches: [{{method: {{service: test.Service, method: Other}}}}]
    backendRefs: [{{name: v1}}, {{name: v2}}]
    sessionPersistence: {session}
---
apiVersion: pointsman/v1
kind: Backend
metadata: {{name: v1}}
spec:
  appProtocol: h2c
  endpoints: [{{address: 127.0.0.1, port: {first}}}, {{address: 127.0.0.1, port: {second}}}]
---
apiVersion: pointsman/v1
kind: Backend
metadata: {{name: v2}}
spec: {{appProtocol: h2c, endpoints: [{{address: 127.0.0.1, port: {third}}}]}}
"""


class Sessions(StackCase):
    def add_route(self):
        self.services = [self.service, self.start_service(), self.start_service()]

    def keep(self, session):
        first, second, third = (service.port for service in self.services)
        self.routectl(
            "apply", "-f", "-",
            documents=DOCUMENTS.format(session=session, first=first, second=second, third=third),
        )  # fmt: skip

    def ask(self, method="Process", metadata=()):
        """Who answered, and the metadata that came with it."""
        answer, call = self.call("unary_unary", method).with_call(
            b"", metadata=metadata, timeout=WAIT_SECONDS
        )
        return int(answer), dict(call.initial_metadata())

    def assert_kept(self, metadata, method="Process"):
        """The one who answers all calls with this metadata."""
        answers = [self.ask(method, metadata)[0] for _ in range(CALLS)]
        self.assertEqual(answers, answers[:1] * CALLS)
        return answers[0]

    def test_a_cookie_keeps_a_client(self):
        """SESSION-1 SESSION-5 SESSION-7"""
        self.keep("{type: Cookie}")
        for _ in range(3):
            answered, told = self.ask()
            cookie, attributes = told["set-cookie"].split(";", 1)
            self.assertEqual(attributes, " Path=/; HttpOnly; SameSite=Strict")
            self.assertEqual(self.assert_kept([("cookie", cookie)]), answered)
            self.assertNotIn("set-cookie", self.ask(metadata=[("cookie", cookie)])[1])

    def test_a_header_keeps_a_client(self):
        """SESSION-1 SESSION-7"""
        self.keep("{type: Header, header: {name: X-Session}}")
        for _ in range(3):
            answered, told = self.ask()
            token = [("x-session", told["x-session"])]
            self.assertEqual(self.assert_kept(token), answered)
            self.assertEqual(self.ask(metadata=token)[1]["x-session"], told["x-session"])

    def test_first_calls_follow_the_weights(self):
        """SESSION-2: a share of 200 that is right is farther off than 17 % once in a million."""
        self.keep("{}")
        third = self.services[2].process.pid
        of_third = sum(self.ask()[0] == third for _ in range(CLIENTS))
        self.assertAlmostEqual(of_third / CLIENTS, 0.3, delta=0.17)

    def test_each_rule_has_sessions_of_its_own(self):
        """SESSION-3"""
        self.keep("{}")
        answered, told = self.ask()
        cookies = [told["set-cookie"].split(";")[0]]
        other, other_told = self.ask("Other", [("cookie", cookies[0])])
        while other == answered:
            other, other_told = self.ask("Other", [("cookie", cookies[0])])
        cookies.append(other_told["set-cookie"].split(";")[0])
        self.assertNotEqual(cookies[0].split("=")[0], cookies[1].split("=")[0])
        both = [("cookie", "; ".join(cookies))]
        self.assertEqual(self.assert_kept(both), answered)
        self.assertEqual(self.assert_kept(both, "Other"), other)


if __name__ == "__main__":
    unittest.main()
