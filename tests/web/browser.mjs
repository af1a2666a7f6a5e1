// A browser of a few lines for the tests of what tabs share: its stream, locks and channels move only when told.
import { settled, Time } from "./load.mjs";

export async function quiet() {
  for (let i = 0; i < 8; i++) await settled();
}

// Web Locks as they are specified, so far as they are used here: one holder, a queue, signals, and stealing.
export class Locks {
  held = new Map();
  queues = new Map();
  request(name, { signal, steal }, what) {
    return new Promise((done, fail) => {
      const asked = { name, what, done, fail };
      if (signal?.aborted) return fail(signal.reason);
      const queue = this.queues.get(name) ?? this.queues.set(name, []).get(name);
      if (steal) {
        this.held.get(name)?.fail(new DOMException("stolen", "AbortError"));
        this.held.delete(name);
        queue.unshift(asked);
      } else queue.push(asked);
      signal?.addEventListener("abort", () => {
        const at = queue.indexOf(asked);
        if (at >= 0) queue.splice(at, 1), fail(signal.reason);
      });
      this.grant(name);
    });
  }
  grant(name) {
    const asked = !this.held.has(name) && this.queues.get(name)?.shift();
    if (!asked) return;
    this.held.set(name, asked);
    queueMicrotask(() => asked.what().then(() => {
      if (this.held.get(name) === asked) this.held.delete(name), this.grant(name);
      asked.done();
    }, asked.fail));
  }
}

export class Channels {
  all = new Set();
  open = (name, hear) => {
    const one = { name, hear, frozen: false };
    this.all.add(one);
    return {
      post: (message) => {
        const text = JSON.stringify(message);
        for (const other of this.all) if (other !== one && other.name === name && !other.frozen) queueMicrotask(() => this.all.has(other) && other.hear(JSON.parse(text)));
      },
      close: () => this.all.delete(one),
    };
  };
}

// The server's side of one stream.
class Stream {
  constructor(init) {
    this.lastId = init.headers["Last-Event-ID"];
    this.isOpen = true;
    init.signal.addEventListener("abort", () => this.close(() => this.to?.error(init.signal.reason)));
    this.answer = new Promise((done, fail) => {
      this.answers = done;
      this.fails = fail;
      init.signal.addEventListener("abort", () => fail(init.signal.reason));
    });
  }
  close(how) {
    if (!this.isOpen) return;
    this.isOpen = false;
    how?.();
  }
  refuses(status, headers = {}) {
    this.isOpen = false;
    this.answers(new Response("{}", { status, headers }));
  }
  breaks() {
    this.close(() => (this.to ? this.to.error(new TypeError("cut")) : this.fails(new TypeError("cut"))));
  }
  ends() {
    this.close(() => this.to.close());
  }
  head(type = "text/event-stream") {
    this.answers(new Response(new ReadableStream({ start: (to) => void (this.to = to) }), { headers: { "Content-Type": type } }));
  }
  writes(text) {
    this.to.enqueue(new TextEncoder().encode(text));
  }
  // Opens as Ava does.
  opens(id, { user = "usr_1", workspace = "ws_1" } = {}) {
    this.head();
    this.writes(`retry: 2000\nid: ${id}\nevent: here\ndata: ${JSON.stringify({ user_id: user, workspace_id: workspace })}\n\n`);
  }
  says(id, name, data) {
    this.writes(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
  beats(id) {
    this.writes(`:\nid: ${id}\n\n`);
  }
}

export class Browser {
  time = new Time();
  streams = [];
  locks = new Locks();
  channels = new Channels();
  session = "in";
  seams(more = {}) {
    return {
      ...this.time.seams, locks: this.locks, channel: this.channels.open, isSeen: () => true, somebodyElse: () => {}, renew: async () => this.session,
      fetch: (url, init) => (this.streams.push(new Stream(init)), this.streams.at(-1).answer),
      ...more,
    };
  }
  get open() {
    return this.streams.filter((s) => s.isOpen);
  }
  get newest() {
    return this.streams.at(-1);
  }
}
