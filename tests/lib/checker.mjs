// What must be true of a history: of what clients wanted and were told, what was broken meanwhile, what the provider's
// ledger and the customer's endpoint have, and what stands in the database when everything is at rest. Functions of a
// record alone: each gives the sentences it has against it, and none when it has none.
//
// A try that nobody answered, and each 5xx, may have happened or not: it is allowed both, for as long as the history
// goes on. So a checker can miss something; it must not find what is not there. And a history in which little was
// answered, or whose faults met nothing, proves nothing: that is against it, too.

export const isDone = (t) => t.status >= 200 && t.status < 300;
export const isFinal = (t) => t.status >= 500 && t.replayed; // the stored answer of one that failed
const isOpen = (t) => t.status === 0 || t.status >= 500; // may have happened
const groups = (list, name) => list.reduce((m, x) => m.set(name(x), [...(m.get(name(x)) ?? []), x]), new Map());
const some = (list) => list.slice(0, 3).join(", ") + (list.length > 3 ? `, ... (${list.length})` : "");

// wants: { key, what: "call" | "text", to, tries: [{ at, until, status, operation, code, replayed }] }: one thing that a client wants
// once, under one Idempotency-Key. Each goes to a number of its own.
// provider: { calls: [{ to, op }], texts: [{ to }] }; operations: { id, state, sent_at }, of the database.
export function once({ wants, provider, operations, faults }) {
  const against = [], by = { call: groups(provider.calls, (c) => c.to), text: groups(provider.texts, (c) => c.to) };
  const known = new Map(operations.map((o) => [o.id, o]));
  for (const [op, calls] of groups(provider.calls.filter((c) => c.op), (c) => c.op))
    if (calls.length > 1) against.push(`operation ${op} is ${calls.length} calls`);
  const wanted = new Set(wants.map((w) => w.to));
  for (const c of [...provider.calls, ...provider.texts]) if (!wanted.has(c.to)) against.push(`nobody wanted ${c.to}`);
  for (const w of wants) {
    const there = by[w.what].get(w.to)?.length ?? 0, told = w.tries.filter(isDone), ops = new Set(told.map((t) => t.operation));
    const name = `${w.what} ${w.key}`;
    if (there > 1) against.push(`${name} is ${there} at the provider`);
    if (ops.size > 1) against.push(`${name} was answered with ${ops.size} operations`);
    const hasFailed = w.tries.some(isFinal);
    if (hasFailed && told.length) against.push(`${name} was answered with its failure and with ${told[0].status}`);
    if (hasFailed && there) against.push(`${name} was answered with its failure and is at the provider`);
    if (!told.length && !hasFailed && !w.tries.some((t) => t.status >= 400 && t.status < 500 && ![409, 429].includes(t.status))) against.push(`${name} was never answered`);
    if (!told.length) continue;
    const o = known.get([...ops][0]);
    if (!o) against.push(`${name}: its operation ${[...ops][0]} is gone`);
    else if (o.state === "succeeded" && there !== 1) against.push(`${name} succeeded and is ${there} at the provider`);
    else if (o.state === "failed" && there) against.push(`${name} failed and is at the provider`);
    else if (["prepared", "sent"].includes(o.state)) against.push(`${name} is still ${o.state}`);
    else if (["unknown", "unconfirmed"].includes(o.state)) against.push(...unexplained(name, o, there, faults));
    if (told.some((t) => t.status === 201) && there !== 1) against.push(`${name} was answered 201 and is ${there} at the provider`);
  }
  return against;
}

// Nobody can know whether what was about to be sent was, when who sends it is killed, frozen or cut off in that moment.
const MAY_TAKE_MS = 35_000; // from "sent" in the database to the end of the attempt
function unexplained(name, o, there, faults) {
  if (there) return [`${name} is ${o.state}, though the provider has it`];
  const is = faults.some((f) => f.at <= o.sent_at + MAY_TAKE_MS && f.until >= o.sent_at - 1000);
  return is ? [] : [`${name} is ${o.state}, and nothing was broken when it was sent`];
}

