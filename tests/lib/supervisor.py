"""A supervisor as systemd is one, for a test: keeps listening sockets open and starts a program with them.

    supervisor.py [--socket NAME=HOST:PORT]... [--watchdog SECONDS] PROGRAM ARG...

Reads "start", "signal NAME" and "quit" from stdin, a line each; writes a JSON object a line: the sockets' ports, what the
program prints and tells it (sd_notify), and how it ended. Ends the program when stdin does.
"""
import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--socket", action="append", default=[])
parser.add_argument("--kind", default="tcp", choices=["tcp", "unix", "mute"])
parser.add_argument("--watchdog", type=float, default=0)
parser.add_argument("--abstract", action="store_true")
parser.add_argument("command", nargs=argparse.REMAINDER)
options = parser.parse_args()


def tell(**what):
    print(json.dumps(what), flush=True)


def listening(address):
    if options.kind == "unix":
        made = socket.socket(socket.AF_UNIX)
        made.bind(tempfile.mktemp())
    else:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = address.rsplit(":", 1)
        made.bind((host, int(port)))
    if options.kind != "mute":
        made.listen(4096)
    return made


names = [text.split("=")[0] for text in options.socket]
sockets = [listening(text.split("=")[1]) for text in options.socket]
folder = tempfile.TemporaryDirectory()
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("\0ava-test-" + os.path.basename(folder.name) if options.abstract else folder.name + "/notify")
address = notify.getsockname()
address = "@" + address[1:].decode() if options.abstract else address
if options.kind == "tcp":
    tell(ports=[s.getsockname()[1] for s in sockets])


def place():
    """In the child, before the program: the sockets from 3 on, and its own id for LISTEN_PID."""
    high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
        os.close(fd)


def start():
    env = {**os.environ, "NOTIFY_SOCKET": address, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)}
    if options.watchdog:
        env["WATCHDOG_USEC"] = str(int(options.watchdog * 1e6))
    command = ["/bin/sh", "-c", 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"', "sh", *options.command]
    fds = tuple(range(3, 3 + len(sockets)))
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=place, pass_fds=fds)
    tell(pid=child.pid)
    return child


def obey(words):
    """False when no more is to come."""
    global child
    if words[0] == "start":
        child = start()
        watched.register(child.stdout, selectors.EVENT_READ, "program")
    elif words[0] == "signal":
        child.send_signal(signal.Signals[words[1]])
    elif child:
        child.kill()
    return words[0] != "quit"


watched = selectors.DefaultSelector()
watched.register(sys.stdin, selectors.EVENT_READ, "stdin")
watched.register(notify, selectors.EVENT_READ, "notify")
child = None
going = True
while going or child:
    for key, _ in watched.select():
        if key.data == "notify":
            tell(notify=notify.recv(4096).decode())
        elif key.data == "program":
            said = os.read(key.fd, 65536)
            if said:
                tell(said=said.decode(errors="replace"))
                continue
            watched.unregister(key.fileobj)
            status, child = child.wait(), None
            tell(exited=status)
        else:
            text = os.read(0, 4096).decode()
            for line in text.splitlines() or ["quit"]:
                going = obey(line.split()) and going
            if not going:
                watched.unregister(sys.stdin)
