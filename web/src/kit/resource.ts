// A resource: something the server knows that a panel shows. One state at a time, as the page names them;
// what was read stays readable whatever happens next. No polling: a read on view, on request, and one
// automatic try after a wait.
import type { Problem, Reply, Retry } from "./api";
import { automaticTryAt } from "./countdown";

export type State = "loading" | "ready" | "error" | "retrying" | "degraded" | "limited" | "offline";

export interface Snapshot<T> {
  state: State;
  busy: boolean;
  data?: T;
  at: number; // when the values were true at the provider
  etag?: string;
  problem?: Problem;
  until?: number; // when another try makes sense
  total: number; // seconds of the whole wait
  attempt: number; // which one is made next, of so many
  max: number;
  isStopped?: boolean; // the person did not want to wait for it
  byPerson: boolean; // the person asked: an error may take the focus
}

export interface Seams {
  now: () => number;
  random: () => number;
  later: (ms: number, what: () => void) => () => void;
  isSeen?: () => boolean;
}

export const realSeams: Seams = {
  isSeen: () => document.visibilityState === "visible",
  now: Date.now,
  random: Math.random,
  later: (ms, what) => {
    const id = setTimeout(what, ms);
    return () => clearTimeout(id);
  },
};

export const maxAttempts = 3;
const automatic = new Set(["provider_busy", "overloaded", "draining"]);

const unknown = { state: "loading", busy: false, at: 0, total: 0, attempt: 1, max: maxAttempts, isStopped: false, byPerson: false } as const;

export class Resource<T> {
  snapshot: Snapshot<T> = { ...unknown };
  private listeners = new Set<() => void>();
  private loadedAt = -Infinity;
  private triedItself = false;
  private tries = 1; // of ours, where Ava was too busy to make any
  private flight?: AbortController;
  private outdated = false;
  private stopTimer = () => {};

  constructor(
    private load: (signal: AbortSignal) => Promise<Reply<T>>,
    private freshMs = 10_000,
    private seams: Seams = realSeams,
  ) {}

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  // A panel came into sight, or the window into focus.
  view(freshMs = this.freshMs): void {
    const waiting = this.snapshot.until !== undefined && this.snapshot.until > this.seams.now();
    if (!this.flight && !waiting && this.seams.now() - this.loadedAt > freshMs) void this.read(false);
  }

  // The person asked.
  reload(): Promise<void> {
    this.triedItself = false;
    this.tries = 1;
    return this.read(true);
  }

  // Ava says that it changed: read now where somebody looks at it, else at the next view. Nine tabs do not read what one shows.
  changed(): void {
    this.expire();
    this.outdate();
    if (this.listeners.size && (this.seams.isSeen?.() ?? true)) this.view(0);
  }

  // What is being read right now may be from before: read once more when it is there.
  outdate(): void {
    this.outdated = this.flight !== undefined;
  }

  // After a write of our own: forget how fresh it was.
  expire(): void {
    this.loadedAt = -Infinity;
  }

  reset(): void {
    this.cancel();
    this.expire();
    this.triedItself = false;
    this.tries = 1;
    this.change({ ...unknown, data: undefined, etag: undefined, problem: undefined, until: undefined });
  }

  // Stops the waiting, not the work: what Ava is doing it does.
  cancel(): void {
    this.stopTimer();
    this.flight?.abort();
    this.flight = undefined;
    if (this.snapshot.state === "retrying" || this.snapshot.state === "loading")
      this.change({ state: this.snapshot.data === undefined ? "error" : "ready", isStopped: true, busy: false, problem: undefined, until: undefined });
    else this.change({ busy: false });
  }

  // Values we know better than the last read: an optimistic change, or the answer of a write.
  put(data: T, etag?: string): void {
    this.change({ data, ...(etag ? { etag } : {}) });
  }

  // What a write learnt about the provider holds for reads too.
  learn(problem: Problem): void {
    this.settle(problem, false);
  }

  private async read(byPerson: boolean): Promise<void> {
    this.stopTimer();
    this.flight?.abort();
    this.outdated = false;
    const flight = (this.flight = new AbortController());
    flight.signal.addEventListener("retry", (e) => this.flight === flight && this.again((e as CustomEvent<Retry>).detail));
    this.change({ busy: true, byPerson, isStopped: false });
    let reply: Reply<T>;
    try {
      reply = await this.load(flight.signal);
    } catch {
      return; // cancelled: whoever did that has set the state
    }
    if (this.flight !== flight) return;
    this.flight = undefined;
    this.loadedAt = this.seams.now();
    if (!reply.ok) return this.settle(reply.problem, byPerson);
    const known = { data: reply.data, etag: reply.etag, at: this.loadedAt - reply.age * 1000, busy: false };
    if (reply.stale) {
      this.change(known);
      return this.settle({ code: "provider_unavailable", wait: reply.wait }, byPerson);
    }
    this.triedItself = false;
    this.tries = 1;
    this.change({ ...known, state: "ready", problem: undefined, until: undefined });
    if (this.outdated) void this.read(false);
  }

  // Ava tries again at the provider while we wait for the answer.
  private again(retry: Retry): void {
    const until = this.seams.now() + retry.next_retry_in_seconds * 1000;
    this.change({ state: "retrying", problem: undefined, until, total: retry.next_retry_in_seconds, attempt: retry.attempt, max: retry.max_attempts });
  }

  private settle(problem: Problem, byPerson: boolean): void {
    const now = this.seams.now();
    const until = problem.wait === undefined ? undefined : now + problem.wait * 1000;
    const state = this.stateOf(problem);
    const total = problem.wait ?? 0;
    if (state === "retrying") {
      const waitMs = (problem.wait ?? 2) * 1000 + this.seams.random() * 1000;
      this.change({ state, problem, busy: false, until: now + waitMs, total, attempt: ++this.tries, max: maxAttempts, byPerson });
      this.stopTimer = this.seams.later(waitMs, () => void this.read(false));
      return;
    }
    this.change({ state, problem, busy: false, until, total, byPerson });
    if (until === undefined || this.triedItself || (state !== "degraded" && state !== "limited")) return;
    this.stopTimer = this.seams.later(automaticTryAt(until, this.seams.random()) - now, () => {
      this.triedItself = true;
      void this.read(false);
    });
  }

  private stateOf(problem: Problem): State {
    if (problem.code === "offline") return "offline";
    if (problem.code === "rate_limited" || problem.code === "provider_rate_limited") return "limited";
    if (problem.code === "provider_unavailable") return "degraded";
    if (automatic.has(problem.code) && this.tries < maxAttempts) return "retrying";
    return "error";
  }

  private change(part: Partial<Snapshot<T>>): void {
    this.snapshot = { ...this.snapshot, ...part };
    for (const listener of this.listeners) listener();
  }
}