// hooks: { resource, body (its number), tries }: one webhook, repeated until it was acknowledged.
// events: { resource, status, n }, deliveries: { id, resource, seq, status, event }, of the database; receipts: what the endpoint of
// a customer took, in that order: { id, resource, status }.
export function webhooks({ hooks, events, deliveries, receipts }) {
  const against = [], rows = groups(events, (e) => e.resource);
  for (const [resource, sent] of groups(hooks, (h) => h.resource)) {
    const acked = sent.filter((h) => h.tries.some(isDone)).length, there = (rows.get(resource) ?? []).reduce((n, e) => n + e.n, 0);
    if (there < acked) against.push(`${resource}: ${acked} acknowledged, ${there} events`);
    if (there > sent.length) against.push(`${resource}: ${sent.length} webhooks, ${there} events`);
    if (acked < sent.length) against.push(`${resource}: ${sent.length - acked} were never acknowledged`);
  }
  const open = events.filter((e) => e.status !== "done");
  if (open.length) against.push(`events at rest are ${some(open.map((e) => `${e.resource} ${e.status}`))}`);
  return [...against, ...forwarded({ events, deliveries, receipts })];
}

function forwarded({ events, deliveries, receipts }) {
  const against = [], settled = events.reduce((n, e) => n + (e.is_wanted === false ? 0 : e.n), 0), of = new Map(deliveries.map((d) => [d.id, d]));
  if (deliveries.length !== settled) against.push(`${settled} events, ${deliveries.length} deliveries`);
  for (const [event, list] of groups(deliveries, (d) => d.event)) if (list.length > 1) against.push(`event ${event} has ${list.length} deliveries`);
  const late = deliveries.filter((d) => d.status !== "delivered");
  if (late.length) against.push(`deliveries at rest are ${some(late.map((d) => `${d.id} ${d.status}`))}`);
  const first = new Map(), last = new Map();
  for (const r of receipts.filter(isDone)) if (!first.has(r.id)) first.set(r.id, r);
  for (const d of deliveries) if (d.status === "delivered" && !first.has(d.id)) against.push(`${d.id} counts as delivered, and nobody got it`);
  for (const id of first.keys()) {
    const d = of.get(id);
    if (!d) against.push(`${id} was received and is nowhere`);
    else if (last.get(d.resource) > d.seq) against.push(`${d.resource}: ${d.seq} came after ${last.get(d.resource)}`);
    else last.set(d.resource, d.seq);
  }
  return against;
}

// The most at once of spans: { from, to }.
export function most(spans) {
  const steps = spans.flatMap((s) => [[s.from, 1], [s.to ?? Infinity, -1]]).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
  let now = 0, top = 0;
  for (const [, step] of steps) top = Math.max(top, (now += step));
  return top;
}

// caps: { name, cap, spans }, by the provider's own clock.
export const lines = ({ caps }) => caps.flatMap(({ name, cap, spans }) => (most(spans) > cap ? [`${name}: ${most(spans)} calls at once, ${cap} lines`] : []));

// money: { booked, spent, reserved, unknown } in millionths: what the workspaces' days have, what the provider's invoice has, what
// is still set aside, and how much of it is for calls of which nobody knows whether they are.
export function budget({ money: { booked, spent, reserved, unknown } }) {
  const against = [];
  if (booked !== spent) against.push(`${booked} booked, ${spent} on the invoice`);
  if (reserved !== unknown) against.push(`${reserved} reserved at rest, ${unknown} of it for unknown calls`);
  return against;
}

