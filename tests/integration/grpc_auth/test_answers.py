"""What an authorization service of gRPC is told, and what becomes of what it answers."""

import concurrent.futures
import os
import ssl
import subprocess
import time
import unittest

from guarded import GuardedCase, allow, deny, header, messages
from programs import WAIT_SECONDS

from google.protobuf import struct_pb2, wrappers_pb2

APPEND = wrappers_pb2.BoolValue(value=True)


class Answers(GuardedCase):
    def test_the_service_is_told_of_the_request(self):  # FLT-AUTH-16, FLT-AUTH-17
        began = time.time()
        self.ask("/a/b?c=%20d", headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "k=1")])
        (attributes,) = self.questions
        asked = attributes.request.http
        self.assertEqual(asked.method, "GET")
        self.assertEqual(asked.path, "/a/b?c=%20d")
        self.assertEqual(asked.host, f"127.0.0.1:{self.port}")
        self.assertEqual(asked.scheme, "http")
        self.assertEqual(asked.protocol, "HTTP/1.1")
        self.assertEqual(asked.size, 0)
        self.assertEqual(asked.headers["x-a"], "1,2")
        self.assertEqual(asked.headers["cookie"], "k=1")
        self.assertEqual(asked.headers["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(asked.headers["x-request-id"], asked.id)
        self.assertNotIn("connection", asked.headers)
        self.assertEqual((asked.query, asked.fragment), ("", ""))
        self.assertLess(abs(attributes.request.time.ToNanoseconds() / 1e9 - began), WAIT_SECONDS)
        source = attributes.source.address.socket_address
        self.assertEqual(source.address, "127.0.0.1")
        self.assertGreater(source.port_value, 0)
        destination = attributes.destination.address.socket_address
        self.assertEqual((destination.address, destination.port_value), ("127.0.0.1", self.port))

    def test_who_is_allowed_is_who_the_service_says(self):  # FLT-AUTH-20
        self.decide = lambda attributes, context: allow(
            headers=[
                header("x-user", "kim"),
                header("x-group", "more", append=APPEND),
                header("x-none", "made", append_action=1),
                header("x-kept", "other", append_action=1),
                header("x-changed", "new", append_action=3),
                header("x-absent", "new", append_action=3),
                header("host", "evil.example"),
                header("x-forwarded-for", "6.6.6.6"),
                header("content-length", "7"),
            ],
            headers_to_remove=["authorization", "host", ":path", "x-forwarded-for"],
        )
        _, text = self.ask(
            headers=[
                ("X-User", "evil"), ("X.User", "evil"), ("Authorization", "s"),
                ("x-group", "a"), ("x-kept", "mine"), ("x-changed", "old"),
            ]
        )  # fmt: skip
        self.assertIn(f"\nhost: 127.0.0.1:{self.port}\n", text)
        self.assertIn("\nx-user: kim\n", text)
        self.assertIn("\nx-group: a\n", text)
        self.assertIn("\nx-group: more\n", text)
        self.assertIn("\nx-none: made\n", text)
        self.assertIn("\nx-kept: mine\n", text)
        self.assertIn("\nx-changed: new\n", text)
        self.assertIn("\nx-forwarded-for: 127.0.0.1\n", text)
        for gone in ("evil", "authorization", "x-absent", "old", "6.6.6.6", "content-length"):
            self.assertNotIn(gone, text)

    def test_queries_and_answers_are_edited(self):  # FLT-AUTH-21
        self.decide = lambda attributes, context: allow(
            response_headers_to_add=[header("x-session", "7"), header("x-own", "gate")],
            query_parameters_to_set=[messages.QueryParameter(key="user", value="kim & co")],
            query_parameters_to_remove=["token"],
        )
        answer, text = self.ask("/a?%74oken=s&b=2&user=evil&token=t")
        self.assertTrue(text.startswith("GET /a?b=2&user=kim%20%26%20co HTTP/1.1\n"), text)
        self.assertEqual(answer.getheader("x-session"), "7")
        self.assertEqual(answer.getheader("x-own"), "gate")

    def test_what_the_proxy_does_not_know_does_not_count(self):  # FLT-AUTH-23
        metadata = struct_pb2.Struct()
        metadata.update({"a": {"b": [1, "c", None]}})
        self.decide = lambda attributes, context: messages.CheckResponse(
            status=messages.RpcStatus(message="fine"),
            ok_response=messages.OkHttpResponse(dynamic_metadata=metadata),
            dynamic_metadata=metadata,
        )
        answer, _ = self.ask()
        self.assertEqual(answer.status, 200)

    def test_a_status_alone_decides(self):  # FLT-AUTH-19
        codes = [0, 7, 16]
        self.decide = lambda attributes, context: messages.CheckResponse(
            status=messages.RpcStatus(code=codes.pop(0))
        )
        self.assertEqual(self.ask()[0].status, 200)
        self.assert_asked(403)
        self.assert_asked(403)
        self.assertEqual(self.refused("authorization_refused"), 2)

    def test_a_challenge_and_a_login_page_are_passed_on(self):  # FLT-AUTH-19
        self.decide = lambda attributes, context: deny(
            401, "who?", [header("WWW-Authenticate", "Bearer"), header("x-a", "1")], code=16
        )
        answer, text = self.assert_asked(401)
        self.assertEqual(answer.getheader("www-authenticate"), "Bearer")
        self.assertEqual(text, "who?")

        page = "<html>" + "x" * 50000
        self.decide = lambda attributes, context: deny(
            302,
            page,
            [
                header("location", "https://login.example/"),
                header("content-type", "text/html"),
                header("set-cookie", "a=1"),
                header("set-cookie", "b=2"),
                header("transfer-encoding", "chunked"),
            ],
        )
        answer, text = self.assert_asked(302)
        self.assertEqual(answer.getheader("location"), "https://login.example/")
        self.assertEqual(answer.headers.get_all("set-cookie"), ["a=1", "b=2"])
        self.assertEqual(answer.getheader("content-type"), "text/html")
        self.assertEqual(text, page)

    def test_many_are_asked_about_at_once(self):
        self.decide = lambda attributes, context: allow(
            headers=[header("x-user", attributes.request.http.headers["x-number"])]
        )

        def ask_many(first):
            client = self.open()
            for number in range(first, first + 25):
                _, text = self.ask(headers=[("x-number", str(number))], client=client)
                self.assertIn(f"\nx-user: {number}\n", text)
            client.close()

        with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(ask_many, range(0, 400, 25)))
        self.assertEqual(len(self.questions), 400)


class Bodies(GuardedCase):
    route_flags = ("--auth-max-body", "100", "--auth-header", "x-a")

    def test_a_body_is_told_and_goes_on(self):  # FLT-AUTH-18, FLT-AUTH-8
        _, text = self.ask(method="POST", body="caf\u00e9".encode(), headers=[("x-a", "1")])
        self.assertTrue(text.endswith("\n\ncaf\u00c3\u00a9"), text)
        asked = self.questions[-1].request.http
        self.assertEqual((asked.body, asked.raw_body, asked.size), ("caf\u00e9", b"", 5))
        self.assertEqual(dict(asked.headers), {"x-a": "1"})

        self.ask(method="POST", body=b"\x00\xff")
        asked = self.questions[-1].request.http
        self.assertEqual((asked.body, asked.raw_body, asked.size), ("", b"\x00\xff", 2))

        self.assert_asked(413, method="POST", body=b"x" * 101)
        self.assertEqual(len(self.questions), 2)


class Certificates(GuardedCase):
    def listeners(self):
        key, certificate = self.make_certificate()
        self.client_files = self.make_client_certificate()
        secured = f"https=127.0.0.1:0,certificate={certificate},key={key}"
        return ("127.0.0.1:0", f"{secured},client-ca={self.client_files[1]}")

    def make_client_certificate(self):
        """One that signs itself: who is asked for it trusts it."""
        key, certificate = (os.path.join(self.folder, name) for name in ("who.key", "who.pem"))
        command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        command = [*command.split(), "-keyout", key, "-out", certificate, "-days", "2"]
        names = "subjectAltName=DNS:who.example,URI:spiffe://example/who"
        command += ["-subj", "/CN=who", "-addext", names]
        subprocess.run(command, check=True, capture_output=True)
        return key, certificate

    def test_the_principal_is_who_the_certificate_names(self):  # FLT-AUTH-17
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.client_files[1], self.client_files[0])
        client = self.open()
        client.port = self.ports[1]
        client.connect()
        client.sock = context.wrap_socket(client.sock)
        self.assertEqual(self.ask(client=client)[0].status, 200)
        client.close()

        (attributes,) = self.questions
        self.assertEqual(attributes.source.principal, "spiffe://example/who")
        self.assertEqual(attributes.request.http.scheme, "https")
        self.assertEqual(attributes.request.http.headers["x-client-cert-subject"], "CN=who")


