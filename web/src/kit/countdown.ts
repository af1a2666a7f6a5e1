// Countdowns: pure arithmetic, the caller brings the clock.

export function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}

// A screen reader hears the start, ten seconds, and the end; never each second.
export function isSpoken(left: number, total: number): boolean {
  return left === total || left === 10 || left === 0;
}

// After the countdown one automatic try, spread over two seconds, so that many pages do not come at once.
export function automaticTryAt(untilMs: number, random: number): number {
  return untilMs + Math.floor(random * 2000);
}

// Retry-After is whole seconds or a date; anything else counts as absent.
export function retryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Math.min(86400, Number(header));
  const at = /[A-Za-z]{3},/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(at) ? undefined : Math.min(86400, Math.max(0, Math.ceil((at - nowMs) / 1000)));
}
