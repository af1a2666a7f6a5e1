// Loads one module of the dashboard into node, anew each time: bundled in memory, so that tests need no build before them.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { words } from "../../web/words.mjs";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

let loads = 0;

// Several are loaded as one, which shares what they share.
export async function load(...modules) {
  const contents = modules.map((one) => `export * from "./${one}";`).join("\n");
  const result = await build({ stdin: { contents, resolveDir: join(root, "web/src") }, bundle: true, write: false, format: "esm", platform: "neutral", mainFields: ["module", "main"], plugins: [words({ whole: true })], logLevel: "warning" });
  return import("data:text/javascript;base64," + Buffer.from(result.outputFiles[0].text).toString("base64") + "#" + ++loads);
}

// An answer as the browser would hand it over.
export function answer(status, body, headers = {}) {
  return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

// A clock and timers that move only when told.
export class Time {
  now = 1_000_000;
  timers = [];
  seams = {
    now: () => this.now,
    random: () => 0.5,
    later: (ms, what) => {
      const timer = { at: this.now + ms, what };
      this.timers.push(timer);
      return () => (this.timers = this.timers.filter((t) => t !== timer));
    },
  };
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers = this.timers.filter((t) => t !== due);
      this.now = due.at;
      due.what();
      await settled();
    }
    this.now = end;
  }
}

export const settled = () => new Promise((resolve) => setImmediate(resolve));
