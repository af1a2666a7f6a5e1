// Signing as Twilio does, written from its description and not from Ava's code.
import { createHmac } from "node:crypto";

export function sign(url, params, token) {
  const groups = new Map();
  for (const [name, value] of params) groups.set(name, (groups.get(name) ?? new Set()).add(value));
  const text = [...groups.keys()].sort().map((n) => [...groups.get(n)].sort().map((v) => n + v).join("")).join("");
  return createHmac("sha1", token).update(url.split("#")[0] + text).digest("base64");
}
