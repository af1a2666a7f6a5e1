"""A temporary repository to plant mistakes in, and a way to run a checker over it."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class CheckerTest(unittest.TestCase):
    tool = ""

    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="ava-lint-"))
        self.addCleanup(shutil.rmtree, self.tree)

    def plant(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self):
        return subprocess.run(
            [ROOT / "tools" / self.tool, "--root", self.tree], capture_output=True, text=True
        )

    def assert_fine(self):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)

    def assert_refused(self, *words):
        done = self.check()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout)
