"""source: what the checkers share: finding files, and C with its comments and strings blanked."""
import argparse
import pathlib
import re
import subprocess
import sys

# Comments, string and character literals, in the order in which C would see them.
_LITERALS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, strings=True):
    """The same text, same length, same lines, with comments (and strings) made of blanks."""

    def wipe(found):
        words = found.group(0)
        if words[0] in "\"'":
            return words if not strings else words[0] + " " * (len(words) - 2) + words[0]
        return re.sub(r"[^\n]", " ", words)

    return _LITERALS.sub(wipe, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def c_files(root, *folders):
    """C sources and headers below these folders, sorted."""
    found = []
    for folder in folders:
        for suffix in ("*.c", "*.h", "*.def"):
            found += (root / folder).rglob(suffix)
    return sorted(found)


def text_files(root):
    """Every file of the repository that is text: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
    )
    if listing.returncode == 0:
        paths = [root / name for name in listing.stdout.decode().split("\0") if name]
    else:  # a copy without its history
        built = re.compile(r"^(build.*|node_modules|\.git)$")
        paths = [
            p for p in root.rglob("*") if not any(built.match(x) for x in p.relative_to(root).parts)
        ]
    for path in sorted(set(paths)):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data[:8000]:
                yield path, data.decode("utf-8", "replace")


def run(name, about, check):
    """Command line of a checker: check(root) returns (findings, one line for when all is well)."""
    parser = argparse.ArgumentParser(prog=name, description=about)
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    root = pathlib.Path(parser.parse_args().root).resolve()
    findings, fine = check(root)
    for finding in findings:
        print(finding)
    if findings:
        print(f"{name}: {len(findings)} to mend", file=sys.stderr)
        return 1
    print(f"{name}: {fine}")
    return 0
