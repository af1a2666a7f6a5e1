// A provider without manners: speaks Vapi's shapes over raw sockets, as badly as a test wants it.
//
//     const rude = await Rude.start();
//     rude.meet("some-api-key", never);       // whoever comes with this key meets this behaviour
//     rude.seen("some-api-key")               // { requests, connections, sent }: what came, what went out
//
// A behaviour is (wire, request) => void, called once per request; the key is the bearer's, so that callers
// with different keys can meet different behaviours at the same time. Everything else is met politely.
import { createServer } from "node:net";

export const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80";

export function assistant(more = {}) {
  return {
    id: ASSISTANT,
    orgId: "2b6b8a5e-0d6a-4a53-8c6a-0f1d6f1b2c3d",
    createdAt: "2026-01-02T03:04:05.000Z",
    updatedAt: "2026-11-20T08:00:00.000Z",
    name: "Rude",
    firstMessage: "Hello",
    maxDurationSeconds: 600,
    voice: { provider: "11labs", voiceId: "burt", speed: 1 },
    ...more,
  };
}

export const STATUS_LINE = { 200: "OK", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect", 429: "Too Many Requests" };

export function head(status, fields = {}) {
  const lines = Object.entries(fields).flatMap(([n, v]) => (Array.isArray(v) ? v : [v]).map((one) => `${n}: ${one}`));
  return [`HTTP/1.1 ${status} ${STATUS_LINE[status] ?? "Whatever"}`, ...lines, "", ""].join("\r\n");
}

export function whole(status, body, fields = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return Buffer.concat([Buffer.from(head(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": bytes.length, ...fields })), bytes]);
}

// --- behaviours ----------------------------------------------------------------------------------

export const polite = (wire) => wire.send(whole(200, assistant()));
export const never = () => {};
export const says = (bytes) => (wire) => wire.send(bytes);
export const saysAndEnds = (bytes) => (wire) => wire.send(bytes).end();
export const resets = (wire) => wire.reset();
export const saysAndResets = (bytes) => (wire) => wire.send(bytes, () => wire.reset());
export const hangsUp = (wire) => wire.end();
export const status = (code, fields) => (wire) => wire.send(whole(code, { statusCode: code, message: "secret words of the provider" }, fields));
export const redirects = (code, to) => (wire) => wire.send(head(code, { Location: to, "Content-Length": 0 }));

export const trickles = (wire) => {
  const bytes = whole(200, assistant());
  const at = bytes.indexOf("\r\n\r\n") + 4;
  wire.send(bytes.subarray(0, at));
  let n = at;
  wire.every(1000, () => n < bytes.length && wire.send(bytes.subarray(n, ++n)));
};

export const trickledHead = (wire) => {
  const bytes = whole(200, assistant());
  let n = 0;
  wire.every(1000, () => n < bytes.length && wire.send(bytes.subarray(n, ++n)));
};

// So many bytes after this beginning, as fast as they are taken and no faster.
export const floods = (beginning, piece, bytes) => (wire) => {
  wire.send(beginning);
  const one = Buffer.from(piece.repeat(Math.ceil(16384 / piece.length)));
  let left = bytes;
  const more = () => {
    while (left > 0 && !wire.gone) {
      left -= one.length;
      if (!wire.push(one)) return wire.whenTaken(more);
    }
  };
  more();
};

// One behaviour for the first request, another for the second, ..., the last one for all that follow.
export const inTurn = (...behaviours) => {
  let n = 0;
  return (wire, request) => behaviours[Math.min(n++, behaviours.length - 1)](wire, request);
};

// --- the server ----------------------------------------------------------------------------------

class Wire {
  constructor(socket, number) {
    Object.assign(this, { socket, number, gone: false, timers: [], keys: new Set(), answered: 0 });
  }
  push(bytes) {
    if (this.gone) return false;
    this.count.sent += bytes.length;
    return this.socket.write(bytes);
  }
  send(bytes, then) {
    const b = Buffer.from(bytes);
    if (!this.gone) (this.count.sent += b.length), this.socket.write(b, then);
    return this;
  }
  whenTaken(then) {
    this.socket.once("drain", then);
  }
  every(ms, what) {
    this.timers.push(setInterval(() => !this.gone && what(), ms));
  }
  end() {
    this.socket.end();
  }
  reset() {
    this.socket.resetAndDestroy();
  }
}

export class Rude {
  static async start() {
    const self = new Rude();
    Object.assign(self, { behaviours: new Map(), counts: new Map(), wires: new Set(), connections: 0, bytes: 0 });
    self.server = createServer((socket) => self.accept(socket));
    await new Promise((done) => self.server.listen(0, "127.0.0.1", 1024, done));
    self.url = `http://127.0.0.1:${self.server.address().port}`;
    return self;
  }

  meet(key, behaviour) {
    this.behaviours.set(key, behaviour);
    this.counts.delete(key);
  }

  seen(key) {
    if (!this.counts.has(key)) this.counts.set(key, { requests: 0, connections: 0, sent: 0, methods: [] });
    return this.counts.get(key);
  }

  accept(socket) {
    const wire = new Wire(socket, ++this.connections);
    let inbox = Buffer.alloc(0);
    this.wires.add(wire);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => {
      wire.gone = true;
      wire.timers.forEach(clearInterval);
      this.wires.delete(wire);
    });
    socket.on("data", (bytes) => {
      this.bytes += bytes.length;
      inbox = Buffer.concat([inbox, bytes]);
      for (;;) {
        const end = inbox.indexOf("\r\n\r\n");
        if (end < 0) return;
        const text = inbox.subarray(0, end).toString("latin1");
        const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
        if (inbox.length < end + 4 + length) return;
        const body = inbox.subarray(end + 4, end + 4 + length).toString();
        inbox = inbox.subarray(end + 4 + length);
        this.meetOne(wire, text, body);
      }
    });
  }

  meetOne(wire, text, body) {
    const [method, path] = text.split(" ", 2);
    const key = /^authorization: bearer (.*)$/im.exec(text)?.[1].trim();
    wire.count = this.seen(key);
    wire.count.requests++;
    wire.count.methods.push(method);
    if (!wire.keys.has(key)) wire.count.connections++;
    wire.keys.add(key);
    (this.behaviours.get(key) ?? polite)(wire, { method, path, text, body, key });
  }

  // Every connection closed in good order, by both ends where the other plays along: what was kept is dead now.
  dropAll() {
    return Promise.all(
      [...this.wires].map((wire) => {
        wire.end();
        return new Promise((done) => (wire.socket.once("close", done), setTimeout(done, 2000).unref()));
      }),
    );
  }

  async stop() {
    for (const wire of this.wires) wire.socket.destroy();
    if (this.server.listening) await new Promise((done) => this.server.close(done));
  }
}
