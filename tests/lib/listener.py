"""Stands around a program as some containers do: it listens to one of the program's system calls (mount), so that
nobody else can listen: python3 listener.py PROGRAM [ARG...]   Passes signals on, and ends as the program does."""
import ctypes
import platform
import signal
import struct
import subprocess
import sys

MOUNT, SECCOMP = {"x86_64": (165, 317), "aarch64": (40, 277)}[platform.machine()]
PR_SET_NO_NEW_PRIVS, SET_FILTER, NEW_LISTENER = 38, 1, 8
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000

steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, MOUNT), (RETURN, 0, 0, NOTIFY), (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.syscall(SECCOMP, SET_FILTER, NEW_LISTENER, program) >= 0  # open as long as this one lives
child = subprocess.Popen(sys.argv[1:])
for number in (signal.SIGTERM, signal.SIGUSR2):
    signal.signal(number, lambda n, _: child.send_signal(n))
sys.exit(child.wait())
