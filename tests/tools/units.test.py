"""The unit files in packaging/systemd, judged by the real systemd-analyze; nothing of them is started."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from test_support import ROOT

UNITS = ROOT / "packaging" / "systemd"
EXPOSURE_MAX = 1.1


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze: tools/deps install test")
class Units(unittest.TestCase):
    def analyze(self, *words, **more):
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, **more)

    def test_little_is_exposed(self):
        done = self.analyze("security", "--offline=true", "--no-pager", UNITS / "ava.service")
        found = re.search(r"Overall exposure level for ava\.service: ([\d.]+)", done.stdout)
        self.assertIsNotNone(found, done.stdout + done.stderr)
        self.assertLessEqual(float(found[1]), EXPOSURE_MAX, done.stdout)

    def test_every_line_means_something(self):
        built = pathlib.Path(os.environ.get("TEST_AVA", ROOT / "build" / "ava"))
        if not built.exists():
            self.skipTest("no program at build/ava")
        with tempfile.TemporaryDirectory() as folder:
            for unit in UNITS.iterdir():
                text = unit.read_text().replace("/usr/bin/ava", str(built))
                (pathlib.Path(folder) / unit.name).write_text(text)
            done = self.analyze("verify", "--man=no", *sorted(pathlib.Path(folder).iterdir()))
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
