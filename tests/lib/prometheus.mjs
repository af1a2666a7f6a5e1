// A real Prometheus that scrapes a running Ava, and is asked over its API.
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, freePort, until } from "./ava.mjs";

const absent = (program) => (spawnSync(program, ["--version"]).error ? `no ${program}: run tools/deps install test` : false);
export const prometheusMissing = absent("prometheus");
export const promtoolMissing = absent("promtool");

export class Prometheus {
  // job "ava" of these "host:port", of secure ones by https whatever their certificate; rules: a text for its rule file.
  static async start({ targets, secure = [], rules, interval = "250ms" }) {
    const self = new Prometheus();
    self.folder = await mkdtemp(join(tmpdir(), "ava-prometheus-"));
    if (rules) await writeFile(join(self.folder, "rules.yml"), rules);
    await writeFile(
      join(self.folder, "prometheus.yml"),
      JSON.stringify({
        global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
        ...(rules ? { rule_files: ["rules.yml"] } : {}),
        scrape_configs: [
          { job_name: "ava", static_configs: [{ targets }] },
          ...(secure.length ? [{ job_name: "ava-tls", scheme: "https", tls_config: { insecure_skip_verify: true }, static_configs: [{ targets: secure }] }] : []),
        ],
      }),
    );
    const port = await freePort();
    self.base = `http://127.0.0.1:${port}`;
    self.log = "";
    const args = [`--config.file=${self.folder}/prometheus.yml`, `--storage.tsdb.path=${self.folder}/data`, `--web.listen-address=127.0.0.1:${port}`, "--enable-feature=exemplar-storage"];
    self.child = spawn("prometheus", args, { env: environment(), stdio: ["ignore", "ignore", "pipe"] });
    self.child.stderr.on("data", (b) => (self.log += b));
    self.exited = new Promise((r) => self.child.once("exit", (code) => r((self.ended = { code }))));
    await until(async () => self.ended || (await fetch(`${self.base}/-/ready`).catch(() => null))?.ok, { what: "Prometheus", ms: 60_000 });
    if (self.ended) throw new Error("Prometheus ended:\n" + self.log);
    return self;
  }

  async ask(path, params = {}) {
    const r = await fetch(`${this.base}/api/v1/${path}`, { method: "POST", body: new URLSearchParams(params) });
    const said = await r.json();
    if (said.status !== "success") throw new Error(`${path} ${JSON.stringify(params)}: ${said.error}`);
    return said.data;
  }

  // [{ labels, value }] of an expression now.
  async query(expr) {
    const { result, resultType } = await this.ask("query", { query: expr });
    if (resultType === "scalar") return [{ labels: {}, value: Number(result[1]) }];
    return result.map((r) => ({ labels: r.metric, value: Number(r.value[1]) }));
  }

  // The alerts that are firing now.
  async firing() {
    const r = await (await fetch(`${this.base}/api/v1/alerts`)).json();
    return r.data.alerts.filter((a) => a.state === "firing");
  }

  async targets() {
    return (await (await fetch(`${this.base}/api/v1/targets`)).json()).data.activeTargets;
  }

  async stop() {
    if (!this.ended) this.child.kill();
    await this.exited;
    await rm(this.folder, { recursive: true, force: true });
  }
}

// "name{labels}" of every selector in an expression, without its range; names without labels too.
export function selectors(expr) {
  const words = new Set(["by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset", "inf", "nan"]);
  const plain = expr.replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ").replace(/\[(\d+[smhd]|\$)[^\]]*\]/g, " ");
  const found = [...plain.matchAll(/([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\w)(?!\s*\()/g)];
  return [...new Set(found.filter((m) => m[2] || (!words.has(m[1].toLowerCase()) && !/^e\d*$/.test(m[1]))).map((m) => m[1] + (m[2] ?? "")))];
}
