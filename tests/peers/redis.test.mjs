// Several Avas on one PostgreSQL and one Redis: a limit is one for all of them, and no way in which Redis fails is an error
// for anybody.
//
// How such limiters are known to fail, as cases: every request waits for the timeout while Redis hangs; a blip turns every
// request into a 500; a failover leaves a replica that refuses writes; a full server answers PING and refuses everything else.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { ava, avaBeside, missing as noAva, until } from "../lib/ava.mjs";
import { noHaproxy } from "../lib/haproxy.mjs";
import { Hosts } from "../lib/hosts.mjs";
import { missing as noPostgres } from "../lib/postgres.mjs";
import { missing as noRedis, Redis } from "../lib/redis.mjs";

const LIMIT = 10, HOSTS = 3;

describe("several hosts and Redis", { skip: noAva || noPostgres || noRedis || noHaproxy }, () => {
  let redis, all, people = 0;
  before(async () => {
    redis = await Redis.start();
    all = await Hosts.start({ count: HOSTS, wired: false, env: { REDIS_URL: redis.url, ENABLE_RATE_LIMITING: "true", RATE_LIMIT_PER_MINUTE: String(LIMIT), AVA_LOG_LEVEL: "info" } });
    await all.first.signUp();
    for (const h of all.list) h.ava.key = all.first.key;
    await known();
  });
  after(async () => {
    await all?.remove();
    await redis?.remove();
  });

  const metric = async (host, name) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(await (await fetch(`${host.ava.base}/metrics`)).text())?.[1]);
  // Each host learns with its next beat how many there are.
  const known = () => until(async () => (await Promise.all(all.list.map((h) => metric(h, "hosts_alive")))).every((v) => v === HOSTS), { what: "every host to know of all", ms: 30_000 });
  const comes = (up) => until(async () => (await Promise.all(all.list.map((h) => metric(h, "kv_up")))).every((v) => v === up), { what: `kv_up ${up} everywhere`, ms: 30_000 });

  // A key of its own, which counts by itself, so that no test meets what another used up.
  async function newcomer() {
    const made = await all.first.call("/api/v1/auth/keys", { body: { name: `k${++people}`, rate_limit_per_minute: LIMIT } });
    assert.equal(made.status, 201, made.text);
    return made.json.key;
  }

  // So many tries, turn by turn at all hosts, at once; how many were let through. Nobody sees an error of ours.
  async function admitted(key, tries = 90) {
    const got = await Promise.all(Array.from({ length: tries }, (_, i) => all.list[i % HOSTS].ava.call("/api/v1/vapi/settings", { key })));
    for (const r of got) assert.ok(r.status < 500, `${r.status} ${r.text}`);
    return got.filter((r) => r.status !== 429).length;
  }

  // Up, exactly the limit, wherever Redis had the time to answer: on a busy machine it may miss its 20 ms, and each question
  // that it missed lets at most one more through.
  const fallbacks = async () => (await Promise.all(all.list.map((h) => h.ava.metric("kv_fallbacks_total", { use: "limit" })))).reduce((a, b) => a + b, 0);
  async function isExact() {
    for (let tries = 1; ; tries++) {
      const key = await newcomer(), before = await fallbacks(), got = await admitted(key), missed = (await fallbacks()) - before;
      assert.ok(got >= LIMIT && got <= LIMIT + missed, `${got}, and ${missed} missed`);
      if (missed === 0) return;
      assert.ok(tries < 20, "Redis misses its time over and over");
      await comes(1);
    }
  }

  test("up, a limit is one for all hosts", async () => {
    await comes(1);
    await isExact();
  });

  const says = async () => {
    const at = ["--data-dir", all.list[1].data], doctor = await avaBeside(["doctor", "--run", "redis", ...at]);
    return { status: /^redis .*$/m.exec(ava(["status", ...at]).stdout)?.[0], doctor: doctor.stdout.split("\n")[0], failed: doctor.status };
  };
  test("ava status and ava doctor say how it is", async () => {
    await comes(1);
    const s = await says();
    assert.match(s.status, /^redis {3}up, version 7\./);
    assert.match(s.doctor, /^ok +redis +up, version 7\.\S+, maxmemory-policy noeviction/);
    await redis.kill();
    try {
      await comes(0);
      const away = await says();
      assert.match(away.status, /^redis {3}away: .*(refused|closed|reset).*; each host counts its share of the limits$/);
      assert.match(away.doctor, /^fail +redis +it is away: /);
      assert.equal(away.failed, 1);
    } finally {
      await redis.go();
      await comes(1);
    }
  });

  test("killed, each host has its share; in the window of the fall at most twice the limit and one for each host", async () => {
    await comes(1);
    const key = await newcomer(), fresh = await newcomer();
    const told = () => all.list.map((h) => h.ava.stderr.split('"event":"kv_down"').length);
    const before = await admitted(key, 9), toldBefore = told();
    await redis.kill();
    try {
      const during = await admitted(key);
      assert.ok(before + during <= 2 * LIMIT + HOSTS, `${before} and ${during}`);
      await comes(0);
      const down = await admitted(fresh);
      assert.ok(down >= LIMIT && down <= LIMIT + HOSTS - 1, `${down}`);
      assert.deepEqual(told(), toldBefore.map((n) => n + 1), "each says it once, though it was closed first and is refused then");
    } finally {
      await redis.go();
    }
    await comes(1);
    await isExact();
  });

  const faults = {
    "frozen": [() => redis.child.kill("SIGSTOP"), () => redis.child.kill("SIGCONT")],
    "full": [() => redis.say("CONFIG", "SET", "maxmemory", "1"), () => redis.say("CONFIG", "SET", "maxmemory", "0")],
    "a replica that only reads": [() => redis.say("REPLICAOF", "127.0.0.1", "1"), () => redis.say("REPLICAOF", "NO", "ONE")],
  };
  for (const [name, [break_, mend]] of Object.entries(faults))
    test(`${name}: no error for anybody, and by share`, async () => {
      await comes(1);
      const key = await newcomer(), fresh = await newcomer();
      await break_();
      try {
        assert.ok((await admitted(key)) <= 2 * LIMIT + HOSTS);
        await comes(0);
        const down = await admitted(fresh);
        assert.ok(down >= LIMIT && down <= LIMIT + HOSTS - 1, `${down}`);
      } finally {
        await mend();
      }
      await comes(1);
      await isExact();
    });

  test("emptied, it counts anew, and its scripts are told again", async () => {
    await comes(1);
    const key = await newcomer(), used = await admitted(key);
    await redis.say("FLUSHALL");
    await redis.say("SCRIPT", "FLUSH");
    assert.ok(used + (await admitted(key)) <= 2 * LIMIT + HOSTS);
    await isExact();
    await comes(1);
  });

  test("something else answers in its place", async () => {
    await comes(1);
    await redis.kill();
    const held = new Set(), liar = createServer((s) => (held.add(s), s.on("error", () => {}), s.write("HTTP/1.1 400 Bad Request\r\n\r\n")));
    await new Promise((r) => liar.listen(redis.port, "127.0.0.1", r));
    try {
      await comes(0);
      await until(() => held.size > HOSTS, { what: "every host to meet it", ms: 30_000 });
      const down = await admitted(await newcomer());
      assert.ok(down >= LIMIT && down <= LIMIT + HOSTS - 1, `${down}`);
    } finally {
      for (const s of held) s.destroy();
      await new Promise((r) => liar.close(r));
    }
    await redis.go();
    await comes(1);
  });

  test("the password is told to nobody", async () => {
    assert.ok(!all.said().includes(redis.password) && !all.said().includes(encodeURIComponent(redis.password)));
    assert.match(all.said(), /"kv_down"/);
  });
});
