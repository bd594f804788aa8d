"""The real programs, for stories that are told in Python.

A test case made from ProgramsCase has control and the proxy running. At the end the programs are
asked to stop and must do so cleanly: a sanitizer's complaint is an exit code.
"""

import os
import re
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

# However slow the machine: what is waited for longer than this does not come.
WAIT_SECONDS = 60


def program(name):
    return os.path.join(os.environ["POINTSMAN_BIN"], name)


class ProgramsCase(unittest.TestCase):
    proxy_arguments = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pointsman-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "control.sock")
        self.start("control", "--socket", self.socket)
        self.wait_for_control()
        listeners = self.listeners()
        self.proxy = self.start(
            "proxy", "--control", self.socket, "--workers", "2", "--admin", "127.0.0.1:0",
            "--local-copy", os.path.join(self.folder, "copy"), *self.proxy_arguments,
            *[flag for listener in listeners for flag in ("--listen", listener)],
        )  # fmt: skip
        self.ports = self.ports_in_log(" listening ", len(listeners))
        self.port = self.ports[0]
        self.admin_port = self.ports_in_log(" admin_listening ", 1)[0]

    def listeners(self):
        """Of the proxy, for --listen; self.ports are theirs, in the same order."""
        return ("127.0.0.1:0",)

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

    def ports_in_log(self, event, count):
        found = []

        def look():
            with open(self.log_file("proxy"), encoding="utf-8") as log:
                matches = [re.search(r"127\.0\.0\.1:(\d+)", line) for line in log if event in line]
            found[:] = [int(match.group(1)) for match in matches if match]
            return len(found) >= count

        self.wait_until(look, event)
        return found

    def make_certificate(self):
        """Files of a key and of a certificate for 127.0.0.1."""
        key, certificate = (os.path.join(self.folder, name) for name in ("key.pem", "cert.pem"))
        command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        command = [*command.split(), "-keyout", key, "-out", certificate, "-days", "2"]
        command += ["-subj", "/CN=service", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(command, check=True, capture_output=True)
        return key, certificate

    # --- what they are told, and say --------------------------------------------------------

    def routectl(self, *arguments, documents=None):
        """`documents` are what it reads from its input."""
        command = [program("routectl"), "--socket", self.socket, *arguments]
        done = subprocess.run(
            command, input=documents, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)

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

    def refuses_connections(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS):
                return False
        except ConnectionRefusedError:
            return True

    def proxy_memory(self, line):
        """Bytes: VmRSS for now, VmHWM for the most there ever was."""
        with open(f"/proc/{self.proxy.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"{line}:\s+(\d+) kB", status.read()).group(1)) * 1024
