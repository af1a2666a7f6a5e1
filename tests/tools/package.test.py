"""The Debian package: made, judged by the real lintian, unpacked and asked what it can do; and with TEST_SOAK in a Debian
of its own (debootstrap): installed, upgraded from a former version and schema, taken back, removed and purged; and booted
(systemd-nspawn), where the real systemd restarts Ava under load.

The former version is the commit before the newest migration. TEST_FORMER_AVA is one that is built already, TEST_DEBIAN a
folder with a Debian in it that is copied instead of being made.
"""
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from test_support import ROOT

BUILD = pathlib.Path(os.environ.get("TEST_BUILD_DIR", ROOT / "build"))
ROLLBACK_MAX_S = 300
ROWS = 500_000  # of 2,000 bytes, in the database that is taken back
PORT = 8000


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def lacking():
    if not (BUILD / "ava").exists():
        return "no program at build/ava"
    if "sanitize=none" not in sanitizer():
        return "a program with sanitizers is not packed"
    tools = [t for t in ("dpkg-deb", "dpkg-shlibdeps", "lintian") if not shutil.which(t)]
    return f"no {', '.join(tools)}: tools/deps install test" if tools else ""


def sanitizer():
    options = BUILD / "meson-info" / "intro-buildoptions.json"
    values = {o["name"]: o["value"] for o in json.loads(options.read_text())} if options.exists() else {}
    return f"sanitize={values.get('b_sanitize', 'none')}"


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ava-package-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def make(self, name="out", *more):
        made = run(ROOT / "tools" / "package", "--build", BUILD, "--out", self.folder / name, *more)
        return pathlib.Path(made.strip())


@unittest.skipIf(lacking(), lacking())
class Package(Folder):
    def test_lintian_has_nothing_to_say(self):
        said = run("lintian", "--allow-root", "--fail-on", "error,warning", self.make())
        self.assertEqual(said, "")

    def test_it_is_the_same_each_time_and_works_where_it_is_unpacked(self):
        deb = self.make()
        self.assertEqual(deb.read_bytes(), self.make("again").read_bytes())
        root = self.folder / "root"
        run("dpkg-deb", "-x", deb, root)
        ava, conf = root / "usr/bin/ava", root / "etc/ava/ava.conf"
        env = {"PATH": os.environ["PATH"]}
        self.assertRegex(run(ava, "version", env=env), r"^ava \d+\.\d+\.\d+\n$")
        self.assertIn("1 of them not at their default", run(ava, "check-config", "--config", conf, env=env))
        self.assertEqual(re.findall(r"^[^#\n].*", conf.read_text(), re.M), ["AVA_DATA_DIR=/var/lib/ava"])
        shown = json.loads(run(ava, "config", "show", "--json", env=env, cwd=self.folder))
        for setting in shown:
            self.assertRegex(conf.read_text(), rf"(?m)^#?{setting['name']}=")

    def test_scripts_of_the_package_are_scripts(self):
        for script in (ROOT / "packaging/debian").glob("p*"):
            run("sh", "-n", script)


def former():
    """The last commit that had an older schema."""
    newest = run("git", "-C", ROOT, "log", "--diff-filter=A", "-1", "--format=%H", "--", "src/db/migrations").strip()
    return run("git", "-C", ROOT, "rev-parse", "--verify", f"{newest}~1").strip()


def cannot_install():
    if not os.environ.get("TEST_SOAK"):
        return "takes minutes: make soak"
    if lacking():
        return lacking()
    if os.geteuid() != 0:
        return "needs root (chroot)"
    if not os.environ.get("TEST_DEBIAN") and not shutil.which("debootstrap"):
        return "no debootstrap: tools/deps install soak"
    try:
        former()
        run("unshare", "--mount", "chroot", "/", "true")
    except AssertionError as why:
        return f"no former version in this clone, or no chroot: {why}"
    return ""


WHY_NOT = cannot_install()


