// Of a chart of answers: its scale, its lines with the times in which nothing was asked left out, and when a breaker was open.
export interface Slot {
  at: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  failed_percent: number;
}
export interface Turn {
  at: number;
  open: boolean;
}

// 1, 2 or 5 times a power of ten, so that the top is a figure people can read.
export function scale(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most)!;
}

// Runs of slots that follow on each other: a line across a night without calls would tell of answers nobody got.
export function gaps(slots: Slot[], slotMs: number): Slot[][] {
  const runs: Slot[][] = [];
  for (const s of slots) {
    const run = runs.at(-1);
    if (run && s.at - run.at(-1)!.at <= slotMs) run.push(s);
    else runs.push([s]);
  }
  return runs;
}

// One slot alone is a short level line.
export function path(slots: Slot[], place: (s: Slot) => [x: number, y: number], wide: number): string {
  const points = slots.map(place).map(([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10] as const);
  if (points.length === 1) return `M${points[0]![0] - wide / 2} ${points[0]![1]}h${wide}`;
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x} ${y}`).join("");
}

// From where a breaker opened to where it closed. The first that is known may be a close; several may be open at once, the
// provider's and one's own: Ava asks again when the last has closed.
export function rests(turns: Turn[], now: number): { from: number; until: number; on: boolean }[] {
  const all: { from: number; until: number; on: boolean }[] = [];
  let open = 0, from = 0;
  for (const turn of [...turns].sort((a, b) => a.at - b.at)) {
    if (turn.open && open++ === 0) from = turn.at;
    if (!turn.open && open && --open === 0) all.push({ from, until: turn.at, on: false });
  }
  if (open) all.push({ from, until: Math.max(now, from), on: true });
  return all;
}
