"""Starts a program as a socket unit of systemd does, with sockets from descriptor 3 on.

    launcher.py NAME=ADDRESS:PORT ... -- PROGRAM ARGUMENT ...
"""
import os
import socket
import sys

split = sys.argv.index("--")
sockets = []
for spec in sys.argv[1:split]:
    host, port = spec.split("=", 1)[1].rsplit(":", 1)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    listener.listen(64)
    sockets.append(listener)

# Out of the way first, so that none is overwritten before it was copied.
copies = [os.dup(listener.fileno()) for listener in sockets]
high = [os.dup2(copy, 100 + i) for i, copy in enumerate(copies)]
for i, descriptor in enumerate(high):
    os.dup2(descriptor, 3 + i, inheritable=True)
os.closerange(3 + len(sockets), 256)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(sockets))
os.environ["LISTEN_FDNAMES"] = ":".join(spec.split("=", 1)[0] for spec in sys.argv[1:split])
os.execv(sys.argv[split + 1], sys.argv[split + 1:])
