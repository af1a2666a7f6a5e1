// Peers: independent programs that Ava and its sandbox must get along with.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ava, environment, freePort, person, root, until } from "../lib/ava.mjs";

const require = createRequire(import.meta.url);

// Why a test with these npm packages can not run here; nothing when it can.
export function lacks(...packages) {
  const absent = packages.find((p) => !existsSync(join(root, "node_modules", p)));
  return absent ? `no npm package ${absent}: run tools/npm-ci all` : false;
}

// The SDKs are loaded when a test runs, so that their absence is a skip and not a crash.
export function twilioAt(base, sid, token) {
  const twilio = require("twilio");
  const RequestClient = require("twilio/lib/base/RequestClient");
  class Local extends RequestClient {
    request(options) {
      return super.request({ ...options, uri: options.uri.replace(/^https:\/\/[^/]+/, base) });
    }
  }
  return twilio(sid, token, { httpClient: new Local() });
}

export function twilioSignatures() {
  return require("twilio/lib/webhooks/webhooks");
}

export function vapiAt(baseUrl, token) {
  const { VapiClient } = require("@vapi-ai/server-sdk");
  return new VapiClient({ token, baseUrl });
}

// Prism between a caller and nothing (mock) or something (proxy): what it said about the requests is in .violations.
export class Prism {
  static async start(verb, spec, ...target) {
    const self = new Prism();
    const port = await freePort();
    self.verb = verb;
    self.base = `http://127.0.0.1:${port}`;
    self.log = "";
    const more = verb === "proxy" ? ["--errors"] : [];
    self.child = spawn(process.execPath, [join(root, "node_modules/@stoplight/prism-cli/dist/index.js"), verb, ...more, "-h", "127.0.0.1", "-p", String(port), spec, ...target], {
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    self.exited = new Promise((r) => self.child.once("exit", (code) => r((self.ended = { code }))));
    for (const stream of [self.child.stdout, self.child.stderr]) stream.on("data", (b) => (self.log += b));
    await until(() => self.ended || /Prism is listening/.test(self.log), { what: "Prism", ms: 60_000 });
    if (self.ended) throw new Error("Prism ended:\n" + self.log);
    return self;
  }

  get violations() {
    return this.log.split("\n").filter((line) => /Violation: /.test(line));
  }

  // How many requests came through, by method and path, as Prism names them.
  requests(pattern) {
    return this.log.split("\n").filter((line) => /Request received/.test(line) && pattern.test(line)).length;
  }

  async stop() {
    if (!this.ended) this.child.kill("SIGKILL");
    return this.exited;
  }
}

// ava serve without anybody at the keyboard: the account is made from the environment.
export async function serveHeadless(env) {
  const data = await mkdtemp(join(tmpdir(), "ava-peers-"));
  const file = join(data, "admin-password");
  await writeFile(file, person.password + "\n", { mode: 0o600 });
  const self = await Ava.start({ verb: "serve", data, env: { CACHE_TTL_SECONDS: "0", AVA_ADMIN_EMAIL: person.email, AVA_ADMIN_PASSWORD_FILE: file, ...env } });
  self.key = self.newKey(person.email, "peers");
  return self;
}
