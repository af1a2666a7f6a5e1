// What happens now, in all tabs of one browser by one stream: the tab that holds the lock reads it and tells the others.
// Knows the words of the stream, and no screen. Lock and channel are named after who is signed in, so that no tab hears what
// is somebody else's. A browser without them (old, or a plain-http address) has a stream per tab, while the tab is seen.
import { Wire, type Status, type Told, type WireSeams } from "./wire";

export type Change = "operation" | "call" | "connection" | "assistant" | "message" | "event" | "destination" | "number" | "numbers" | "changed" | "retry";

export interface Channel {
  post(message: Message): void;
  close(): void;
}

export interface Locks {
  // Runs `what` once the lock is this tab's, until its promise ends. Rejects when another tab took it, or the signal says so.
  request(name: string, how: { signal?: AbortSignal; steal?: boolean }, what: () => Promise<void>): Promise<void>;
}

export interface Seams extends WireSeams {
  locks?: Locks;
  channel?: (name: string, hear: (message: Message) => void) => Channel;
  isSeen: () => boolean;
  somebodyElse: () => void; // the cookie is another person's now
}

// Of the holder: an event, or that it is there. Of the others: are you? and: do not wait for the next try.
// after: the id before; who does not have it missed something. id: the newest.
interface News { kind: "news"; after?: string; id?: string; event?: Told; status: Status }
export type Message = News | { kind: "ask" | "hurry" };

const changes = new Set<string>(["operation", "call", "connection", "assistant", "message", "event", "destination", "number", "numbers", "changed", "retry"]);
const lookMs = 2000;
const silenceMs = 25_000; // the holder hears something every 15 s, and says so
const answerMs = 4000;
const pollMs = 20_000;

export class Live {
  status: Status = { is: "opening", since: 0 };
  private listeners = new Map<Change, Set<(data?: unknown) => void>>();
  private watchers = new Set<() => void>();
  private who = "";
  private channel?: Channel;
  private wire?: Wire;
  private queued?: AbortController;
  private release = () => {};
  private lastId?: string;
  private heardAt = 0;
  private askedAt?: number;
  private missed = false;
  private stopTimer = () => {};
  private stopPolling?: () => void;

  constructor(private seams: Seams) {}

  // True when all tabs share one stream: then a tab that nobody sees may keep listening.
  get isShared(): boolean {
    return Boolean(this.seams.locks && this.seams.channel);
  }

