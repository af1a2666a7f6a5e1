// One stream of server-sent events, kept open. fetch and not EventSource, which hides heartbeats, statuses and Retry-After,
// comes back at the same moment as everybody else's, and cannot take over where another tab stopped.
export interface Told {
  id?: string;
  name: string;
  data: string;
}

// cut: it ended, or nobody answers. held: something answers, but what Ava writes does not come through. out: nobody is signed
// in. other: somebody else is. since: when it was heard last; until: the next try.
export interface Status {
  is: "opening" | "open" | "cut" | "held" | "out" | "other";
  since: number;
  until?: number;
}

export interface WireSeams {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  random: () => number;
  later: (ms: number, what: () => void) => () => void;
  // Renews the session if need be: "out" when somebody has to sign in first.
  renew: () => Promise<"in" | "out" | "unknown">;
}

export interface Hearer {
  event: (event: Told) => void;
  beat: () => void; // something came
  status: (status: Status) => void;
}

export const lookMs = 5000;
const welcomeMs = 8000; // in which the first bytes come, if anything lets them through
const silenceMs = 35_000; // two heartbeats, and some
const steadyMs = 10_000; // an open stream that lived so long was a good one
const firstMs = 1000;
const longestMs = 60_000;
const longestAfterWelcomeMs = 4000; // what is cut again and again still tells, each time it is open

// Hands on each event of the text that comes in pieces; an id without an event is one with no name.
export function reader(hear: (event: Told) => void): (piece: string) => void {
  let rest = "";
  let event: Told = { name: "", data: "" };
  let said = false;
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [, field, value] = /^(\w*): ?(.*?)\r?$/.exec(line) ?? [];
      if (line === "" || line === "\r") {
        if (said) hear(event);
        event = { name: "", data: "" };
        said = false;
      } else if (field === "id") event.id = value;
      else if (field === "event") event.name = value!;
      else if (field === "data") event.data += (event.data && "\n") + value;
      said ||= Boolean(field);
    }
  };
}

export class Wire {
  private flight?: AbortController;
  private isWelcome = false;
  private openedAt = 0;
  private heardAt = 0;
  private tries = 0;
  private stopTimer = () => {};
  private stopLooking = () => {};
  private lastId?: string;
  private isWanted = false;

  // forWhom: "user workspace", whom the page shows.
  constructor(private seams: WireSeams, private hear: Hearer, private forWhom: string) {}

  // lastId: what was seen last, by whoever saw it.
  start(lastId?: string): void {
    this.isWanted = true;
    this.lastId = lastId;
    this.heardAt = this.seams.now();
    this.stopLooking = this.seams.later(lookMs, () => this.look());
    void this.open();
  }

  stop(): void {
    this.isWanted = false;
    this.stopTimer();
    this.stopLooking();
    this.drop();
  }

  // Somebody does not want to wait for the next try.
  hurry(): void {
    if (!this.isWanted) this.start(this.lastId);
    else if (!this.flight) void this.open();
  }

  // A connection that died while the machine slept says nothing by itself; its clock does.
  look(): void {
    this.stopLooking();
    if (!this.isWanted) return;
    this.stopLooking = this.seams.later(lookMs, () => this.look());
    const now = this.seams.now();
    this.heardAt = Math.min(this.heardAt, now); // somebody set the clock
    this.openedAt = Math.min(this.openedAt, now);
    if (!this.flight) return;
    if (!this.isWelcome && now - this.openedAt >= welcomeMs) this.ended("held");
    else if (this.isWelcome && now - this.heardAt >= silenceMs) this.ended("cut");
  }

  private drop(): void {
    this.flight?.abort();
    this.flight = undefined;
  }

  private async open(): Promise<void> {
    this.stopTimer();
    const flight = (this.flight = new AbortController());
    this.isWelcome = false;
    this.openedAt = this.seams.now();
    try {
      const response = await this.seams.fetch("/api/v1/stream", {
        headers: { Accept: "text/event-stream", ...(this.lastId === undefined ? {} : { "Last-Event-ID": this.lastId }) },
        signal: flight.signal, credentials: "same-origin", cache: "no-store", redirect: "error",
      });
      if (this.flight !== flight) return;
      if (response.status === 401) return void this.refused();
      if (!response.ok || !response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream"))
        return this.ended("held", Number(response.headers.get("Retry-After")) || 0);
      await this.read(response.body.getReader(), flight);
      if (this.flight === flight) this.ended("cut");
    } catch {
      if (this.flight === flight) this.ended("cut");
    }
  }

  private async read(from: ReadableStreamDefaultReader<Uint8Array>, flight: AbortController): Promise<void> {
    const decoder = new TextDecoder();
    const take = reader((event) => this.flight === flight && this.take(event));
    for (;;) {
      const { done, value } = await from.read();
      if (done || this.flight !== flight) return;
      this.heardAt = this.seams.now();
      take(decoder.decode(value, { stream: true }));
      if (this.flight === flight && this.isWelcome) this.hear.beat();
    }
  }

  private take(event: Told): void {
    if (event.name === "here") {
      const { user_id, workspace_id } = JSON.parse(event.data) as Record<string, string>;
      if (`${user_id} ${workspace_id}` !== this.forWhom) return this.over("other");
      this.isWelcome = true;
      this.hear.status({ is: "open", since: this.heardAt });
    }
    if (!this.isWelcome) return;
    if (event.id !== undefined) this.lastId = event.id;
    this.hear.event(event);
  }

  // Perhaps the session wants renewing. Never asks a person, whose work this is not.
  private async refused(): Promise<void> {
    this.drop();
    const who = await this.seams.renew();
    if (!this.isWanted || this.flight) return;
    if (who === "out") this.over("out");
    else this.ended(who === "in" ? "opening" : "cut");
  }

  private over(is: "out" | "other"): void {
    this.stop();
    this.hear.status({ is, since: this.heardAt });
  }

  private ended(is: "cut" | "held" | "opening", waitSeconds = 0): void {
    this.drop();
    const now = this.seams.now();
    if (this.isWelcome && now - this.openedAt >= steadyMs) this.tries = 0;
    const most = this.isWelcome ? longestAfterWelcomeMs : longestMs;
    const waitMs = Math.max(Math.min(firstMs * 2 ** this.tries++, most) * (0.5 + this.seams.random()), waitSeconds * 1000);
    this.stopTimer = this.seams.later(waitMs, () => void this.open());
    this.hear.status({ is, since: this.heardAt, until: now + waitMs });
  }
}
