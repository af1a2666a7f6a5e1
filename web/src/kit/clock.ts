// The server's clock, where it and this computer's disagree: times that Ava names are counted with Ava's own.
let aheadMs = 0; // of this computer's
const noticeMs = 30_000; // below that an answer may just have been slow

export function learnDate(serverMs: number, nowMs: number): void {
  if (Number.isNaN(serverMs)) return;
  const ahead = serverMs - nowMs;
  aheadMs = Math.abs(ahead) < noticeMs ? 0 : ahead;
}

export const serverNow = (nowMs: number): number => nowMs + aheadMs;
