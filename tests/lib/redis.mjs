// A real Redis on loopback, without persistence, in a folder of its own.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, freePort, until } from "./ava.mjs";

const isThere = () => {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
export const missing = isThere() ? false : "no redis-server: run tools/deps install test";

export class Redis {
  // settings: as on redis-server's command line, without "--".
  static async start({ settings = {} } = {}) {
    const self = Object.assign(new Redis(), { folder: mkdtempSync(join(tmpdir(), "ava-redis-")), password: "p@ss:w/rd " + Math.random().toString(36).slice(2) });
    self.port = await freePort();
    self.settings = { bind: "127.0.0.1", port: self.port, save: "", appendonly: "no", dir: self.folder, requirepass: self.password, ...settings };
    self.url = `redis://:${encodeURIComponent(self.password)}@127.0.0.1:${self.port}/0`;
    await self.go();
    return self;
  }

  // Starts it, again after kill() or stop().
  async go() {
    const args = Object.entries(this.settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = (this.child = spawn("redis-server", args, { env: environment(), stdio: ["ignore", "pipe", "inherit"] }));
    this.log = "";
    this.ended = undefined;
    child.stdout.on("data", (b) => (this.log += b));
    this.exited = new Promise((r) => child.once("exit", (code) => r((this.ended = { code }))));
    await until(() => this.ended || /ready to accept connections/i.test(this.log), { what: "Redis", ms: 30_000 });
    if (this.ended) throw new Error("Redis ended:\n" + this.log);
  }

  async kill(signal = "SIGKILL") {
    this.child.kill("SIGCONT");
    this.child.kill(signal);
    await this.exited;
  }

  // One command beside Ava's connections; the first line of its answer.
  say(...words) {
    const command = (list) => `*${list.length}\r\n` + list.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join("");
    return new Promise((resolve, reject) => {
      let said = "";
      const socket = connect(this.port, "127.0.0.1", () => socket.write(command(["AUTH", this.password]) + command(words)));
      socket.on("data", (b) => {
        const lines = (said += b).split("\r\n");
        if (lines.length < 3) return;
        socket.destroy();
        resolve(lines[1]);
      });
      socket.on("error", reject);
    });
  }

  async remove() {
    if (!this.ended) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
