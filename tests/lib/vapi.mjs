// Vapi's side of its server messages, written from its description and not from Ava's code.
import { createHmac } from "node:crypto";

export const headersOf = (plan, { method = "POST", url, body, at = Math.floor(Date.now() / 1000), id = "msg_1" }) => {
  if (plan.type === "bearer") return { [plan.headerName ?? "Authorization"]: (plan.bearerPrefixEnabled === false ? "" : "Bearer ") + plan.token };
  const dated = plan.includeTimestamp !== false;
  const text = (plan.payloadFormat ?? (dated ? "{timestamp}.{body}" : "{body}")).replace(/\{(body|timestamp|method|url|svix-id)\}/g, (_, name) => ({ body, timestamp: String(at), method, url, "svix-id": id })[name]);
  const key = plan.secretIsBase64 ? Buffer.from(plan.secretKey, "base64") : plan.secretKey;
  const mac = createHmac(plan.algorithm, key).update(text).digest(plan.signatureEncoding ?? "hex");
  return { [plan.signatureHeader ?? "x-signature"]: (plan.signaturePrefix ?? "") + mac, ...(dated ? { [plan.timestampHeader ?? "x-timestamp"]: String(at) } : {}), ...(plan.messageIdHeader ? { [plan.messageIdHeader]: id } : {}) };
};

export const secretPlan = (token) => ({ type: "bearer", token, headerName: "X-Vapi-Secret", bearerPrefixEnabled: false });

// A server message of a call: message("status-update", { id, ... }, { status: "ringing" }).
export const message = (type, call, more = {}) => ({
  message: { type, timestamp: Date.now(), ...more, call: { orgId: "eb166faa-7145-46ef-8044-589b47ae3b56", type: "inboundPhoneCall", phoneNumberId: "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa", customer: { number: "+14155550142" }, ...call } },
});

const MiB = 1 << 20;
export const bytes = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)));

// Server messages as people reported them, of the call with that id: [what is odd, body(id), it says that the call is
// over] (TRAFFIC K1, K14).
export const oddWebhooks = [
  ["half a surrogate", (id) => `{"message":{"type":"conversation-update","timestamp":1790000000101,"conversation":[{"role":"user","content":"the sun is up \\udf1e"}],"call":{"id":"${id}"}}}`, false],
  ["a NUL in a text", (id) => `{"message":{"type":"end-of-call-report","timestamp":1790000000102,"endedReason":"silence-timed-out","summary":"left a note\\u0000","call":{"id":"${id}"}}}`, true],
  ["an integer over 64 bits", (id) => `{"message":{"type":"end-of-call-report","timestamp":1790000000103,"endedReason":"silence-timed-out","analysis":{"structuredData":{"parcel":-92233720368547758080}},"call":{"id":"${id}"}}}`, true],
  ["a real beyond reals", (id) => `{"message":{"type":"end-of-call-report","timestamp":1790000000104,"endedReason":"silence-timed-out","analysis":{"structuredData":{"score":4e4000}},"call":{"id":"${id}"}}}`, true],
  ["a cut character", (id) => bytes(`{"message":{"type":"status-update","status":"ended","timestamp":1790000000105,"note":"caf`, [0xc3], `","call":{"id":"${id}"}}}`), true],
  ["a byte order mark", (id) => bytes([0xef, 0xbb, 0xbf], `{"message":{"type":"status-update","status":"ended","timestamp":1790000000106,"call":{"id":"${id}"}}}`), true],
  ["a name twice", (id) => `{"message":{"type":"status-update","status":"ended","timestamp":1790000000107,"artifact":{"variables":{"n":1,"n":2}},"call":{"id":"${id}"}}}`, true],
  ["64 levels", (id) => `{"message":{"type":"status-update","status":"ended","timestamp":1790000000108,"x":${'{"a":'.repeat(64)}1${"}".repeat(64)},"call":{"id":"${id}"}}}`, true],
  ["5,000 levels", (id) => `{"message":{"type":"status-update","status":"ended","timestamp":1790000000109,"x":${"[".repeat(5000)}${"]".repeat(5000)},"call":{"id":"${id}"}}}`, true],
  ["something behind it", (id) => `{"message":{"type":"status-update","status":"ended","timestamp":1790000000110,"call":{"id":"${id}"}}}\n\n]x`, true],
  ["90,000 numbers", (id) => `{"message":{"type":"status-update","status":"ended","timestamp":1790000000111,"n":[${Array(90000).fill(7)}],"call":{"id":"${id}"}}}`, true],
  ["half a megabyte of talk, twice", (id) => JSON.stringify({ message: { type: "end-of-call-report", timestamp: 1790000000112, endedReason: "hangup", artifact: { messages: Array.from({ length: 800 }, (_, i) => ({ role: "user", time: i, message: "x".repeat(280) })), messagesOpenAIFormatted: Array(800).fill({ role: "user", content: "y".repeat(280) }) }, cost: 0.25, call: { id } } }), true],
  ["close to 8 MiB", (id) => JSON.stringify({ message: { type: "status-update", status: "ended", timestamp: 1790000000113, transcript: "\u00e9 ".repeat((8 * MiB) / 3 - 200), call: { id } } }), true],
];
