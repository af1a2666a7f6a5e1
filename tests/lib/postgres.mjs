// A real PostgreSQL in a folder of its own, on loopback, with fsync on. It refuses root: where the tests are root, its
// files and it belong to the user that Debian's package made.
import { execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, freePort, until } from "./ava.mjs";

const programs = "/usr/lib/postgresql/15/bin";
export const missing = existsSync(join(programs, "initdb")) ? false : "no postgresql-15: run tools/deps install test";

const isRoot = process.getuid() === 0;
const idOf = (what) => Number(execFileSync("id", [what, "postgres"], { encoding: "utf8" }));
const unprivileged = () => (isRoot ? { uid: idOf("-u"), gid: idOf("-g") } : {});

export class Postgres {
  // small: MiB of a disk of its own, at ${folder}/small, for tablespaces; the log is on another.
  static async start({ settings = {}, small } = {}) {
    const self = new Postgres();
    self.folder = mkdtempSync(join(tmpdir(), "ava-postgres-"));
    self.data = join(self.folder, "data");
    self.who = unprivileged();
    mkdirSync(self.data);
    if (isRoot) for (const folder of [self.folder, self.data]) chownSync(folder, self.who.uid, self.who.gid);
    const password = join(self.folder, "password");
    self.password = "p:a/s s@" + Math.random().toString(36).slice(2);
    writeFileSync(password, self.password + "\n");
    self.run("initdb", ["-D", self.data, "-U", "ava", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale", "C.UTF-8"]);
    self.port = await freePort();
    self.settings = { listen_addresses: "127.0.0.1", unix_socket_directories: self.folder, port: self.port, max_connections: 100, ...settings };
    if (small) {
      mkdirSync(join(self.folder, "small"));
      if (isRoot) chownSync(join(self.folder, "small"), self.who.uid, self.who.gid);
      self.through = ["unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=${small}m,mode=700 none ${self.folder}/small && exec unshare -U --map-user=1234 --map-group=1234 "$@"`, "sh"];
    }
    await self.go();
    return self;
  }

  run(program, args, options = {}) {
    return execFileSync(join(programs, program), args, { ...this.who, cwd: this.folder, env: environment({ PGPASSWORD: this.password }), encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], ...options });
  }

  async go() {
    const args = ["-D", this.data, ...Object.entries(this.settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    this.log = "";
    this.ended = undefined;
    const [program, ...before] = [...(this.through ?? []), join(programs, "postgres")];
    this.child = spawn(program, [...before, ...args], { ...this.who, cwd: this.folder, env: environment(), stdio: ["ignore", "ignore", "pipe"] });
    this.child.stderr.on("data", (b) => (this.log += b));
    const child = this.child;
    this.exited = new Promise((r) => child.once("exit", (code) => r((this.ended = { code }))));
    await until(() => this.ended || this.answers(), { what: "PostgreSQL", ms: 60_000 });
    if (this.ended) throw new Error("PostgreSQL ended:\n" + this.log);
  }

  answers() {
    try {
      this.run("pg_isready", ["-q", "-h", "127.0.0.1", "-p", String(this.port), "-U", "ava"]);
      return true;
    } catch {
      return false;
    }
  }

  get url() {
    return `postgresql://ava:${encodeURIComponent(this.password)}@127.0.0.1:${this.port}/postgres`;
  }

  // What psql says to a script; it goes on after an error, and says that on stderr: { out, errors }.
  script(sql, ...args) {
    const errors = [];
    let out;
    try {
      out = this.run("psql", ["-X", "-q", "-A", "-t", "-d", this.url, ...args], { input: sql, stdio: ["pipe", "pipe", "pipe"], maxBuffer: 64 << 20 });
    } catch (e) {
      out = e.stdout;
      errors.push(e.stderr);
    }
    return { out, errors: errors.join("") };
  }

  // It and all its processes say nothing from now on; what is returned has them go on. Some of them end meanwhile by themselves.
  freeze() {
    const frozen = new Set(), signal = (pid, name) => {
      try {
        process.kill(pid, name);
      } catch {}
    };
    const all = () => [this.child.pid, ...execFileSync("pgrep", ["-P", String(this.child.pid)], { encoding: "utf8" }).trim().split("\n").map(Number)];
    for (let left = all(); left.length; left = all().filter((pid) => !frozen.has(pid)))
      for (const pid of left) {
        frozen.add(pid);
        signal(pid, "SIGSTOP");
      }
    return () => frozen.forEach((pid) => signal(pid, "SIGCONT"));
  }

  async stop(signal = "SIGINT") {
    if (this.ended) return;
    this.child.kill(signal); // SIGINT: a fast shutdown
    await this.exited;
  }

  async remove() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
