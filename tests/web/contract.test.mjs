import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { load, root } from "./load.mjs";

const contract = parse(await readFile(join(root, "openapi.yaml"), "utf8"));
const reference = await load("reference.ts");
const operations = Object.entries(contract.paths).flatMap(([path, item]) => Object.entries(item).map(([method, op]) => ({ path, method, op, name: `${method.toUpperCase()} ${path}` })));
const codes = contract.components.schemas.ProblemCode.enum;

test("every problem an operation names is a known code with an answer of its own", () => {
  for (const { name, op } of operations) {
    for (const code of op["x-problems"]) assert.ok(codes.includes(code), `${name}: ${code}`);
    const named = op["x-problems"].length > 0;
    const answers = Object.keys(op.responses).filter((status) => /^[45]/.test(status));
    assert.ok(!named || answers.length > 0, name);
  }
});

test("every known code is named by an operation, by everywhere, or waits for a later room", () => {
  const later = ["stub_disabled", "idempotency_in_progress", "idempotency_key_reused", "outcome_unknown"];
  const used = new Set([...contract["x-problems-everywhere"], ...operations.flatMap((o) => o.op["x-problems"]), ...later]);
  assert.deepEqual(codes.filter((c) => !used.has(c)), []);
});

test("writes for people with a session take a CSRF token", () => {
  for (const { name, method, op, path } of operations) {
    if (method === "get" || op.security || !path.startsWith("/api/")) continue;
    assert.ok(op.parameters.some((p) => p.$ref === "#/components/parameters/CsrfToken"), name);
    assert.ok(op["x-problems"].includes("csrf_failed"), name);
  }
});

test("bodies that are taken refuse unknown fields", () => {
  for (const [name, schema] of Object.entries(contract.components.schemas))
    if (/Request$|Patch$|^(Vapi|Twilio)Credential$/.test(name)) assert.equal(schema.additionalProperties, false, name);
});

test("every list has a limit, a cursor and a next_cursor", () => {
  for (const { name, op } of operations) {
    const names = (op.parameters ?? []).map((p) => p.$ref);
    if (!names.includes("#/components/parameters/Cursor")) continue;
    assert.ok(names.includes("#/components/parameters/Limit"), name);
    const schema = reference.resolve(contract, op.responses["200"].content["application/json"].schema);
    assert.ok(schema.required.includes("next_cursor"), name);
  }
});

test("every operation can be shown with a command that a shell can read", () => {
  for (const { path, method, op, name } of operations) {
    const command = reference.example("curl", "http://127.0.0.1:8000", path, method, op);
    assert.match(command, /^curl -sS/, name);
    assert.equal((command.match(/'/g) ?? []).length % 2, 0, name);
    assert.doesNotMatch(command, /[{][a-z_]+[}]/, name);
  }
});
