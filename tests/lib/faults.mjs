// A schedule of faults, drawn from a seed: what breaks, for whom, when and for how long. Two lanes go on at the same time: one
// for the hosts themselves, one for what is around them; so a host may be frozen while the database is killed.
//
// A fault that was ordered is not yet one that happened: each says how much it met (a process that ended by that signal, one
// that the kernel shows as stopped, connections in that mode), and one that found nothing to meet is not counted.
import { until } from "./ava.mjs";

// mulberry32: numbers in [0, 1), the same for the same seed.
export function dice(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, of: (list) => list[Math.floor(next() * list.length)], between: (from, to) => from + next() * (to - from) };
}

const LANES = {
  hosts: ["kill", "freeze", "restart"],
  around: ["database", "hole database", "deaf database", "reset database", "half database", "delay database", "hole vapi", "deaf vapi", "reset vapi", "hole twilio", "reset twilio"],
};

// seconds: how long each lane goes on; pauseMs, lengthMs: [from, to]; longEvery, longMs: each so manieth freeze lasts so long.
// { hosts: [{ what, whom, pauseMs, ms }], around: [...] }. Each kind comes before one comes again.
export function schedule(seed, { seconds, hosts, pauseMs, lengthMs, longEvery = Infinity, longMs = 0, skip = [] }) {
  const plan = {};
  for (const [lane, kinds] of Object.entries(LANES)) {
    const d = dice(seed ^ (lane === "hosts" ? 1 : 2)), list = (plan[lane] = []);
    let bag = [], total = 0, freezes = 0;
    while (total < seconds * 1000) {
      if (!bag.length) bag = kinds.filter((k) => !skip.includes(k));
      const what = bag.splice(Math.floor(d.next() * bag.length), 1)[0], isLong = what === "freeze" && ++freezes % longEvery === 0;
      const fault = { what, whom: Math.floor(d.next() * hosts), pauseMs: Math.round(d.between(...pauseMs)), ms: isLong ? longMs : Math.round(d.between(...lengthMs)) };
      total += fault.pauseMs + fault.ms;
      list.push(fault);
    }
  }
  return plan;
}

const pause = (ms) => new Promise((r) => setTimeout(r, ms));

const DO = {
  async kill(host, ms) {
    const ended = await host.stop("SIGKILL");
    await pause(ms);
    await host.start();
    return Number(ended.signal === "SIGKILL");
  },
  async restart(host) {
    const ended = await host.stop("SIGTERM");
    await host.start();
    return Number(ended.code === 0);
  },
  async freeze(host, ms) {
    host.ava.child.kill("SIGSTOP");
    try {
      await until(() => host.isFrozen(), { ms: 5000, what: "a stopped process" });
      await pause(ms);
      return Number(host.isFrozen());
    } finally {
      host.ava.child.kill("SIGCONT");
    }
  },
  async database(host, ms, all) {
    const { pg } = all;
    await pg.stop("SIGQUIT"); // at once, without writing anything down: it recovers from its log
    all.pgSaid = (all.pgSaid ?? "") + pg.log;
    await pause(ms);
    await pg.go();
    return Number(/not properly shut down|database system was interrupted/.test(pg.log));
  },
};

async function cut(wire, mode, ms) {
  wire.set(mode, { ms: 300 });
  try {
    await pause(ms);
    if (!wire.met) await until(() => wire.met, { ms: 3000, what: "a connection" }).catch(() => {});
    return wire.met;
  } finally {
    wire.set("pass");
  }
}

// Breaks what is planned, in both lanes; faults gets what happened: { what, whom, at, until, met }.
export async function breakThings(all, plan, faults, stop = {}) {
  const lane = async (list) => {
    for (const { what, whom, pauseMs, ms } of list) {
      await pause(pauseMs);
      if (stop.now) return;
      const host = all.list[whom], [mode, service] = what.split(" "), at = Date.now();
      const met = service ? await cut(host.wires[service], mode, ms) : await DO[mode](host, ms, all);
      if (met || !service) faults.push({ what, whom: what === "database" ? "all" : host.name, at, until: Date.now(), met });
    }
  };
  await Promise.all(Object.values(plan).map(lane));
}
