// One Ava owns a data folder: a second server is refused, and one whose folder or database is taken away stops
// acknowledging at once.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { bin, environment, missing, until } from "../lib/ava.mjs";

const ROUNDS = process.env.TEST_SOAK ? 200 : 20;

// A server that may be refused: { served } once it has said where, { ended } once it has gone.
function starter(data, env = {}) {
  const one = { said: "" };
  one.child = spawn(bin, ["sandbox"], { env: environment({ AVA_LISTEN: "127.0.0.1:0", AVA_DATA_DIR: data, AVA_LOG_LEVEL: "warn", DRAIN_DELAY_SECONDS: "0", ...env }), stdio: ["ignore", "pipe", "pipe"] });
  one.child.stdout.on("data", (b) => (one.said += b));
  one.child.stderr.on("data", (b) => (one.said += b));
  one.exited = new Promise((r) => one.child.once("close", (code, signal) => r((one.ended = { code, signal }))));
  one.serves = () => /Open {3}http/.test(one.said);
  one.settled = () => until(() => one.ended || one.serves(), { what: "it serves or is refused" });
  return one;
}

describe("two starts on one folder at the same moment", { skip: missing }, () => {
  for (const socket of ["a socket that stays", "the socket removed"])
    test(`one serves, the other exits 78, ${ROUNDS} times: ${socket}`, async () => {
      const data = await mkdtemp(join(tmpdir(), "ava-owner-"));
      for (let n = 0; n < ROUNDS; n++) {
        const two = [starter(data), starter(data)];
        await Promise.all(two.map((s) => s.settled()));
        const [serving, refused] = [two.filter((s) => !s.ended), two.filter((s) => s.ended)];
        assert.equal(serving.length, 1, two.map((s) => s.said).join("\n"));
        assert.equal(refused[0].ended.code, 78, refused[0].said);
        assert.match(refused[0].said, /^ava: another Ava is serving from \S+( \(process \d+ on [^)]+\))?; stop it first/);
        if (socket === "the socket removed") {
          rmSync(join(data, "ava.sock"));
          const third = starter(data);
          await third.settled();
          assert.equal(third.ended?.code, 78, third.said);
        }
        serving[0].child.kill("SIGKILL");
        await serving[0].exited;
      }
      await rm(data, { recursive: true });
    });
});