  // data is what the event says; undefined: something may have been missed, read anew.
  on(name: Change, listener: (data?: unknown) => void): () => void {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all.add(listener));
    return () => all.delete(listener);
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  }

  // who: "user workspace". Somebody else begins without anything of the one before.
  start(who: string): void {
    if (this.who === who && (this.queued || this.wire)) return;
    this.stop();
    if (this.who !== who) this.lastId = undefined;
    this.who = who;
    this.status = { is: "opening", since: this.seams.now() };
    if (!this.isShared) return this.hold();
    this.channel = this.seams.channel!(this.name, (message) => this.take(message));
    this.queue();
    this.ask();
    this.stopTimer = this.seams.later(lookMs, () => this.look());
  }

  // Lets another tab have the stream. What happens from here on is missed, unless this tab goes on where it stopped.
  stop(): void {
    this.stopTimer();
    this.letGo();
    this.queued?.abort();
    this.queued = undefined;
    this.channel?.close();
    this.channel = undefined;
  }

  // Seen again, or awake, or the network is back: the stream, or its holder, may be gone.
  awake(): void {
    if (this.wire) return this.wire.look();
    if (this.channel && this.askedAt === undefined) this.ask();
  }

  private look(): void {
    this.stopTimer();
    if (!this.channel) return;
    this.stopTimer = this.seams.later(lookMs, () => this.look());
    const now = this.seams.now();
    this.heardAt = Math.min(this.heardAt, now); // somebody set the clock
    if (this.wire || !this.seams.isSeen()) return;
    if (this.askedAt === undefined) {
      if (now - this.heardAt >= silenceMs) this.ask();
    } else if (now - this.askedAt >= answerMs) this.steal();
  }

  hurry(): void {
    this.wire ? this.wire.hurry() : this.channel?.post({ kind: "hurry" });
  }

  private get name(): string {
    return "ava-live " + this.who;
  }

  private get here(): News {
    return { kind: "news", after: this.lastId, id: this.lastId, status: this.status };
  }

  private ask(): void {
    if (this.wire) return;
    this.askedAt = this.seams.now() + this.seams.random() * answerMs; // not all of them take over at once
    this.channel?.post({ kind: "ask" });
  }

  private queue(): void {
    const mine = (this.queued = new AbortController());
    this.request({ signal: mine.signal }, mine);
  }

  // A holder that is frozen keeps its lock. When it wakes up it learns that it has none.
  private steal(): void {
    this.askedAt = undefined;
    this.heardAt = this.seams.now();
    this.queued?.abort();
    this.request({ steal: true }, (this.queued = new AbortController()));
  }

  private request(how: { signal?: AbortSignal; steal?: boolean }, mine: AbortController): void {
    const held = () => new Promise<void>((done) => {
      if (this.queued !== mine) return done();
      this.release = done;
      this.hold();
    });
    this.seams.locks!.request(this.name, how, held).catch(() => {
      if (this.queued !== mine) return; // stopped, or asked for again
      this.letGo();
      this.heardAt = this.seams.now();
      this.queue();
    });
  }

  private hold(): void {
    this.askedAt = undefined;
    const hear = { event: (event: Told) => this.tell(event), beat: () => this.post(this.here), status: (status: Status) => this.is(status) };
    this.wire = new Wire(this.seams, hear, this.who);
    this.wire.start(this.lastId);
    this.post(this.here); // whoever was about to take it need not
  }

  private letGo(): void {
    this.wire?.stop();
    this.wire = undefined;
    this.stopPolling?.();
    this.stopPolling = undefined;
    this.release();
    this.release = () => {};
  }

  private post(message: Message): void {
    this.channel?.post(message);
  }

  // The holder's own: first to the others, whom a listener of ours must not keep waiting.
  private tell(event: Told): void {
    const after = this.lastId;
    if (event.name === "here" && after === undefined && this.missed) event = { ...event, name: "lost" };
    this.post({ kind: "news", after, id: event.id, event, status: this.status });
    this.hear(event);
  }

  private hear(event: Told): void {
    const isNew = event.id === undefined || this.lastId === undefined || Number(event.id) > Number(this.lastId);
    if (event.name === "lost") this.lost();
    else if (isNew && changes.has(event.name)) {
      const data: unknown = JSON.parse(event.data);
      this.listeners.get(event.name as Change)?.forEach((listener) => listener(data));
    }
    if (event.id !== undefined && (isNew || event.name === "lost")) this.lastId = event.id;
  }

  private take(message: Message): void {
    if (message.kind !== "news") {
      if (message.kind === "hurry") this.wire?.hurry();
      else if (this.wire) this.post(this.here);
      return;
    }
    this.heardAt = this.seams.now();
    this.askedAt = undefined;
    if (this.wire) return; // two for a moment, until one of them learns it
    this.show(message.status);
    const { after, id, event } = message;
    if (event?.name !== "lost" && after !== undefined && this.lastId !== undefined && Number(after) > Number(this.lastId)) this.lost();
    if (event) this.hear(event);
    if (id !== undefined && (this.lastId === undefined || Number(id) > Number(this.lastId))) this.lastId = id;
  }

  private is(status: Status): void {
    if (status.is !== "open" && this.lastId === undefined) this.missed = true;
    this.show(status);
    this.post(this.here);
    if (status.is === "held") {
      if (!this.stopPolling) this.poll();
    } else {
      this.stopPolling?.();
      this.stopPolling = undefined;
    }
  }

  // Nothing comes by itself: the panels are read now and then.
  private poll(): void {
    this.tell({ name: "lost", data: "{}" });
    this.stopPolling = this.seams.later(pollMs, () => this.poll());
  }

  private show(status: Status): void {
    this.status = status;
    if (status.is === "other") this.seams.somebodyElse();
    for (const watcher of [...this.watchers]) watcher();
  }

  private lost(): void {
    this.missed = false;
    for (const all of this.listeners.values()) all.forEach((listener) => listener(undefined));
  }
}
