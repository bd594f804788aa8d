"""Where and when something was measured, in a line for RESULTS.md."""

import datetime
import os
import platform
import sys


def describe():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    today = datetime.date.today().isoformat()
    command = " ".join([os.path.relpath(sys.argv[0])] + sys.argv[1:])
    return (
        f"{today}, {cpu}, {os.cpu_count()} CPUs, {memory} GiB, "
        f"Linux {platform.release()}: `{command}`"
    )
