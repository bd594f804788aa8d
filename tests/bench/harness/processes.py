"""Programs under measurement: started on a CPU of their own, read through /proc, ended."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time


def require(programs):
    """Ends the script when one of {program: package of Debian} is not installed, and names all."""
    missing = [
        f"{program} (package {package})"
        for program, package in programs.items()
        if shutil.which(program) is None
    ]
    if missing:
        sys.exit(f"{os.path.basename(sys.argv[0])}: not installed: {', '.join(missing)}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} has ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def start(arguments, cpus=None, log=None, environment=None):
    """Starts a program in a process group of its own, on these CPUs. It ends with this script, whatever
    ends that."""

    def prepare():
        os.setpgid(0, 0)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if cpus is not None:
            os.sched_setaffinity(0, cpus)

    output = open(log, "ab") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=prepare,
            env=environment,
        )
    finally:
        if log:
            output.close()


def stop(process):
    """Ends a program and what it has started."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def family(pid):
    """A process and everything below it."""
    pids = [pid]
    for parent in pids:
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
                pids += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return pids


def cpu_ns(pids):
    """Nanoseconds that all threads of these processes have run."""
    total = 0
    for pid in pids:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
            except OSError:
                pass
    return total


def memory_kib(pids):
    """Proportional set size: what is shared between processes counts once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                for line in file:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        except OSError:
            pass
    return total
