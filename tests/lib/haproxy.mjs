// A real HAProxy in front of an Ava, or of several, with the configuration docs/proxy.md gives to operators.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, until } from "./ava.mjs";

// Debian puts it where not everybody's PATH looks.
const program = ["haproxy", "/usr/sbin/haproxy"].find((p) => !spawnSync(p, ["-v"]).error);
export const noHaproxy = program ? false : "no haproxy on this machine: tools/deps install test";

// A free port below the ones the kernel hands out to outgoing connections: a proxy that knocks at such a one while
// nobody listens there could meet itself, or somebody else's connection could keep Ava from coming back.
export async function listenPort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const free = await new Promise((done) => {
      const server = createServer().on("error", () => done(false));
      server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

// The block of docs/proxy.md, so that what is written there is what was tested.
// avas: the port of one, or those of several, who are asked whether they are ready and stand in for each other.
function configuration(front, avas, stats, more) {
  const block = /```haproxy\n([^]*?)```/.exec(readFileSync(join(root, "docs/proxy.md"), "utf8"))[1];
  const swap = (text, from, to) => {
    if (!text.includes(from)) throw new Error(`docs/proxy.md has no ${from}`);
    return text.replaceAll(from, to);
  };
  let text = block;
  if (Array.isArray(avas)) {
    const servers = avas.map((port, i) => `    server ava${i + 1} 127.0.0.1:${port} check inter 500ms rise 1 fall 1`).join("\n");
    text = swap(swap(text, "uri /health/live", "uri /health/ready"), "    retries 100", "    option redispatch 1\n    retries 3");
    text = text.replace(/^ {4}server ava .*$/gm, servers);
  } else text = swap(text, "127.0.0.1:8000", `127.0.0.1:${avas}`);
  text = swap(text, "    mode http\n", `    mode http\n${more}`);
  text = text.replace(/^ {4}bind .*$/m, `    bind 127.0.0.1:${front}`);
  return `global\n    stats socket ${stats} mode 600\n    maxconn 4000\n\n${text}`;
}

export class Haproxy {
  // port: where it listens; ava: where Ava does already, or several do; more: lines for its section of defaults.
  static async start(port, ava, more = "") {
    const self = new Haproxy();
    self.dir = await mkdtemp(join(tmpdir(), "ava-proxy-"));
    self.stats = join(self.dir, "stats");
    self.port = port;
    self.base = `http://127.0.0.1:${port}`;
    const file = join(self.dir, "haproxy.cfg");
    await writeFile(file, configuration(port, ava, self.stats, more));
    self.said = "";
    self.child = spawn(program, ["-db", "-f", file], { stdio: ["ignore", "pipe", "pipe"] });
    self.exited = new Promise((r) => self.child.once("exit", (code) => r((self.ended = { code }))));
    for (const stream of [self.child.stdout, self.child.stderr]) stream.on("data", (b) => (self.said += b));
    const checked = async () => (await self.rows().catch(() => [])).filter((r) => r.check_status === "L7OK").length === 3 * [ava].flat().length;
    await until(async () => self.ended || (await checked()), { every: 50, what: "haproxy to have looked at Ava" });
    if (self.ended) throw new Error(`haproxy ended with ${self.ended.code}:\n${self.said}`);
    return self;
  }

  ask(command) {
    return new Promise((done, fail) => {
      const socket = connect(this.stats).on("error", fail);
      let text = "";
      socket.on("data", (b) => (text += b)).on("end", () => done(text));
      socket.write(`${command}\n`);
    });
  }

  async rows() {
    const [head, ...lines] = (await this.ask("show stat")).replace(/^# /, "").trim().split("\n").map((l) => l.split(","));
    return lines.map((l) => Object.fromEntries(head.map((name, i) => [name, l[i]])));
  }

  // Per backend: { requests, retries, connection_errors, response_errors }.
  async figures() {
    const backends = (await this.rows()).filter((r) => r.svname === "BACKEND");
    return Object.fromEntries(backends.map((r) => [r.pxname, { requests: +r.req_tot || +r.stot, retries: +r.wretr, connection_errors: +r.econ, response_errors: +r.eresp }]));
  }

  async remove() {
    if (!this.ended) this.child.kill("SIGTERM");
    await this.exited;
    await rm(this.dir, { recursive: true, force: true });
  }
}
