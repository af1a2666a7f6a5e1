// From a problem code to words and to what the person can do. The server's `detail` is the API's text;
// pages speak from the catalogue in i18n/.
import type { Problem, Schemas } from "./api";
import { has, plain, t } from "./i18n";
import { heard } from "./said";

export type Action = "retry" | "connect" | "visit" | "reload" | "connections" | "sign_in" | "docs" | "budget" | "none";

const actions: Partial<Record<Problem["code"], Action>> = {
  provider_credentials_rejected: "connect",
  provider_permission_denied: "connections",
  provider_account_problem: "visit",
  provider_not_connected: "connect",
  provider_misconfigured: "none",
  provider_rejected_request: "none",
  stub_disabled: "connections",
  forbidden: "none",
  csrf_failed: "reload",
  malformed_request: "reload",
  session_required: "sign_in",
  idempotency_key_reused: "docs",
  payload_too_large: "docs",
  uri_too_long: "docs",
  headers_too_large: "docs",
  unsupported_media_type: "docs",
  method_not_allowed: "docs",
  request_timeout: "docs",
  budget_exhausted: "budget",
  not_found: "none",
  outcome_unknown: "none",
  validation_failed: "none",
  credential_invalid: "none",
  version_conflict: "none",
};

export function actionOf(problem: Problem): Action {
  return actions[problem.code] ?? "retry";
}

export interface Words {
  title: string;
  text: string;
  action: string;
}

export function serviceName(service: string | undefined): string {
  return service && has("service." + service) ? t("service." + service) : t("service.other");
}

// Where a person looks at the account itself.
export const sites: Record<string, string> = { vapi: "https://dashboard.vapi.ai", twilio: "https://console.twilio.com", resend: "https://resend.com" };

const deadlineSeconds = 10; // how long Ava waits for a provider on behalf of a page

// `left` is what the countdown shows now; without a wait the sentence has no number in it.
export function wordsFor(problem: Problem, service: string, left?: number): Words {
  const key = "problems." + (has("problems." + problem.code) ? problem.code : "internal_error");
  const values = { service: serviceName(problem.service ?? service), n: problem.code === "provider_timeout" ? deadlineSeconds : (left ?? problem.wait ?? 0) };
  const timed = has(key + ".text_now") && !values.n;
  return { title: t(key + ".title", values), text: t(timed ? key + ".text_now" : key + ".text", values), action: t(key + ".action", values) };
}

// One sentence for a wrong field: its label, and the range the server named.
export function fieldWords(label: string, error: Schemas["FieldError"], unit: (n: number) => string = plain): string {
  const key = has("field." + error.code) ? "field." + error.code : "field.wrong_value";
  if (typeof error.min === "number" && typeof error.max === "number")
    return t("field.between", { label, min: unit(error.min), max: unit(error.max) });
  return t(key, { label });
}

// The server's own sentence about a field, which says more; where it has none in this language, the one above.
export function fieldSaid(label: string, error: Schemas["FieldError"]): string {
  return (error.message && heard(error.message)) || fieldWords(label, error);
}
