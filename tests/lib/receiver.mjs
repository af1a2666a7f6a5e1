// A customer's endpoint: takes what Ava forwards, and lets the library of Standard Webhooks judge every one of it.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

// Ava's clock may have been moved on: the library is asked at that time.
function at(ms, ask) {
  const now = Date.now;
  Date.now = () => now() + ms;
  try {
    return ask();
  } finally {
    Date.now = now;
  }
}

export class Receiver {
  secrets = []; // all that a delivery may be signed with; each signature of it must be good for one
  got = []; // { id, type, data, body, headers, signatures }, in the order they were answered
  bad = []; // what the library refused
  skewMs = 0;
  answer = () => 200; // (delivery) => a status, or [status, headers], or null: cut the connection; may be a promise

  static async start(port = 0, address = "127.0.0.1") {
    const self = new Receiver();
    self.server = createServer((req, res) => self.#take(req, res));
    await new Promise((done) => self.server.listen(port, address, done));
    self.port = self.server.address().port;
    self.url = `http://${address}:${self.port}/ava`;
    return self;
  }

  // How many secrets this delivery is signed with; 0: with none that is known.
  #judge(body, headers) {
    return this.secrets.filter((secret) => {
      try {
        at(this.skewMs, () => new Webhook(secret).verify(body, headers));
        return true;
      } catch {
        return false;
      }
    }).length;
  }

  async #take(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const delivery = { id: req.headers["webhook-id"], signatures: req.headers["webhook-signature"]?.split(" ").length ?? 0, headers: req.headers, body, path: req.url };
    Object.assign(delivery, JSON.parse(body));
    if (this.#judge(body, req.headers) !== delivery.signatures || delivery.signatures === 0) this.bad.push(delivery);
    const answer = await this.answer(delivery);
    if (answer === null) return res.destroy();
    const [status, headers] = Array.isArray(answer) ? answer : [answer, {}];
    delivery.status = status;
    this.got.push(delivery);
    res.writeHead(status, headers).end("thank you");
  }

  taken() {
    return this.got.filter((d) => d.status >= 200 && d.status < 300);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