class Debian(Folder):
    """A Debian of its own below self.root."""

    def chroot(self, *command, **more):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        env |= {k: v for k, v in os.environ.items() if k.endswith("_proxy")}
        return run("chroot", self.root, *command, env=env, **more)

    def make_debian(self):
        self.root = self.folder / "debian"
        made = os.environ.get("TEST_DEBIAN")
        if made:
            run("cp", "-a", made, self.root)
        else:
            run("debootstrap", "--variant=minbase", "--include=adduser,ca-certificates", "bookworm", self.root)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        self.chroot("apt-get", "-qq", "update")

    def install_all(self, *names):
        self.chroot("apt-get", "-qq", "install", "-y", "--no-install-recommends", *names)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Installed(Debian):
    def former(self, deb):
        """The former program in a package like the present one, with a lower version."""
        program = os.environ.get("TEST_FORMER_AVA") or self.build_former()
        unpacked = self.folder / "unpacked"
        run("dpkg-deb", "-R", deb, unpacked)
        run("strip", "-o", unpacked / "usr/bin/ava", program)
        control = unpacked / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: .*", "Version: 0.0.9-1", control.read_text(), flags=re.M))
        (unpacked / "DEBIAN/md5sums").unlink()
        run("dpkg-deb", "--root-owner-group", "-b", unpacked, self.folder / "ava_0.0.9-1.deb")
        return self.folder / "ava_0.0.9-1.deb"

    def build_former(self):
        tree = self.folder / "former"
        tree.mkdir()
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", former()], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive.stdout, check=True)
        shutil.copytree(ROOT / "build-web", tree / "build-web")
        run("meson", "setup", "build", cwd=tree)
        run("ninja", "-C", "build", "ava", cwd=tree)
        return tree / "build/ava"

    def install(self, deb):
        shutil.copy(deb, self.root / "tmp")
        self.chroot("dpkg", "--force-downgrade", "-i", f"/tmp/{deb.name}")

    def serve(self):
        """As the unit does, by hand: nobody runs systemd in there."""
        as_ava = ["chroot", str(self.root), "setpriv", "--reuid=ava", "--regid=ava", "--clear-groups", "env", "-i"]
        server = subprocess.Popen(
            [*as_ava, "DRAIN_DELAY_SECONDS=0", f"AVA_LISTEN=127.0.0.1:{PORT}", "/usr/bin/ava", "serve", "--config", "/etc/ava/ava.conf"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.addCleanup(server.kill)
        said = []
        for line in server.stdout:
            said.append(line)
            if "Open " in line:
                break
        else:
            self.fail("".join(said))
        ready = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health/ready", timeout=5)
        self.assertEqual(ready.status, 200)
        return server

    def stop(self, server):
        server.terminate()
        server.communicate(timeout=30)
        self.assertEqual(server.returncode, 0)

    def ava(self, *words):
        return self.chroot("setpriv", "--reuid=ava", "--regid=ava", "--clear-groups", "/usr/bin/ava", *words, "--config", "/etc/ava/ava.conf")

    def people(self):
        return self.ava("workspace", "list").splitlines()

    def test_installed_upgraded_taken_back_and_purged(self):
        new = self.make()
        old = self.former(new)
        self.make_debian()
        run("mount", "-t", "proc", "proc", self.root / "proc")
        self.addCleanup(run, "umount", "-l", self.root / "proc")
        shutil.copy(old, self.root / "tmp")
        self.install_all(f"/tmp/{old.name}")
        data, conf = self.root / "var/lib/ava", self.root / "etc/ava/ava.conf"
        self.assertEqual((conf.stat().st_mode & 0o777, data.stat().st_mode & 0o777), (0o640, 0o700))
        self.assertIn("ava.service", os.listdir(self.root / "etc/systemd/system/multi-user.target.wants"))

        # The former version, with data and a setting of somebody's own.
        conf.write_text(conf.read_text().replace("#AVA_LOG_LEVEL=info", "AVA_LOG_LEVEL=warn"))
        self.stop(self.serve())
        (data / "password").write_text("correct horse battery\n")
        os.chown(data / "password", data.stat().st_uid, data.stat().st_gid)
        self.ava("user", "create", "--email", "ada@example.com", "--password-file", "/var/lib/ava/password")
        before = self.people()
        self.assertEqual(len(before), 1, before)
        run("sqlite3", data / "ava.db", f"""
            CREATE TABLE IF NOT EXISTS filler (n INTEGER PRIMARY KEY, text BLOB) STRICT;
            WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS})
            INSERT INTO filler SELECT n, randomblob(2000) FROM c;""")
        schema = run("sqlite3", data / "ava.db", "SELECT MAX(number) FROM schema_migrations").strip()

        # Up: the settings stay, the data comes along, a copy of it is left.
        self.install(new)
        self.assertIn("\nAVA_LOG_LEVEL=warn\n", conf.read_text())
        self.stop(self.serve())
        self.assertEqual(self.people(), before)
        copies = list(data.glob(f"ava.db.schema-{schema}.*.backup"))
        self.assertEqual(len(copies), 1, os.listdir(data))

        # Back: package and schema of before, and it serves.
        began = time.monotonic()
        self.install(old)
        self.ava("restore", f"/var/lib/ava/{copies[0].name}", "--replace")
        server = self.serve()
        took = time.monotonic() - began
        self.assertEqual(run("sqlite3", data / "ava.db", "SELECT MAX(number) FROM schema_migrations").strip(), schema)
        self.assertEqual(self.people(), before)
        self.stop(server)
        size = copies[0].stat().st_size / 1e6
        print(f"# back to the former package and schema, with {size:.0f} MB of data: {took:.1f} s")
        self.assertLess(took, ROLLBACK_MAX_S)

        # Away: remove keeps, purge removes and says so.
        self.chroot("dpkg", "-r", "ava")
        self.assertTrue(conf.exists() and (data / "ava.db").exists() and not (self.root / "usr/bin/ava").exists())
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        said = subprocess.run(["chroot", self.root, "dpkg", "-P", "ava"], capture_output=True, text=True, check=True, env=env)
        self.assertIn("removing all data in /var/lib/ava", said.stdout + said.stderr)
        self.assertFalse(conf.parent.exists() or data.exists())
        self.assertNotIn("ava:", (self.root / "etc/passwd").read_text())
        left = run("find", self.root / "etc", self.root / "var/lib/systemd", "-name", "*ava.*")
        self.assertEqual(left, "")


class Load(threading.Thread):
    """Ten requests a second until stopped, on a kept connection or each on a new one."""

    def __init__(self, port, is_kept):
        super().__init__()
        self.port, self.is_kept, self.stopped = port, is_kept, threading.Event()
        self.good, self.failed = 0, []
        self.start()

    def run(self):
        connection = None
        while not self.stopped.wait(0.1):
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", "/health/live")
                answer = connection.getresponse()
                answer.read()
                self.good += answer.status == 200
                if answer.status != 200:
                    self.failed.append(answer.status)
            except OSError as why:
                self.failed.append(repr(why))
                connection = None
            if not self.is_kept and connection:
                connection.close()
                connection = None
        if connection:
            connection.close()


IN_THERE = """#!/bin/sh
exec >/srv/said 2>&1
systemctl start ava.service && systemctl reload ava.service && echo reloaded
touch /srv/serves
while [ ! -e /srv/loaded ]; do sleep 0.1; done
for n in $(seq {restarts}); do systemctl restart ava.service && echo restarted; sleep 0.5; done
touch /srv/restarted
while [ "$(systemctl show ava.service -p WatchdogTimestampMonotonic --value)" = 0 ]; do sleep 0.5; done
systemctl show ava.service -p ActiveState -p NRestarts -p StatusText
journalctl -u ava.service -o cat --no-pager
sed -i 's/^#AVA_THREADS=.*/AVA_THREADS=many/' /etc/ava/ava.conf
systemctl restart ava.service || systemctl show ava.service -p ExecMainStatus -p SubState
systemctl poweroff
"""


@unittest.skipIf(WHY_NOT, WHY_NOT)
@unittest.skipUnless(shutil.which("systemd-nspawn"), "no systemd-nspawn: tools/deps install soak")
class Booted(Debian):
    RESTARTS, PORT = 10, 18_411

    def wait_for(self, name, server):
        while not (self.root / "srv" / name).exists():
            if server.poll() is not None:
                self.fail(f"it ended before {name}:\n{server.stdout.read()}")
            time.sleep(0.05)

    def prepare(self):
        self.make_debian()
        deb = self.make()
        shutil.copy(deb, self.root / "tmp")
        self.install_all("systemd", "systemd-sysv", "dbus", f"/tmp/{deb.name}")
        conf = self.root / "etc/ava/ava.conf"
        conf.write_text(conf.read_text().replace("#DRAIN_DELAY_SECONDS=5", "DRAIN_DELAY_SECONDS=1"))
        keys = self.root / "etc/credstore/AVA_MASTER_KEYS"
        keys.parent.mkdir(mode=0o700, exist_ok=True)
        keys.write_text("k7:" + base64.b64encode(os.urandom(32)).decode() + "\n")
        keys.chmod(0o600)
        units = self.root / "etc/systemd/system"
        (units / "ava.socket.d").mkdir()
        (units / "ava.socket.d/port.conf").write_text(f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{self.PORT}\n")
        (units / "try.service").write_text("[Service]\nExecStart=/srv/try\n")
        (units / "multi-user.target.wants/try.service").symlink_to("../try.service")
        (self.root / "srv/try").write_text(IN_THERE.format(restarts=self.RESTARTS))
        (self.root / "srv/try").chmod(0o755)

    def test_a_restart_by_the_real_systemd_fails_nobody_and_wrong_settings_are_not_retried(self):
        self.prepare()
        # nspawn keeps Landlock away from what runs in it unless it is told not to.
        calls = "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", calls, "-D", str(self.root), "-b"]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.wait_for("serves", server)
        load = [Load(self.PORT, is_kept=n % 2 == 0) for n in range(20)]
        (self.root / "srv/loaded").touch()
        self.wait_for("restarted", server)
        for one in load:
            one.stopped.set()
        for one in load:
            one.join()
        failed = [why for one in load for why in one.failed]
        print(f"# {self.RESTARTS} restarts by systemd: {sum(one.good for one in load)} requests answered, {len(failed)} failed")
        server.communicate()
        said = (self.root / "srv/said").read_text()
        self.assertEqual(failed, [], said)
        self.assertEqual(said.count("restarted\n"), self.RESTARTS, said)
        for words in ("reloaded\n", "ActiveState=active", "NRestarts=0", f"StatusText=Serving on 127.0.0.1:{self.PORT}", "SubState=failed", "ExecMainStatus=78"):
            self.assertIn(words, said)
        self.assertNotIn('"event":"cage"', said, "the unit lets Ava build its cage")
        self.assertNotIn("call_denied", said)
        self.assertFalse((self.root / "var/lib/ava/master.keys").exists(), "the keys came as a credential")


if __name__ == "__main__":
    unittest.main()
