import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@unittest.skipUnless(shutil.which("cc") and shutil.which("nm"), "no C compiler here")
class Circles(unittest.TestCase):
    def setUp(self):
        self.build = pathlib.Path(tempfile.mkdtemp(prefix="ava-circles-"))
        self.addCleanup(shutil.rmtree, self.build)
        self.objects = self.build / "src" / "libavacore.a.p"
        self.objects.mkdir(parents=True)

    def compile(self, name, text):
        source = self.build / f"{name}.c"
        source.write_text(text)
        subprocess.run(
            ["cc", "-c", source, "-o", self.objects / f"{name}.c.o"], check=True, timeout=60
        )

    def chain(self, *names):
        """Each calls the next one."""
        for name, other in zip(names, names[1:]):
            self.compile(name, f"void {other}(void);\nvoid {name}(void) {{ {other}(); }}\n")

    def check(self):
        return subprocess.run(
            [ROOT / "tools" / "circles", self.build], capture_output=True, text=True, timeout=60
        )

    def assert_fine(self, *words):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)

    def test_is_content_with_a_line(self):
        self.chain("a", "b", "c", "d")
        self.compile("d", "void d(void) {}\n")
        self.assert_fine("4 sources, 0 circles")

    def test_lets_three_pass(self):
        self.chain("a", "b", "c", "a")
        self.assert_fine("3 sources, 1 circles, the largest of 3")

    def test_refuses_four_and_names_them_and_who_calls_whom(self):
        self.chain("a", "b", "c", "d", "a")
        self.chain("other", "a")
        done = self.check()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("a circle of 4, at most 3:\n  a.c > b.c\n", done.stdout)
        self.assertNotIn("other", done.stdout)

    def test_sees_a_variable_and_a_function_in_a_table(self):
        self.chain("a", "b", "c")
        self.compile("c", "extern void (*const d[])(void);\nvoid c(void) { d[0](); }\n")
        self.compile("d", "void a(void);\nvoid (*const d[])(void) = { a };\n")
        self.assertEqual(self.check().returncode, 1)

    def test_leaves_statics_of_the_same_name_alone(self):
        self.chain("a", "b", "c", "d")
        self.compile("d", "static void a(void) {}\nvoid d(void) { a(); }\n")
        self.assert_fine("0 circles")

    def test_says_so_when_nothing_is_built(self):
        shutil.rmtree(self.objects)
        done = self.check()
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing is built", done.stderr)


if __name__ == "__main__":
    unittest.main()
