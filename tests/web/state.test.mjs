// What a part of the page shows of what it shares with others, when that changes just after it was drawn.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { load, settled } from "./load.mjs";

// As much of a document as is needed to draw a text.
class Node {
  childNodes = [];
  constructor(name, data = "") {
    Object.assign(this, { localName: name, nodeType: name === "#text" ? 3 : 1, data, attributes: [], style: {} });
  }
  get firstChild() {
    return this.childNodes[0] ?? null;
  }
  get nextSibling() {
    return this.parentNode?.childNodes[this.parentNode.childNodes.indexOf(this) + 1] ?? null;
  }
  get textContent() {
    return this.data + this.childNodes.map((one) => one.textContent).join("");
  }
  insertBefore(node, before) {
    if (node.parentNode) node.remove();
    node.parentNode = this;
    const at = before ? this.childNodes.indexOf(before) : this.childNodes.length;
    this.childNodes.splice(at, 0, node);
    return node;
  }
  appendChild(node) {
    return this.insertBefore(node, null);
  }
  remove() {
    this.parentNode.childNodes.splice(this.parentNode.childNodes.indexOf(this), 1);
    this.parentNode = null;
  }
  contains() {
    return true;
  }
}

const globals = {
  document: { createElementNS: (_, name) => new Node(name), createElement: (name) => new Node(name), createTextNode: (data) => new Node("#text", data), addEventListener() {}, removeEventListener() {}, visibilityState: "visible" },
  addEventListener() {},
  removeEventListener() {},
};
let page;
before(async () => {
  Object.assign(globalThis, globals);
  page = await load("kit/state.ts", "../../node_modules/preact/dist/preact.mjs", "kit/resource.ts");
});
after(() => Object.keys(globals).forEach((name) => delete globalThis[name]));

// Draws it; what is to run after the paint runs when it is told to.
async function drawn(part) {
  const root = new Node("main"), waiting = [];
  page.options.requestAnimationFrame = (run) => waiting.push(run);
  page.render(page.h(part), root);
  await settled();
  return {
    says: () => root.textContent,
    async painted() {
      while (waiting.length) waiting.shift()(), await settled();
      await settled();
    },
    gone: () => page.render(null, root),
  };
}

test("a value that changes between drawing and listening is shown", async () => {
  const cell = new page.Cell("before");
  const view = await drawn(() => page.useCell(cell));
  assert.equal(view.says(), "before");
  cell.set("meanwhile");
  await view.painted();
  assert.equal(view.says(), "meanwhile");
  cell.set("later");
  await view.painted();
  assert.equal(view.says(), "later");
  view.gone();
});

test("an answer that somebody else asked for, and that comes in between, is shown", async () => {
  let answers;
  const resource = new page.Resource(() => new Promise((answer) => (answers = answer)));
  const asked = resource.reload();
  const view = await drawn(() => page.useResource(resource).data ?? "loading");
  assert.equal(view.says(), "loading");
  answers({ ok: true, data: "there", stale: false, age: 0 });
  await asked;
  await view.painted();
  assert.equal(view.says(), "there");
  view.gone();
});
