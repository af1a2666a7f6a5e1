// The words of the dashboard, in packs: `import "words:calls"` in a source brings those of the pack `calls` with the chunk
// that the source is in, and each other language as a chunk of its own (de-calls), loaded only for who reads it.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(fileURLToPath(import.meta.url));
const read = (name) => JSON.parse(readFileSync(join(web, "i18n", name + ".json"), "utf8"));
const others = ["de"];

// Which keys a pack has, with all below them; the longest that fits counts. What is named nowhere belongs to the shell.
export const packs = {
  shell: [
    "account.title", "activity.title", "admin.title", "assistant.title", "calls.title", "connections.title", "home.title", "messages.title", "numbers.title",
    "assistant.characters", "assistant.count", "assistant.mine", "assistant.theirs", "assistants.unnamed", "calls.to", "calls.to_hint", "calls.to_wrong", "connections.connect_what",
    "connections.last4", "connections.reconnect_what", "home.next", "sandbox.failed", "search.title", "setup.needed",
  ],
  account: ["account"],
  activity: ["activity"],
  admin: ["admin"],
  answers: ["answers"],
  api_keys: ["api_keys"],
  assistants: ["assistant", "assistants"],
  audit: ["audit"],
  backups: ["backups", "master_keys"],
  calls: ["calls", "fallback"],
  chart: ["chart"],
  connections: ["connections"],
  destinations: ["destinations"],
  docs: ["docs"],
  ended: ["calls.mend"],
  health: ["health", "size"],
  history: ["history", "undo"],
  home: ["home"],
  import: ["import"],
  limits: ["limits"],
  messages: ["messages", "rules.lead", "rules.title", "suppressed", "templates.lead", "templates.title"],
  numbers: ["numbers"],
  people: ["people"],
  refusals: [], // sentences of the server: what a provider refused, and why a rule wrote to nobody
  rules: ["rules"],
  sandbox: ["sandbox"],
  search: ["search"],
  settings: ["setup_of"],
  setup: ["setup"],
  templates: ["templates"],
  tools: ["tools"],
};

const homes = new Map(Object.entries(packs).flatMap(([pack, keys]) => keys.map((key) => [key, pack])));

// The pack of a key: "calls.mend.you" -> "ended"
export function packOf(key) {
  for (let at = key; at; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) if (homes.has(at)) return homes.get(at);
  return "shell";
}

// "calls.title", "calls.mend." and what follows, `calls.${x}.title`: the keys of words that a source may ask for.
export function keysNamed(source, all) {
  const named = [...source.matchAll(/["'`]([a-z_]+\.(?:[\w.-]|\$\{(?:[^{}`]|\{[^{}]*\})*\})*)/g)].map(([, key]) => key.split(/\$\{.*?\}/));
  const patterns = named.map((parts) => new RegExp("^" + parts.map((one) => one.replaceAll(".", "\\.")).join("[\\w-]+") + (parts.at(-1).endsWith(".") || !parts.at(-1) ? "" : "(\\.|$)")));
  return all.filter((key) => patterns.some((one) => one.test(key)));
}

// The words of one pack: what of `node` belongs to it, or nothing.
function part(node, pack, path = "") {
  const found = {};
  for (const [name, value] of Object.entries(node)) {
    const key = path + name, inside = typeof value === "string" ? packOf(key) === pack && value : part(value, pack, key + ".");
    if (inside) found[name] = inside;
  }
  return Object.keys(found).length ? found : undefined;
}

// For esbuild. whole: the shell brings all words, for tests of what is beyond them.
export function words({ whole = false } = {}) {
  const of = (all, pack) => (whole ? (pack === "shell" ? all : {}) : (part(all, pack) ?? {}));
  const said = (all, pack) => (whole ? (pack === "shell" ? Object.assign({}, ...Object.values(all)) : {}) : (all[pack] ?? {}));
  const english = (pack) => `import { learn } from "./kit/words";
learn(${JSON.stringify(of(read("en"), pack))}, { ${others.map((one) => `${one}: () => import("words:${one}-${pack}")`)} });`;
  const other = (language, pack) => `export const words = ${JSON.stringify(of(read(language), pack))}, said = ${JSON.stringify(said(read(language + ".server"), pack))};`;
  return {
    name: "words",
    setup(build) {
      build.onResolve({ filter: /^words:/ }, ({ path }) => {
        const [, language, pack] = /^words:(?:([a-z]{2})-)?(\w+)$/.exec(path) ?? [];
        if (!packs[pack] || (language && !others.includes(language))) return { errors: [{ text: `there are no ${path}` }] };
        return { path: path.slice("words:".length), namespace: "words", sideEffects: true };
      });
      build.onLoad({ filter: /./, namespace: "words" }, ({ path }) => {
        const [language, pack] = path.includes("-") ? path.split("-") : ["", path];
        return { contents: language ? other(language, pack) : english(pack), resolveDir: join(web, "src"), loader: "js" };
      });
    },
  };
}
