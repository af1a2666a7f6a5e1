"""Writes what tools/bench found into docs/benchmarks.md; the prose around it stays."""
import datetime
import os
import re
import subprocess

BEGIN, END = "<!-- written by tools/bench --write: not by hand -->", "<!-- end of what is written -->"
HEAD = "| Who | Requests/s | p99 ms | Resident MB | Ava / theirs | Goal |\n|---|---|---|---|---|---|"
PACKAGES = ("nginx-light", "haproxy", "python3", "python3-fastapi", "uvicorn", "python3-uvloop",
            "python3-httpx", "python3-pydantic", "python3-sqlalchemy", "libcurl4", "libsqlite3-0", "wrk")


def first_line(argv):
    return subprocess.run(argv, capture_output=True, text=True).stdout.split("\n")[0]


def machine():
    with open("/proc/meminfo") as f:
        gib = round(int(re.search(r"MemTotal:\s+(\d+)", f.read())[1]) / (1 << 20))
    with open("/etc/os-release") as f:
        system = re.search(r'PRETTY_NAME="([^"]+)"', f.read())[1]
    return "%d cores, %d GiB of memory, %s" % (os.cpu_count(), gib, system)


def versions(root):
    found = [(name, first_line(["dpkg-query", "-W", "-f", "${Version}", name])) for name in PACKAGES]
    text = ", ".join("%s %s" % (name, re.sub(r"^\d+:|[-+~].*", "", v)) for name, v in found if v)
    return text + ", node " + first_line([os.path.join(root, "tools/node"), "--version"]).lstrip("v")


def text_of(root, command, contests, notes):
    out = [BEGIN, "", "Measured on %s with `%s`." % (datetime.date.today().isoformat(), command), "",
           "Machine: %s. Peers: %s." % (machine(), versions(root)), ""]
    for contest in contests:
        out += ["### " + contest.title, "", HEAD]
        out += ["| %s |" % " | ".join(row) for row in contest.rows()] + [""]
    out += ["- " + note for note in notes] + ([""] if notes else [])
    return "\n".join(out + [END])


def write(path, root, command, contests, notes):
    with open(path) as f:
        old = f.read()
    if BEGIN not in old or END not in old:
        raise SystemExit("bench: %s has no place for the figures" % path)
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    with open(path, "w") as f:
        f.write(before + text_of(root, command, contests, notes) + after)
