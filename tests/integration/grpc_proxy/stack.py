"""The real programs with a gRPC service behind them, and what stories do with these.

A test case made from StackCase has control, the proxy and one service running, and a channel that
leads to the service through the proxy. At the end the programs are asked to stop and must do so
cleanly: a sanitizer's complaint is an exit code.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

try:
    import grpc
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: install python3-grpcio (tests/run does)")

# However slow the machine: what is waited for longer than this does not come.
WAIT_SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))
ANY_SIZE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def program(name):
    return os.path.join(os.environ["POINTSMAN_BIN"], name)


class Service:
    """service.py as a process; `secured` are files of a key and a certificate."""

    def __init__(self, port=0, secured=(), flags=()):
        command = [
            sys.executable, "-B", os.path.join(HERE, "service.py"), *flags, str(port), *secured,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()


class StackCase(unittest.TestCase):
    route_flags = ()  # more flags for the route
    proxy_arguments = ()
    service_flags = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pointsman-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "control.sock")
        self.start("control", "--socket", self.socket)
        self.wait_for_control()
        self.proxy = self.start(
            "proxy", "--control", self.socket, "--listen", "127.0.0.1:0", "--workers", "2",
            "--admin", "127.0.0.1:0", "--local-copy", os.path.join(self.folder, "copy"),
            *self.proxy_arguments,
        )  # fmt: skip
        self.port = self.port_in_log(" listening ")
        self.admin_port = self.port_in_log(" admin_listening ")
        self.service = self.start_service()
        self.add_route()
        self.channel = self.open_channel(self.port)

    # --- programs ---------------------------------------------------------------------------

    def log_file(self, name):
        return os.path.join(self.folder, f"{name}.log")

    def start(self, name, *arguments):
        if name == "control":
            arguments += ("--database", os.path.join(self.folder, "routes.db"))
        with open(self.log_file(name), "wb") as log:
            process = subprocess.Popen([program(f"pointsman-{name}"), *arguments], stderr=log)
        self.addCleanup(self.stop, name, process)
        return process

    def stop(self, name, process):
        process.terminate()
        try:
            exit_code = process.wait(timeout=WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            exit_code = process.wait()
        with open(self.log_file(name), encoding="utf-8", errors="replace") as log:
            self.assertEqual(exit_code, 0, log.read())

    def start_service(self, port=0, secured=()):
        service = Service(port, secured, self.service_flags)
        self.addCleanup(service.stop)
        return service

    def wait_until(self, condition, what):
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def wait_for_control(self):
        self.wait_until(
            lambda: subprocess.run(
                [program("routectl"), "--socket", self.socket, "status"], capture_output=True
            ).returncode
            == 0,
            "control does not answer",
        )

    def port_in_log(self, event):
        found = []

        def look():
            with open(self.log_file("proxy"), encoding="utf-8") as log:
                for line in log:
                    match = event in line and re.search(r"127\.0\.0\.1:(\d+)", line)
                    if match:
                        found.append(int(match.group(1)))
            return bool(found)

        self.wait_until(look, event)
        return found[0]

    # --- routes and channels ----------------------------------------------------------------

    def routectl(self, *arguments, documents=None):
        """`documents` are what it reads from its input."""
        command = [program("routectl"), "--socket", self.socket, *arguments]
        done = subprocess.run(
            command, input=documents, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def add_route(self):
        self.routectl(
            "add", "grpc", "--path-prefix", "/test.Service",
            "--to", f"h2c://127.0.0.1:{self.service.port}", *self.route_flags,
        )  # fmt: skip

    def open_channel(self, port, options=()):
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[*ANY_SIZE, *options])
        self.addCleanup(channel.close)
        return channel

    def call(self, kind, method, channel=None):
        """A function that makes such calls: kind is "unary_stream" and the like."""
        return getattr(channel or self.channel, kind)(f"/test.Service/{method}")

    def assert_fails(self, code, function, *arguments, **named):
        named.setdefault("timeout", WAIT_SECONDS)
        with self.assertRaises(grpc.RpcError) as caught:
            function(*arguments, **named)
        self.assertEqual(caught.exception.code(), code, caught.exception)
        return caught.exception

    def seen(self, name):
        """What the service itself has counted, asked directly."""
        direct = self.open_channel(self.service.port)
        return int(self.call("unary_unary", "Seen", direct)(name.encode(), timeout=WAIT_SECONDS))

    def metric(self, name):
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        with urllib.request.urlopen(url, timeout=WAIT_SECONDS) as page:
            text = page.read().decode()
        values = [
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith((f"{name} ", f"{name}{{"))
        ]
        self.assertTrue(values, f"no {name} in {text}")
        return sum(values)

    def proxy_memory(self, line):
        """Bytes: VmRSS for now, VmHWM for the most there ever was."""
        with open(f"/proc/{self.proxy.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"{line}:\s+(\d+) kB", status.read()).group(1)) * 1024
