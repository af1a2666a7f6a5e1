// The folders of the dashboard: kit knows no room, and a room knows another one by its screen.tsx alone, if at all.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import test from "node:test";
import { root } from "./load.mjs";

// Every other room uses none.
const MAY_USE = { setup: ["assistants", "calls", "connections"] };
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]*)"/g;

const roomOf = (path) => (path.includes("/") ? path.split("/")[0] : "");

// Every import that is not allowed, as a sentence; sources: path below web/src to text.
function refused(sources) {
  const rooms = new Set(Object.keys(sources).map(roomOf).filter((room) => room && room !== "kit"));
  const found = [];
  for (const [path, text] of Object.entries(sources))
    for (const [, name] of text.matchAll(IMPORT)) {
      const from = roomOf(path), target = normalize(join(dirname(path), name)), to = roomOf(target);
      if (!from || !rooms.has(to) || from === to) continue;
      if (from === "kit") found.push(`${path} imports ${target}: kit knows no room`);
      else if (!MAY_USE[from]?.includes(to)) found.push(`${path} imports ${target}: ${from} does not use ${to}; what both need belongs in kit`);
      else if (target.replace(/\.tsx$/, "") !== `${to}/screen`) found.push(`${path} imports ${target}: the way into a room is its screen.tsx`);
    }
  return found;
}

test("no import leads around a room's screen, from one room into another, or out of kit", async () => {
  const top = join(root, "web/src"), sources = {};
  for (const entry of await readdir(top, { recursive: true })) if (/\.tsx?$/.test(entry)) sources[entry] = await readFile(join(top, entry), "utf8");
  assert.ok(Object.keys(sources).length > 40);
  assert.deepEqual(refused(sources), []);
});

test("each kind of them would be found", () => {
  const rooms = { "numbers/screen.tsx": "", "assistants/screen.tsx": "", "assistants/settings.ts": "", "calls/place.tsx": "", "kit/api.ts": "" };
  const one = (path, text) => refused({ ...rooms, [path]: text });
  assert.deepEqual(one("setup/screen.tsx", 'import { a } from "../assistants/screen";\nimport { b } from "../kit/api";\nimport { c } from "./own";'), []);
  assert.deepEqual(one("app.tsx", 'const screens = [() => import("./calls/place")];'), []);
  for (const [path, text, words] of [
    ["kit/once.ts", 'import type { Call } from "../calls/words";', "kit knows no room"],
    ["kit/once.ts", 'import "../calls/words";', "kit knows no room"],
    ["setup/screen.tsx", 'import {\n  a,\n} from "../assistants/settings";', "the way into a room"],
    ["setup/screen.tsx", 'export { a } from "../numbers/screen";', "setup does not use numbers"],
    ["messages/screen.tsx", 'const place = await import("../calls/place");', "messages does not use calls"],
    ["messages/deeper/list.tsx", 'import { a } from "../../calls/place";', "messages does not use calls"],
  ]) {
    const found = one(path, text);
    assert.equal(found.length, 1, path + text);
    assert.ok(found[0].includes(words), found[0]);
  }
});
