// What changed between two texts, line by line: what stayed, what went, what came. Long runs that stayed are left out.
export type Line = { kind: "same" | "gone" | "new" | "skipped"; text: string };

const MAX = 600; // lines of either side that are compared one by one; beyond it all went and all came
const AROUND = 2; // lines that stayed, beside a change

// The longest run of lines that both have, in their order (by dynamic programming).
function compared(a: string[], b: string[]): Line[] {
  const width = b.length + 1, best = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let k = b.length - 1; k >= 0; k--) best[i * width + k] = a[i] === b[k] ? best[(i + 1) * width + k + 1]! + 1 : Math.max(best[(i + 1) * width + k]!, best[i * width + k + 1]!);
  const out: Line[] = [];
  let i = 0, k = 0;
  while (i < a.length || k < b.length) {
    if (i < a.length && k < b.length && a[i] === b[k]) out.push({ kind: "same", text: a[i++]! }), k++;
    else if (i < a.length && (k === b.length || best[(i + 1) * width + k]! >= best[i * width + k + 1]!)) out.push({ kind: "gone", text: a[i++]! });
    else out.push({ kind: "new", text: b[k++]! });
  }
  return out;
}

function shortened(lines: Line[]): Line[] {
  const near = (n: number) => lines.slice(Math.max(0, n - AROUND), n + AROUND + 1).some((l) => l.kind !== "same");
  const out: Line[] = [];
  lines.forEach((line, n) => {
    if (near(n)) out.push(line);
    else if (out.at(-1)?.kind !== "skipped") out.push({ kind: "skipped", text: "" });
  });
  return out;
}

// Nothing where both say the same.
export function diff(before: string | null, after: string | null): Line[] {
  if ((before ?? "") === (after ?? "")) return [];
  const a = before ? before.split("\n") : [], b = after ? after.split("\n") : [];
  if (a.length > MAX || b.length > MAX) return [...a.map((text) => ({ kind: "gone" as const, text })), ...b.map((text) => ({ kind: "new" as const, text }))];
  return shortened(compared(a, b));
}