DOCUMENT = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api}
spec:
  rules:
  - filters:
    - type: ExternalAuth
      externalAuth:
        protocol: GRPC
        backendRef: {name: gate, port: 9001}
        grpc: {allowedHeaders: [cookie, x-a]}
        forwardBody: {maxSize: 64}
    backendRefs: [{name: api}]
---
apiVersion: pointsman/v1
kind: Backend
metadata: {name: gate}
spec:
  ports: [{port: 9001, targetPort: TARGET, appProtocol: kubernetes.io/h2c}]
  endpoints: [{address: 127.0.0.1}]
"""


class Documents(GuardedCase):
    def run_routectl(self, *arguments, documents=None):
        command = [os.path.join(os.environ["POINTSMAN_BIN"], "routectl"), "--socket", self.socket]
        return subprocess.run(
            [*command, *arguments], input=documents, capture_output=True, text=True, check=False
        ).stdout

    def test_what_is_exported_is_the_same_again(self):
        documents = DOCUMENT.replace("TARGET", str(self.gate_port))
        self.run_routectl("apply", "-f", "-", documents=documents)
        self.ask(headers=[("x-a", "1"), ("x-b", "2")])
        self.assertEqual(dict(self.questions[-1].request.http.headers), {"x-a": "1"})

        exported = self.run_routectl("export")
        self.assertIn("protocol: GRPC", exported)
        self.assertIn("allowedHeaders", exported)
        self.assertEqual(self.run_routectl("diff", "-f", "-", documents=exported), "")
        changed = exported.replace("maxSize: 64", "maxSize: 65")
        self.assertNotEqual(changed, exported)
        diff = self.run_routectl("diff", "-f", "-", documents=changed)
        self.assertRegex(diff, r"\n\+.*maxSize: 65")


if __name__ == "__main__":
    unittest.main()
