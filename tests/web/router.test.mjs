// Addresses: where a sign-in leads back to, and where it never leads.
import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { go, isRoom, roomOf, safeNext } = await load("kit/router.ts");

test("a sign-in leads back to the page that was asked for, with its filters", () => {
  for (const path of ["/", "/calls", "/calls?status=failed&to=%2B33612345678", "/calls/call_0192", "/activity/evt_1?tab=out", "/connections?calendar=google&result=connected"]) assert.equal(safeNext(path), path);
  assert.equal(safeNext("/calls#x"), "/calls", "no fragment: those carry tokens");
});

test("and never to another host, to itself, or to what is no page", () => {
  for (const path of [null, "", "calls", "//evil.example", "//evil.example/calls", "/\\evil.example", "\\\\evil.example", "https://evil.example/calls", "javascript:alert(1)", "/signin", "/signin?next=/calls", "/setup", "/setup#t=x", "/api/v1/calls", "/nowhere", "?x=1", "#x", " /calls", "/calls/../api", "/%2f%2fevil.example"])
    assert.ok(["/", "/calls/../api"].includes(safeNext(path)), `${path}: ${safeNext(path)}`);
});

test("a room and what of it is looked at", () => {
  assert.deepEqual(roomOf("/calls/call_1"), { room: "/calls", id: "call_1" });
  assert.deepEqual(roomOf("/numbers/num_1"), { room: "/numbers/num_1" });
  assert.ok(isRoom("/activity/evt_1") && !isRoom("/numbers/num_1") && !isRoom("/callsx"));
});

test("where the browser takes no more addresses, the page is loaded", () => {
  const asked = [];
  globalThis.location = { pathname: "/", search: "", assign: (to) => asked.push(["assign", to]), replace: (to) => asked.push(["replace", to]) };
  const refuse = () => {
    throw new DOMException("Attempt to use history.pushState() more than 100 times per 10 seconds", "SecurityError");
  };
  globalThis.history = { pushState: refuse, replaceState: refuse };
  go("/calls");
  go("/calls?to=1", true);
  assert.deepEqual(asked, [["assign", "/calls"], ["replace", "/calls?to=1"]]);
  delete globalThis.location;
  delete globalThis.history;
});
