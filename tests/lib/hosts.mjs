// Several Avas on one PostgreSQL, behind one HAProxy, with a provider beside them that outlives each of them: the pretend
// providers of an Ava of their own. Between each host and the database, Vapi and Twilio is a wire of its own (wire.mjs).
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ava, until } from "./ava.mjs";
import { useDatabase } from "./database.mjs";
import { Haproxy, listenPort } from "./haproxy.mjs";
import { Postgres } from "./postgres.mjs";
import { Wire } from "./wire.mjs";

const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const portOf = (url) => Number(new URL(url).port);

class Host {
  constructor(name, all) {
    Object.assign(this, { name, all, said: "" });
    this.data = mkdtempSync(join(tmpdir(), "ava-host-"));
    useDatabase(this.data, { DATABASE_URL: all.pg.url, AVA_MASTER_KEYS: KEYS }); // commands beside it go there directly
  }

  // wired: through wires, which cost this process work; else directly.
  async prepare(wired) {
    const { pg, vapi, twilio } = this.all, targets = { database: pg.port, vapi: portOf(vapi.base_url), twilio: portOf(twilio.base_url) };
    this.port = await listenPort();
    this.wires = {};
    for (const [name, port] of Object.entries(targets)) if (wired) this.wires[name] = await Wire.start(port);
    const at = (name) => this.wires[name]?.port ?? targets[name];
    this.env = {
      DATABASE_URL: Object.assign(new URL(pg.url), { port: at("database") }).href,
      VAPI_BASE_URL: `http://127.0.0.1:${at("vapi")}`,
      TWILIO_BASE_URL: `http://127.0.0.1:${at("twilio")}`,
      ...this.all.env,
    };
  }

  // through: as Ava.start has it.
  async start(through = []) {
    for (let tries = 0; ; tries++) {
      try {
        this.ava = await Ava.start({ verb: "serve", port: this.port, data: this.data, env: this.env, through });
        return this;
      } catch (e) {
        if (tries === 4) throw new Error(`${this.name} does not start`, { cause: e }); // its database may be away just now
      }
    }
  }

  // Ends it; what it said stays in said.
  async stop(signal) {
    const ended = await this.ava.stop(signal);
    this.said += this.ava.stderr;
    return ended;
  }

  isFrozen() {
    return /^State:\s+T/m.test(readFileSync(`/proc/${this.ava.child.pid}/status`, "utf8"));
  }

  isReady() {
    return fetch(`${this.ava.base}/health/ready`, { headers: { Connection: "close" }, signal: AbortSignal.timeout(2000) }).then((r) => r.status === 200).catch(() => false);
  }
}

export class Hosts {
  // env: settings of every host.
  static async start({ count = 3, env = {}, wired = true } = {}) {
    const self = Object.assign(new Hosts(), { list: [] });
    try {
      self.pg = await Postgres.start({ settings: { max_connections: 200 } });
      self.provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
      Object.assign(self, (await self.provider.call("/sandbox/api/credentials", { key: null })).json);
      self.port = await listenPort();
      self.base = `http://127.0.0.1:${self.port}`;
      self.env = { AVA_PUBLIC_URL: self.base, AVA_OUTBOUND_ALLOW: "127.0.0.0/8", AVA_LOG_LEVEL: "warn", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: "1", RATE_LIMIT_WEBHOOKS_PER_SECOND: "1000000", ...env };
      for (let n = 1; n <= count; n++) {
        const host = new Host(`host ${n}`, self);
        self.list.push(host);
        await host.prepare(wired);
        await host.start();
      }
      self.proxy = await Haproxy.start(self.port, self.list.map((h) => h.port));
    } catch (e) {
      await self.remove();
      throw e;
    }
    return self;
  }

  get first() {
    return this.list[0].ava;
  }

  // All of them, and the way to them.
  ready() {
    return until(async () => (await Promise.all(this.list.map((h) => h.isReady()))).every(Boolean), { ms: 120_000, every: 100, what: "all hosts ready" });
  }

  // What all hosts said, those that ended included.
  said() {
    return this.list.map((h) => h.said + h.ava.stderr).join("");
  }

  async remove() {
    await this.proxy?.remove();
    for (const host of this.list) {
      host.ava?.child.kill("SIGCONT");
      await host.ava?.stop(host.ava.ended ? undefined : "SIGKILL");
      for (const wire of Object.values(host.wires ?? {})) await wire.stop();
      rmSync(host.data, { recursive: true, force: true });
    }
    await this.provider?.remove();
    await this.pg?.remove();
  }
}
