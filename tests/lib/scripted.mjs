// A provider whose next answers a test writes itself: what no pretend provider would say.
import { createServer } from "node:http";

export class Scripted {
  // rules: [method, RegExp of the path, answer]; the first that fits answers. answer: { status, json | body, headers, after }
  // or a function of the request that gives one.
  static async start(rules = []) {
    const self = new Scripted();
    self.rules = rules;
    self.seen = [];
    self.server = createServer((req, res) => {
      const parts = [];
      req.on("data", (b) => parts.push(b));
      req.on("end", async () => {
        const one = { method: req.method, path: req.url, headers: req.headers, body: Buffer.concat(parts).toString() };
        self.seen.push(one);
        const rule = self.rules.find(([method, path]) => method === one.method && path.test(one.path));
        const said = rule ? (typeof rule[2] === "function" ? await rule[2](one, self) : rule[2]) : { status: 599 };
        if (said.after) await new Promise((r) => setTimeout(r, said.after));
        res.writeHead(said.status ?? 200, { "Content-Type": "application/json", ...said.headers });
        res.end(said.body ?? JSON.stringify(said.json ?? {}));
      });
    });
    await new Promise((r) => self.server.listen(0, "127.0.0.1", r));
    self.base = `http://127.0.0.1:${self.server.address().port}`;
    return self;
  }

  // Puts a rule before all others.
  on(method, path, answer) {
    this.rules.unshift([method, path, answer]);
  }

  // The same, for one request alone.
  once(method, path, answer) {
    const rule = [method, path, (one) => {
      this.rules.splice(this.rules.indexOf(rule), 1);
      return typeof answer === "function" ? answer(one, this) : answer;
    }];
    this.rules.unshift(rule);
  }

  count(method, path) {
    return this.seen.filter((one) => one.method === method && path.test(one.path)).length;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((r) => this.server.close(r));
  }
}

// A text, a call as Twilio shows it.
const twilioDate = (ms) => new Date(ms).toUTCString().replace("GMT", "+0000");
const hex = (n) => n.toString(16).padStart(32, "0");
let made = 0;
export const twilioText = (form, more = {}) => ({ sid: "SM" + hex(++made), status: "queued", direction: "outbound-api", to: form.get("To"), from: form.get("From"), body: form.get("Body"), error_code: null, date_created: twilioDate(Date.now()), ...more });
export const twilioCall = (form, more = {}) => ({ sid: "CA" + hex(++made), status: "queued", direction: "outbound-api", to: form.get("To"), from: form.get("From"), date_created: twilioDate(Date.now()), start_time: null, end_time: null, ...more });
export const vapiCall = (more = {}) => ({ id: `5b1d9c40-7777-4000-8000-${String(++made).padStart(12, "0")}`, createdAt: new Date().toISOString(), updatedAt: new Date().toISOString(), status: "queued", ...more });

export const SID = "AC0123456789abcdef0123456789abcdef", TOKEN = "scripted-twilio-token", KEY = "scripted-vapi-key", ASSISTANT = "6f0fb7a5-43c1-4b3a-9f63-1c20a9a17d01", NUMBER = "0b1fb7a5-43c1-4b3a-9f63-1c20a9a17d02";

// An Ava whose Vapi and Twilio are scripted: { a, vapi, twilio, text, call, remove }.
export async function scriptedWorld(Ava, { env = {}, ...more } = {}) {
  const vapi = await Scripted.start([
    ["GET", /^\/assistant\//, { json: { id: ASSISTANT, updatedAt: "2026-11-20T08:00:00.000Z", createdAt: "2026-11-20T08:00:00.000Z", firstMessage: "Hello" } }],
    ["GET", /^\/assistant/, { json: [] }],
    ["GET", /^\/phone-number/, { json: [] }],
    ["POST", /^\/call$/, () => ({ status: 201, json: vapiCall() })],
  ]);
  const twilio = await Scripted.start([
    ["POST", /\/Messages\.json$/, (r) => ({ status: 201, json: twilioText(new URLSearchParams(r.body)) })],
    ["POST", /\/Calls\.json$/, (r) => ({ status: 201, json: twilioCall(new URLSearchParams(r.body)) })],
    ["GET", /\/IncomingPhoneNumbers\.json/, { json: { incoming_phone_numbers: [], next_page_uri: null } }],
    ["GET", /^\/2010-04-01\/Accounts\/\w+\.json$/, { json: { sid: SID, status: "active" } }],
  ]);
  const a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", VAPI_BASE_URL: vapi.base, TWILIO_BASE_URL: twilio.base, ...env }, ...more });
  await a.signUp();
  const put = async (name, body) => {
    const r = await a.call(`/api/v1/credentials/${name}?verify=false`, { method: "PUT", body });
    if (r.status >= 300) throw new Error(`${name}: ${r.status} ${r.text}`);
  };
  await put("vapi", { api_key: KEY, assistant_id: ASSISTANT, default_number_id: NUMBER, webhook_secret: "scripted-webhook-secret" });
  await put("twilio", { account_sid: SID, auth_token: TOKEN });
  const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
  const urls = { vapi: endpoints.find((e) => e.provider === "vapi").urls.server, twilio: endpoints.find((e) => e.provider === "twilio").urls };
  const world = {
    a, vapi, twilio, urls,
    text: (to, body = {}) => a.call("/api/v1/twilio/messages", { body: { to, from: "+15005550006", body: "Hi", ...body } }),
    call: (to, body = {}) => a.call("/api/v1/calls", { body: { to, ...body } }),
    server: (message) => a.call(urls.vapi.slice(a.base.length), { key: null, method: "POST", raw: JSON.stringify({ message: { timestamp: Date.now(), ...message } }), headers: { "Content-Type": "application/json", "X-Vapi-Secret": "scripted-webhook-secret" } }),
    remove: async () => {
      await world.a.remove(); // which may be another one by now
      await vapi.stop();
      await twilio.stop();
    },
  };
  return world;
}
