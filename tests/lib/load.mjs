// Load with a plan: calls go out when they are due, whether earlier ones have been answered or not.
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// One call, timed: { status, code, ms, at, r }; status 0 when there was no answer at all.
export async function timed(call) {
  const at = performance.now();
  try {
    const r = await call();
    return { status: r.status, code: r.json?.code, ms: performance.now() - at, at, r };
  } catch (error) {
    return { status: 0, code: String(error.cause ?? error), ms: performance.now() - at, at };
  }
}

// perSecond calls for so many seconds, or until stop.now; call(n) is asked with their number.
export async function paced(perSecond, seconds, call, stop = {}) {
  const began = performance.now(), under = [];
  for (let n = 0; n < perSecond * seconds && !stop.now; n++) {
    const early = began + (n * 1000) / perSecond - performance.now();
    if (early > 0) await pause(early);
    under.push(timed(() => call(n)));
  }
  return Promise.all(under);
}

export function quantile(answers, q) {
  const sorted = answers.map((a) => a.ms).sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

// "200: 12, 503 provider_busy: 3"
export function tally(answers) {
  const counts = {};
  for (const a of answers) {
    const name = a.code ? `${a.status} ${a.code}` : String(a.status);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

export const figures = (answers) => `${answers.length} calls, p50 ${quantile(answers, 0.5).toFixed(1)} ms, p95 ${quantile(answers, 0.95).toFixed(1)} ms, p99 ${quantile(answers, 0.99).toFixed(1)} ms`;
