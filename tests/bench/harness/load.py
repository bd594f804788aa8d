"""Load: wrk to saturate, h2load for HTTP/2 and at a fixed rate with the time of every one."""

import os
import re
import subprocess
import tempfile

LOAD_CPU = 1
CIPHER = "TLS_AES_128_GCM_SHA256"

# What h2load says of a connection, by the scheme: the same for every proxy, or it is no comparison.
AGREED = {
    "http": ["Application protocol: h2c"],
    "https": [f"Cipher: {CIPHER}", "Application protocol: h2"],
}


def _on_load_cpu():
    os.sched_setaffinity(0, {LOAD_CPU})


def _run(command, timeout):
    """What it prints, on the CPU of the load."""
    done = subprocess.run(
        command, preexec_fn=_on_load_cpu, check=True, capture_output=True, text=True, timeout=timeout
    )
    return done.stdout


def saturate(url, connections, seconds, keep_alive=True):
    """As many requests as `connections` can have answered. Returns (answered, failed)."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if not keep_alive:
        command += ["-H", "Connection: close"]
    output = _run(command + [url], seconds + 20)
    answered = int(re.search(r"(\d+) requests in", output).group(1))
    failed = 0
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    if errors and keep_alive:  # wrk counts a connection that ends as asked for as a read error
        failed += sum(int(number) for number in errors.groups())
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if statuses:
        failed += int(statuses.group(1))
    return answered, failed


def saturate_http2(url, connections, streams, seconds, flags=()):
    """The same over HTTP/2, each connection with `streams` requests at a time: by prior knowledge
    or, with an https URL, by ALPN. `flags`: more of h2load's."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    command += [f"--tls13-ciphers={CIPHER}", *flags, url]
    output = _run(command, seconds + 30)
    for line in AGREED[url.split(":")[0]]:
        if line not in output.splitlines():
            raise RuntimeError(f"h2load of {url} does not say '{line}', but:\n{output}")
    # Those that ended in an error or a timeout are among the failed.
    counts = re.search(r"(\d+) succeeded, (\d+) failed", output)
    answered, failed = int(counts.group(1)), int(counts.group(2))
    if answered + failed == 0:
        raise RuntimeError(f"h2load of {url} has had no answer at all:\n{output}")
    return answered, failed


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def saturate_with_latency(url, connections, seconds):
    """Requests answered a second, and the milliseconds that 99 of 100 did not exceed."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    output = _run(command + [url], seconds + 60)
    answered = int(re.search(r"(\d+) requests in", output).group(1))
    if answered == 0:
        return 0, float("nan")
    p99 = re.search(r"^\s+99%\s+(\S+)", output, re.MULTILINE).group(1)
    return answered / seconds, _milliseconds(p99)


def at_rate(urls, connections, seconds, rate):
    """`rate` requests a second for `seconds`, of these in turn. Returns the milliseconds each has
    taken, in order of size, and how many have failed."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "requests")
        per_client = max(1, round(rate / connections))
        subprocess.run(
            [
                "h2load",
                "--h1",
                "-t1",
                f"-c{connections}",
                f"-D{seconds}",
                f"--rps={per_client}",
                f"--log-file={log}",
            ]
            + urls,
            preexec_fn=_on_load_cpu,
            check=True,
            capture_output=True,
            timeout=seconds + 30,
        )
        times = []
        failed = 0
        with open(log, encoding="ascii") as file:
            for line in file:
                _, status, microseconds = line.split()[:3]
                if status.startswith("2"):
                    times.append(int(microseconds) / 1000)
                else:
                    failed += 1
        return sorted(times), failed


def call(port, message_path, connections, streams, seconds):
    """As many unary gRPC calls as clients on `connections`, each with `streams` at a time, can have
    answered. Returns (answered, failed)."""
    flags = [
        f"--data={message_path}",
        "--header=content-type: application/grpc",
        "--header=te: trailers",
    ]
    url = f"http://127.0.0.1:{port}/bench.Service/Echo"
    return saturate_http2(url, connections, streams, seconds, flags)


def percentile(times, share):
    """Of sorted numbers: the one that `share` of them do not exceed."""
    return times[min(len(times) - 1, int(len(times) * share))] if times else float("nan")
