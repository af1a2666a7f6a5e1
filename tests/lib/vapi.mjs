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
