// Every text is sent once: a Twilio that sends texts and then cuts the connection, clients that try again,
// and an Ava that is killed meanwhile. Twilio keeps no data of ours: a text is found by what it says.
//
// As with calls (once.test.mjs), an Ava that dies between writing "sent" down and the first byte cannot know
// that nothing was sent: such a text ends unconfirmed, and whoever wanted it looks and asks anew.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const TEXTS = 100;
const CLIENTS = 20;
const TRIES = 6; // the first and 5 more

describe(`${TEXTS} texts, 30 % of connections cut, one kill -9`, { skip: missing }, () => {
  let provider, a, data, twilio, from;
  const settings = (port) => ({ port, data, env: { TWILIO_BASE_URL: twilio.base_url, CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });

  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    twilio = (await provider.call("/sandbox/api/credentials", { key: null })).json.twilio;
    a = await Ava.start(settings());
    data = a.data;
    await a.signUp();
    const body = { account_sid: twilio.account_sid, auth_token: twilio.auth_token };
    assert.equal((await a.call("/api/v1/credentials/twilio", { method: "PUT", body })).status, 200);
    from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
    await provider.fault({ provider: "twilio", fault: "cut", percent: 30, operation: "POST /2010" });
  });
  after(async () => {
    await a.remove();
    await provider.remove();
  });

  const number = (n) => `+3362${String(n).padStart(7, "0")}`;
  const text = (n) => ({ to: number(n), from, body: `Text ${n}` });
  let down = null; // while Ava is being restarted: a promise of its return

  async function want(n) {
    for (let i = 0; i < TRIES; i++) {
      await down;
      try {
        const r = await a.call("/api/v1/twilio/messages", { body: text(n), headers: { "Idempotency-Key": `text-${n}` } });
        if (r.status === 201 || r.status === 202) return;
        assert.ok([409, 503].includes(r.status), `${r.status} ${r.text}`);
        await new Promise((done) => setTimeout(done, 50));
      } catch (e) {
        if (e.code === "ERR_ASSERTION") throw e;
        await new Promise((done) => setImmediate(done));
      }
    }
  }

  async function restart() {
    const { key, port } = a;
    await a.stop("SIGKILL");
    const next = await Ava.start(settings(port));
    next.key = key;
    a = next;
  }

  const messages = async () => {
    const all = [];
    for (let cursor = ""; cursor !== null; ) {
      const { status, text: said, json: page } = await a.call(`/api/v1/messages?limit=100${cursor && `&cursor=${cursor}`}`);
      assert.equal(status, 200, said);
      all.push(...page.messages);
      cursor = page.next_cursor;
    }
    return all;
  };
  const unsettled = async () => (await messages()).filter((m) => ["requested", "unknown"].includes(m.status));
  const operation = async (m) => (await a.call(`/api/v1/operations/${m.operation_id}`)).json;
  const atProvider = async () => {
    const headers = { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") };
    return (await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/Messages.json?PageSize=1000`, { headers }).then((r) => r.json())).messages;
  };

  test("as many texts at the provider as were wanted, none twice, none left unknown", async (t) => {
    let next = 0, killed = false;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < TEXTS) {
          const n = next++;
          if (n >= TEXTS / 2 && !killed) {
            killed = true;
            down = restart();
            await down;
            down = null;
          }
          await want(n);
        }
      }),
    );
    const cut = await unsettled();
    // Both clocks go on together: Twilio's texts leave their queue, and each is asked about.
    await provider.advance(6);
    await a.advance(6);
    await until(async () => (await Promise.all((await unsettled()).map(operation))).every((o) => o.status === "unknown" && o.next_retry_in_seconds > 6), { every: 50, what: "each unknown one asked about" });
    const lost = await unsettled();
    const there = new Set((await atProvider()).map((m) => m.to));
    assert.deepEqual(lost.filter((m) => there.has(m.to)).map((m) => m.to), [], "what the provider has is not left unknown");
    if (lost.length) await a.advance(15 * 60);
    await until(async () => (await unsettled()).length === 0, { every: 100, what: "nothing unknown left" });
    await provider.fault({ provider: "twilio", fault: "none" });
    for (const m of lost) {
      assert.equal((await operation(m)).status, "unconfirmed");
      const again = await a.call("/api/v1/twilio/messages", { body: { to: m.to, from, body: m.body }, headers: { "Idempotency-Key": `checked-${m.to}` } });
      assert.equal(again.status, 201, again.text);
    }

    const sent = await atProvider();
    t.diagnostic(`${sent.length} texts; ${cut.length} were unknown for a while, ${lost.length} were written down as sent and never left`);
    assert.equal(new Set(sent.map((m) => m.to)).size, TEXTS, "each was sent");
    assert.equal(sent.length, TEXTS, "none twice");
    for (const m of sent) assert.equal(m.body, `Text ${Number(m.to.slice(5))}`);
    const mine = (await messages()).filter((m) => m.provider_id);
    assert.equal(new Set(mine.map((m) => m.provider_id)).size, TEXTS, "each is known by its own row");
    assert.equal(await a.metric("operations_unknown", { service: "twilio" }), 0);
    assert.equal(await a.metric("jobs_ready", { kind: "operation" }), 0);
  });
});
