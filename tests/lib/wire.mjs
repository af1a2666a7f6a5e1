// A wire between one host and one service (its database, a provider): TCP is handed on through it, and a test says how it goes.
//
//   pass   as it comes
//   delay  each piece so many ms later, in order
//   hole   nothing arrives in either direction, nothing is refused. What was sent meanwhile arrives when the wire is mended,
//          as TCP would send it again, even if who sent it has given up: a COMMIT may come a minute late
//   deaf   what the host says arrives, no answer does (until it is mended)
//   reset  connections break at once, and so does each new one
//   half   the host is told that nothing more will come; what it says still arrives
//
// A fault that met nothing proves nothing: met counts the connections that a mode other than pass had to do with.
import { connect, createServer } from "node:net";

export const MODES = ["pass", "delay", "hole", "deaf", "reset", "half"];

// Pieces on their way in one direction.
class Flow {
  queue = []; // { at, go }: those that wait for their time
  isHeld = false;

  constructor(from, to, wire) {
    Object.assign(this, { from, to, wire });
    from.on("data", (piece) => this.pass(() => to.write(piece) || from.pause()));
    from.on("end", () => this.pass(() => to.end()));
    to.on("drain", () => this.isHeld || from.resume());
  }

  pass(go) {
    const later = this.wire.mode === "delay" ? this.wire.ms : 0;
    if (later === 0 && this.queue.length === 0) return this.to.destroyed || go();
    this.queue.push({ at: performance.now() + later, go });
    if (this.queue.length === 1) this.wait();
  }

  wait() {
    setTimeout(() => {
      this.to.destroyed || this.queue[0].go();
      this.queue.shift();
      if (this.queue.length) this.wait();
    }, Math.max(0, Math.ceil(this.queue[0].at - performance.now())));
  }

  hold(isHeld) {
    this.isHeld = isHeld;
    if (isHeld) this.from.pause();
    else this.from.resume();
  }
}

// A socket that has sent its end cannot be reset: Node would keep its handle, and the process, for ever.
const reset = (socket) => (socket.connecting || socket.writableEnded ? socket.destroy() : socket.resetAndDestroy());

class Link {
  constructor(host, wire) {
    this.host = host;
    this.wire = wire;
    this.service = connect({ port: wire.target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [[host, this.service], [this.service, host]]) {
      one.on("error", () => reset(other));
      one.on("close", (failed) => (failed ? reset(other) : other.destroySoon(), this.gone()));
    }
    this.out = new Flow(host, this.service, wire);
    this.back = new Flow(this.service, host, wire);
    this.obey();
  }

  gone() {
    this.wire.links.delete(this);
  }

  obey() {
    const { mode } = this.wire;
    if (mode !== "pass") this.wire.met++;
    if (mode === "reset") return this.cut();
    this.out.hold(mode === "hole");
    this.back.hold(mode === "hole" || mode === "deaf");
    if (mode === "half") this.host.end();
  }

  cut() {
    reset(this.host);
    reset(this.service);
    this.gone();
  }
}

export class Wire {
  links = new Set();
  mode = "pass";
  ms = 0;
  met = 0; // connections that this mode, or the last one that was not pass, had to do with

  // target: the port of the service, on this machine.
  static async start(target) {
    const self = Object.assign(new Wire(), { target });
    self.server = createServer({ allowHalfOpen: true, noDelay: true }, (host) => self.links.add(new Link(host, self)));
    await new Promise((done, fail) => self.server.on("error", fail).listen(0, "127.0.0.1", done));
    self.port = self.server.address().port;
    return self;
  }

  // From now on, those that are open included.
  set(mode, { ms = 0 } = {}) {
    if (!MODES.includes(mode)) throw new Error(`a wire knows no ${mode}`);
    if (mode !== "pass") this.met = 0;
    Object.assign(this, { mode, ms });
    for (const link of [...this.links]) link.obey();
  }

  async stop() {
    for (const link of [...this.links]) link.cut();
    await new Promise((done) => this.server.close(done));
  }
}