// A register with versions: PUT If-Match. register: { from (its version at first), puts: [{ at, until, status, match, version, value }],
// reads: [{ at, until, version, value }], last: { version, value } }; values are given once.
export function register({ register: { from, puts, reads, last } }) {
  const against = [], done = puts.filter(isDone), made = new Map(); // version -> the PUT that made it
  for (const p of done) {
    if (p.version !== p.match + 1) against.push(`PUT at ${p.match} made ${p.version}`);
    if (made.has(p.version)) against.push(`version ${p.version} was made twice`);
    made.set(p.version, p);
  }
  for (let v = from + 1; v <= last.version; v++)
    if (!made.has(v) && !puts.some((p) => isOpen(p) && p.match === v - 1)) against.push(`nobody made version ${v}`);
  for (const p of done) if (p.version > last.version) against.push(`version ${p.version} is gone, ${last.version} is the last`);
  const said = [...reads, last].filter((r) => r.version > from);
  for (const r of said) {
    const p = made.get(r.version), may = p ? p.value === r.value : puts.some((x) => isOpen(x) && x.match === r.version - 1 && x.value === r.value);
    if (!may) against.push(`version ${r.version} reads ${r.value}, which nobody wrote there`);
  }
  for (const [v, list] of groups(said, (r) => r.version))
    if (new Set(list.map((r) => r.value)).size > 1) against.push(`version ${v} reads ${[...new Set(list.map((r) => r.value))].join(" and ")}`);
  for (const p of puts.filter((p) => p.status === 412))
    if (!puts.some((x) => x !== p && (isDone(x) || isOpen(x)) && x.match === p.match && x.at <= p.until)) against.push(`PUT at ${p.match} was refused, and nobody had changed it`);
  return [...against, ...stale(done, reads)];
}

// What was seen is never older than what had been seen, or written, before it was asked for.
function stale(done, reads) {
  const facts = [...reads, ...done].sort((x, y) => x.until - y.until), asked = [...reads, ...done].sort((x, y) => x.at - y.at), against = [];
  let newest = -Infinity, i = 0;
  for (const a of asked) {
    for (; i < facts.length && facts[i].until < a.at; i++) newest = Math.max(newest, facts[i].version);
    if (a.version < newest) against.push(`version ${a.version} was seen after ${newest} had been`);
  }
  return against;
}

// rest: { jobs: [{ kind, state, is_due, object }], held: calls that hold a line, waiting: those that wait for one, unknown: those of
// which nobody knows, audit: { ok, text }, conflicts,
// deadlocks: what PostgreSQL said of each }
export function rest({ rest: { jobs, held, waiting, unknown, audit, conflicts, deadlocks } }) {
  const against = [], wrong = jobs.filter((j) => j.state !== "ready" || j.is_due);
  if (wrong.length) against.push(`jobs at rest: ${some(wrong.map((j) => `${j.kind} ${j.object} ${j.state}`))}`);
  for (const [thing, list] of groups(jobs, (j) => `${j.kind} ${j.object}`)) if (list.length > 1) against.push(`${list.length} jobs of ${thing}`);
  if (held > unknown) against.push(`${held} lines are held at rest, ${unknown} of them by unknown calls`);
  if (waiting) against.push(`${waiting} calls wait for a line at rest`);
  if (!audit.ok) against.push(`the audit log does not verify: ${audit.text}`);
  if (conflicts || deadlocks.length) against.push(`${conflicts} conflicts by Ava's count, ${deadlocks.length} deadlocks by PostgreSQL's: ${deadlocks[0]}`);
  return against;
}

// Did it happen at all? least: { answered, acked, puts, repeated }: how much of it there must be.
export function substance({ wants, hooks, register: r, faults, least }) {
  const against = [], answered = wants.filter((w) => w.tries.some(isDone)).length, repeated = wants.filter((w) => w.tries.length > 1).length;
  const has = { answered, acked: hooks.filter((h) => h.tries.some(isDone)).length, puts: r.puts.filter(isDone).length, repeated };
  for (const [what, n] of Object.entries(least)) if (has[what] < n) against.push(`only ${has[what]} ${what}, ${n} wanted`);
  for (const f of faults) {
    if (!(f.until >= f.at)) against.push(`${f.what} of ${f.whom} never ended`);
    if (!f.met) against.push(`${f.what} of ${f.whom} met nothing`);
  }
  return against;
}

export const CHECKS = { substance, once, webhooks, lines, budget, register, rest };

// All that is to be said against it.
export const judge = (history) => Object.entries(CHECKS).flatMap(([name, check]) => check(history).map((text) => `${name}: ${text}`));
