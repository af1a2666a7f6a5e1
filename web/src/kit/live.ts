// What happens now: one stream per page, while somebody is here and looks at it. Knows the words of the stream, and no screen.
// A browser allows few connections to one host, so a page nobody sees has none; coming back counts as having missed something.
export type Change = "operation" | "call" | "connection" | "assistant" | "message" | "event" | "destination";

// As much of an EventSource as is used here.
export interface Source {
  readonly readyState: number;
  addEventListener(name: string, listener: (event: { data?: string }) => void): void;
  close(): void;
}

export interface Seams {
  open: (url: string) => Source;
  later: (ms: number, what: () => void) => () => void;
  random: () => number;
  // Renews the session if need be: "out" when somebody has to sign in first.
  renew: () => Promise<"in" | "out" | "unknown">;
}

const closed = 2; // EventSource.CLOSED: refused, and it does not come back by itself
const firstMs = 2000;
const longestMs = 60_000;

export class Live {
  private listeners = new Map<Change, Set<(data?: unknown) => void>>();
  private source?: Source;
  private stopTimer = () => {};
  private waitMs = firstMs;
  private wanted = false;
  private missed = false;

  constructor(private seams: Seams) {}

  // data is what the event says; undefined: something may have been missed, read anew.
  on(name: Change, listener: (data?: unknown) => void): () => void {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all.add(listener));
    return () => all.delete(listener);
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.open();
  }

  stop(): void {
    this.wanted = false;
    this.stopTimer();
    if (this.source) this.missed = true;
    this.source?.close();
    this.source = undefined;
  }

  private open(): void {
    const source = (this.source = this.seams.open("/api/v1/stream"));
    const mine = (what: (event: { data?: string }) => void) => (event: { data?: string }) => {
      if (this.source === source) what(event);
    };
    source.addEventListener("open", mine(() => {
      this.waitMs = firstMs;
      if (this.missed) this.lost();
    }));
    source.addEventListener("error", mine(() => {
      if (source.readyState === closed) void this.again();
    }));
    source.addEventListener("lost", mine(() => this.lost()));
    for (const name of ["operation", "call", "connection", "assistant", "message", "event", "destination"] as const)
      source.addEventListener(name, mine((event) => this.tell(name, JSON.parse(event.data ?? "null"))));
  }

  // Refused: perhaps the session wants renewing. Never asks a person, whose work this is not.
  private async again(): Promise<void> {
    this.missed = true;
    this.source = undefined;
    const who = await this.seams.renew();
    if (who === "out") this.wanted = false; // until somebody is here again
    if (!this.wanted || this.source) return;
    this.stopTimer = this.seams.later(this.waitMs * (0.5 + this.seams.random()), () => this.open());
    this.waitMs = Math.min(this.waitMs * 2, longestMs);
  }

  private lost(): void {
    this.missed = false;
    for (const name of this.listeners.keys()) this.tell(name, undefined);
  }

  private tell(name: Change, data: unknown): void {
    for (const listener of this.listeners.get(name) ?? []) listener(data);
  }
}
