import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { at, labelOf, sentence, valueWords } = await load("assistants/history.ts");

test("what people know by a name has that name, the rest reads as words", () => {
  assert.equal(labelOf("/firstMessage"), "Greeting");
  assert.equal(labelOf("/voice/speed"), "Voice speed");
  assert.equal(labelOf("/model/messages/0/content"), "Instructions");
  assert.equal(labelOf("/server/headers/X-Shop~1Key"), "server, headers, x-shop/key");
  assert.equal(labelOf("/startSpeakingPlan/waitSeconds"), "start speaking plan, wait seconds");
  assert.equal(labelOf("/model/tools/0/function_name"), "model, tools, 1, function name");
});

test("values are told as people speak of them, and never as the machine room does", () => {
  for (const [pointer, value, words] of [
    ["/maxDurationSeconds", 600, "10 min"], ["/voice/speed", 1.1, "1.1 times the normal speed"], ["/firstMessage", "Hi.", "Hi."],
    ["/x", null, "Nothing"], ["/x", undefined, "Nothing"], ["/x", true, "On"], ["/x", false, "Off"], ["/x", 0, "0"], ["/server/secret", "********", "Hidden"],
    ["/endCallPhrases", ["bye", "ciao"], "bye, ciao"], ["/x", [{ a: 1 }, { b: 2 }], "2 values"], ["/x", { a: 1 }, "1 value"], ["/x", [], "0 values"], ["/firstMessage", { odd: 1 }, "1 value"],
  ])
    assert.equal(valueWords(pointer, value), words, `${pointer} ${JSON.stringify(value)}`);
});

test("a pointer leads where it says, or nowhere", () => {
  const config = { a: [{ "b/c": 1 }], "d~e": { f: null } };
  assert.equal(at(config, "/a/0/b~1c"), 1);
  assert.equal(at(config, "/d~0e/f"), null);
  for (const nowhere of ["/a/1/b", "/x/y/z", "/a/0/b~1c/d"]) assert.equal(at(config, nowhere), undefined);
});

test("says who did what, also where nobody here did, or who did is gone", () => {
  const say = (what, author, restored_version) => sentence({ version: 3, what, author, created_at: "", restored_version });
  assert.equal(say("settings", { id: "u", name: "Ada" }), "Ada changed the settings");
  assert.equal(say("restored", { id: "u", name: "Ada" }, 1), "Ada went back to version 1");
  assert.equal(say("changed_at_provider", null), "Someone at Vapi changed it");
  assert.equal(say("changed", { id: "u", name: null }), "Somebody who is gone changed it");
  for (const what of ["created", "imported", "webhooks", "deleted"]) assert.doesNotMatch(say(what, { id: "u", name: "Ada" }), /[{}]|history\./);
});
