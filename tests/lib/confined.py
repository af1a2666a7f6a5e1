"""Runs a program under the system calls that a unit file allows, where no systemd could start it as a service.

    confined.py UNIT PROGRAM ARG...

SystemCallFilter= is worked out with the real systemd-analyze, MemoryDenyWriteExecute= as systemd does it.
"""
import ctypes
import os
import re
import subprocess
import sys

ALLOW, EPERM = 0x7FFF0000, 0x00050001
MASKED_EQ = 7
PROT_WRITE, PROT_EXEC = 2, 4


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64)]


lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p


def expand(name):
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = [line.split("#")[0].strip() for line in shown.splitlines()[1:]]
    return set().union(*(expand(word) for word in words if word))


def allowed(unit):
    """As systemd.exec(5) has it: the lines in their order, those with ~ take away."""
    names = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        listed = set().union(*(expand(name) for name in line.lstrip("~").split()))
        names = names - listed if line.startswith("~") else names | listed
    return names | expand("@default")


def load(default, rules):
    """rules: (name, action, comparison or None)"""
    context = ctypes.c_void_p(lib.seccomp_init(default))
    for name, action, compare in rules:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            array = (Compare * 1)(*([compare] if compare else []))
            lib.seccomp_rule_add_array(context, action, number, 1 if compare else 0, array)
    if lib.seccomp_load(context) != 0:
        sys.exit("confined.py: no seccomp filters here")


def main():
    with open(sys.argv[1]) as file:
        unit = file.read()
    names = allowed(unit)
    if "\nMemoryDenyWriteExecute=yes" in unit:
        both = PROT_WRITE | PROT_EXEC
        load(ALLOW, [("mmap", EPERM, Compare(2, MASKED_EQ, both, both)), ("mprotect", EPERM, Compare(2, MASKED_EQ, PROT_EXEC, PROT_EXEC))])
    load(EPERM, [(name, ALLOW, None) for name in sorted(names)])
    os.execvp(sys.argv[2], sys.argv[2:])


main()
