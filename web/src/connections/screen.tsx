// Connections: a card per provider. Saving asks the provider first; a secret goes in and never comes out.
import "words:connections";
import "words:refusals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { has, t } from "../kit/i18n";
import { Button, Copy, Dialog, Field, Heading, Icon, useTitle, When } from "../kit/parts";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { fieldSaid, fieldWords, serviceName, wordsFor } from "../kit/problem";
import { said } from "../kit/said";
import { api, connectionChanged, credentials, endpoints, integrations, mayManage, profile, session, useCell, useResource } from "../kit/state";
import { later } from "../kit/later";
import { useOnce } from "../kit/once";
import { toast } from "../kit/toasts";
import type { Calendar, Came } from "./calendar";
import { Resting, Status } from "./status";

type Service = keyof typeof credentials;
type Integration = Schemas["Integration"];

export default function Connections() {
  const snapshot = useResource(integrations);
  // "Reconnect" elsewhere leads here with the card to open; it is said once, not at every reload.
  const [open] = useState(() => new URLSearchParams(location.search).get("open"));
  const [came] = useState(consentResult);
  useEffect(() => history.replaceState(null, "", "/connections"), []);
  useTitle(t("connections.title"));
  return (
    <main id="main">
      <Heading>{t("connections.title")}</Heading>
      <p class="lead">{t("connections.lead")}</p>
      <Panel resource={integrations} snapshot={snapshot} title={t("connections.yours")} service="ava" name="connections">
        {(data) => <div class="stack">{data.integrations.map((one) => isCalendar(one.provider) ? <CalendarCard key={one.provider} one={{ ...one, provider: one.provider }} readAt={snapshot.at} came={came} /> : <Card key={one.provider} one={one} readAt={snapshot.at} open={open === one.provider} />)}</div>}
      </Panel>
      <Answers />
    </main>
  );
}

const Answers = later(() => import("./answers").then((m) => m.Answers), 300);
const CalendarCard = later(() => import("./calendar").then((m) => m.CalendarCard));
const isCalendar = (service: string): service is Calendar => service === "google" || service === "microsoft";

// A consent ends here, with what came of it.
function consentResult(): Came | undefined {
  const query = new URLSearchParams(location.search);
  const calendar = query.get("calendar"), result = query.get("result");
  return calendar && result && has("connections.calendar.result." + result) ? { calendar, result } : undefined;
}

function Card({ one, readAt, open }: { one: Integration; readAt: number; open: boolean }) {
  const service = one.provider as Service;
  const connected = one.status !== "not_connected";
  const credential = useResource(credentials[service], connected);
  const known = credential.data;
  const [mode, setMode] = useState<"shown" | "edit" | "leave">(open && one.status !== "demo" && mayManage() ? "edit" : "shown");
  const [testing, setTesting] = useState(false);
  const [result, setResult] = useState<{ ok: boolean; text: string } | undefined>();
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const name = serviceName(service);
  const once = useOnce();

  // Who closes the form is back at the button that opened it.
  const card = useRef<HTMLElement>(null), was = useRef(mode);
  useEffect(() => {
    if (was.current === "edit" && mode === "shown") card.current?.querySelector<HTMLElement>("[data-change]")?.focus();
    was.current = mode;
  }, [mode]);

  async function test() {
    setTesting(true);
    setResult(undefined);
    setProblem(undefined);
    const reply = await api.get<Schemas["Credential"]>(`/credentials/${service}?verify=true`);
    setTesting(false);
    integrations.expire();
    if (!reply.ok && reply.problem.code === "credential_invalid") return setResult({ ok: false, text: t("problems.provider_credentials_rejected.title", { service: name }) });
    if (!reply.ok) return setProblem(dated(reply.problem));
    credentials[service].put(reply.data);
    setResult({ ok: true, text: works(reply.data.check) });
    integrations.view(0);
  }

  async function mail() {
    const to = session.value?.user.email;
    if (!to) return;
    setTesting(true);
    setResult(undefined);
    setProblem(undefined);
    const reply = await api.send("POST", "/integrations/email/test", { body: { to }, key: once.key() });
    setTesting(false);
    once.answered(reply.ok ? undefined : reply.problem);
    if (reply.ok) return setResult({ ok: true, text: t("connections.resend.tested", { to }) });
    if (reply.problem.errors?.length) return setResult({ ok: false, text: said(reply.problem.detail ?? "") });
    setProblem(dated(reply.problem));
  }

  return (
    <article ref={card} class="card" aria-label={name} data-card={service} data-status={one.status} data-state={testing ? "saving" : one.status === "demo" ? "demo" : one.status === "resting" ? "degraded" : one.status === "not_connected" ? "empty" : one.status === "needs_attention" ? "error" : "ready"}>
      <header class="card-head">
        <span class={`logo ${service}`} aria-hidden="true"><Icon name={{ vapi: "bot", twilio: "phone", resend: "send", smtp: "send" }[service]} /></span>
        <div><h3>{name}</h3><p class="muted">{t(`connections.${service}.gives`)}</p></div>
        <Status one={one} readAt={readAt} />
      </header>
      {connected && (
        <dl class="facts">
          {one.account_last4 && <><dt>{t("connections.account")}</dt><dd class="mono">{t("connections.last4", { last4: one.account_last4 })}</dd></>}
          {known?.fields.filter((f) => f.set).map((f) => (
            <><dt>{wordOf(service, "field", f.name)}</dt><dd class="mono">{f.last4 ? t("connections.last4", { last4: f.last4 }) : t("connections.set")}</dd></>
          ))}
          {known?.fallback && <><dt>{t("connections.smtp.place")}</dt><dd>{t("connections.smtp.steps_in")}</dd></>}
          {known?.from && <><dt>{t("connections.field.from")}</dt><dd>{known.from}</dd></>}
          {one.checked_at && <><dt>{t("connections.checked")}</dt><dd><When at={one.checked_at} /></dd></>}
        </dl>
      )}
      {one.attention && has("connections.attention." + one.attention) && (
        <p class="wrong" data-attention={one.attention}><Icon name="triangle-alert" small /><span>{t("connections.attention." + one.attention)} {one.attention_since && <When at={one.attention_since} />}</span></p>
      )}
      <Resting one={one} name={name} />
      {one.status === "demo" && <p class="muted">{t("demo.card")}</p>}
      {result && <p class={result.ok ? "good" : "wrong"} role="status" data-check={result.ok ? "ok" : "failed"}><Icon name={result.ok ? "circle-check" : "circle-alert"} small /><span>{result.text}</span></p>}
      {problem && <Trouble problem={problem} service={service} strip snapshot={troubleOf(problem, testing)} retry={() => void test()} />}
      {mode === "edit" ? (
        <CredentialForm service={service} known={known} onCancel={() => setMode("shown")} onDone={(check) => {
          setMode("shown");
          setResult({ ok: true, text: check });
        }} />
      ) : (
        <div class="row">
          {connected && (service === "resend" || service === "smtp") && <Button busy={testing} icon="send" onClick={() => void mail()}>{t("connections.resend.test")}</Button>}
          {connected && <Button busy={testing} icon="refresh-cw" aria-label={t("connections.test_what", { service: name })} onClick={() => void test()}>{t("connections.test")}</Button>}
          <Button kind={connected ? "plain" : "primary"} icon={connected ? "pencil" : "plug"} blocked={mayManage() ? false : t("forbidden.title")} data-change aria-label={t(connected ? "connections.edit_what" : "connections.connect_what", { service: name })} onClick={() => setMode("edit")}>
            {connected ? t("connections.edit") : t("connections.connect_what", { service: name })}
          </Button>
          {connected && mayManage() && <Button kind="quiet" icon="unplug" aria-label={t("connections.leave_what", { service: name })} onClick={() => setMode("leave")}>{t("connections.leave")}</Button>}
        </div>
      )}
      {mode === "leave" && <Leave service={service} onClose={() => setMode("shown")} />}
      {connected && mayManage() && service !== "smtp" && <Addresses service={service} />}
    </article>
  );
}

export function works(check: Schemas["Check"] | undefined): string {
  if (!check || check.numbers === undefined) return t("connections.works");
  return t("connections.works_numbers", { n: check.numbers });
}

const forms: Record<Service, { name: string; secret: boolean; optional?: boolean; flag?: boolean }[]> = {
  vapi: [{ name: "api_key", secret: true }, { name: "assistant_id", secret: false }, { name: "default_number_id", secret: false, optional: true }, { name: "webhook_secret", secret: true, optional: true }],
  twilio: [{ name: "account_sid", secret: false }, { name: "auth_token", secret: true }, { name: "next_auth_token", secret: true, optional: true }],
  resend: [{ name: "api_key", secret: true }, { name: "from", secret: false }, { name: "webhook_secret", secret: true, optional: true }],
  smtp: [{ name: "host", secret: false }, { name: "port", secret: false }, { name: "security", secret: false }, { name: "username", secret: false, optional: true }, { name: "password", secret: true, optional: true }, { name: "from", secret: false }, { name: "fallback", secret: false, optional: true, flag: true }],
};

// A field of two services may be called differently there.
const wordOf = (service: Service, what: "field" | "hint" | "set_up_done", name: string) => {
  const own = `connections.${service}.${what}.${name}`;
  return t(has(own) ? own : `connections.${what}.${name}`);
};

// Also a step of the wizard.
export function CredentialForm({ service, known, onDone, onCancel }: { service: Service; known?: Schemas["Credential"]; onDone: (check: string) => void; onCancel?: () => void }) {
  const [values, setValues] = useState<Record<string, string>>({ assistant_id: known?.assistant_id ?? "", default_number_id: known?.default_number_id ?? "", account_sid: known?.account_sid ?? "", from: known?.from ?? "", ...(service === "smtp" ? { port: "587", security: "starttls", fallback: String(known?.fallback ?? false) } : {}) });
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const labelOf = (name: string) => wordOf(service, "field", name);

  useEffect(() => {
    form.current?.querySelector("input")?.focus();
  }, []);

  function point(found: Record<string, string>) {
    setErrors(found);
    const first = Object.keys(found)[0];
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus());
  }

  async function submit(event: Event) {
    event.preventDefault();
    if (busy) return;
    const filled = forms[service].map((f) => [f, (values[f.name] ?? "").trim()] as const);
    const missing = filled.filter(([f, v]) => !f.optional && !v);
    setProblem(undefined);
    point(Object.fromEntries(missing.map(([f]) => [f.name, t("field.required", { label: labelOf(f.name) })])));
    if (missing.length) return;
    setBusy(true);
    const body = Object.fromEntries(filled.filter(([, v]) => v).map(([f, v]) => [f.name, f.flag ? v === "true" : f.name === "port" && /^\d+$/.test(v) ? Number(v) : v]));
    const reply = await api.send<Schemas["Credential"]>("PUT", `/credentials/${service}`, { body });
    setBusy(false);
    if (reply.ok) {
      connectionChanged(service);
      credentials[service].put(reply.data);
      integrations.view(0);
      return onDone(works(reply.data.check));
    }
    const { errors: wrong } = reply.problem;
    if (wrong?.length) {
      const refused = reply.problem.code === "credential_invalid";
      return point(Object.fromEntries(wrong.map((e) => [e.field, refused && service === "smtp" ? fieldSaid(labelOf(e.field), e) : refused ? t(`connections.${service}.refused.` + (e.field === "assistant_id" ? "assistant_id" : "key")) : fieldWords(labelOf(e.field), e)])));
    }
    if (reply.problem.code === "credential_invalid") return point({ [forms[service].find((f) => f.secret)!.name]: wordsFor(reply.problem, service).text });
    setProblem(dated(reply.problem));
  }

  return (
    <form ref={form} class="editor" onSubmit={submit} noValidate data-form={service} data-state={busy ? "saving" : "ready"}>
      <details open={!known?.connected}>
        <summary>{t(`connections.${service}.where`)}</summary>
        <ol>{[1, 2, 3].map((n) => <li key={n}>{t(`connections.${service}.step${n}`)}</li>)}</ol>
      </details>
      {known?.connected && <p class="muted">{t("connections.write_only")}</p>}
      {forms[service].map((f) => f.flag ? (
        <label key={f.name} class="check"><input type="checkbox" name={f.name} checked={values[f.name] === "true"} onChange={(e) => setValues({ ...values, [f.name]: String(e.currentTarget.checked) })} />{wordOf(service, "field", f.name)}</label>
      ) : (
        <Field key={f.name} label={f.optional ? t("field.optional", { label: labelOf(f.name) }) : labelOf(f.name)} name={f.name} secret={f.secret} value={values[f.name] ?? ""} error={errors[f.name]}
          hint={wordOf(service, "hint", f.name)} onInput={(v) => setValues({ ...values, [f.name]: v })} input={{ autocomplete: "off" }} />
      ))}
      {problem && <Trouble problem={problem} service={service} strip snapshot={{ until: problem.until, total: problem.wait ?? 0, busy, byPerson: true, at: 0, state: problem.code === "offline" ? "offline" : problem.code.endsWith("rate_limited") ? "limited" : problem.code === "provider_unavailable" ? "degraded" : "error" }} />}
      <div class="row">
        <Button kind="primary" type="submit" busy={busy}>{busy ? t("connections.checking", { service: serviceName(service) }) : t("connections.check_and_save")}</Button>
        {onCancel && <Button kind="quiet" onClick={onCancel}>{t("action.cancel")}</Button>}
      </div>
    </form>
  );
}

function Leave({ service, onClose }: { service: Service; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const name = serviceName(service);
  async function leave() {
    setBusy(true);
    const reply = await api.send("DELETE", `/credentials/${service}`);
    setBusy(false);
    if (!reply.ok) return setError(wordsFor(reply.problem, service).title);
    connectionChanged(service);
    credentials[service].reset();
    integrations.view(0);
    onClose();
    toast("ok", t("connections.left_title", { service: name }), t("connections.left"));
  }
  return (
    <Dialog title={t("connections.leave_title", { service: name })} onClose={onClose}>
      <p>{t(`connections.${service}.breaks`)}</p>
      {error && <p class="wrong" role="alert"><Icon name="circle-alert" small /><span>{error}</span></p>}
      <div class="row">
        <Button kind="danger" busy={busy} onClick={() => void leave()}>{t("connections.leave_what", { service: name })}</Button>
        <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </Dialog>
  );
}

// What to paste at the provider, and when it was last heard.
function Addresses({ service }: { service: Service }) {
  const name = serviceName(service);
  const snapshot = useResource(endpoints);
  const demo = useCell(profile) === "sandbox";
  return (
    <Panel resource={endpoints} snapshot={snapshot} title={t("connections.addresses", { service: name })} service="ava" name={`${service}-addresses`} level={4}>
      {(data) => (
        <>
          {data.endpoints.filter((e) => e.provider === service).map((e) => (
            <div key={e.id}>
              <p class="heard"><span class={e.last_received_at ? "light on" : "light"} aria-hidden="true" />{e.last_received_at ? <>{t("connections.heard", { service: name })} <When at={e.last_received_at} /></> : t("connections.not_heard", { service: name })}</p>
              <p class="muted">{t((demo ? "connections.paste_demo." : "connections.paste.") + service)}</p>
              {(service === "vapi" || service === "resend") && <SetUp service={service} />}
              <ul class="addresses">
                {Object.entries(e.urls).map(([kind, url]) => (
                  <li key={kind}><span>{t("connections.address." + kind)}</span><code>{url}</code><Copy text={url} label={t("connections.address." + kind)} /></li>
                ))}
              </ul>
            </div>
          ))}
        </>
      )}
    </Panel>
  );
}

// One click instead of pasting; somebody else's address is only replaced when that is said.
function SetUp({ service }: { service: "vapi" | "resend" }) {
  const [busy, setBusy] = useState(false);
  const [elsewhere, setElsewhere] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>();

  async function ask(overwrite: boolean) {
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<Schemas["WebhookSetupAnswer"]>("POST", `/webhooks/endpoints/${service}/setup`, { body: { overwrite } });
    setBusy(false);
    if (reply.ok) {
      setElsewhere(false);
      credentials[service].expire();
      integrations.view(0);
      return toast("ok", wordOf(service, "set_up_done", "title"), wordOf(service, "set_up_done", "text"));
    }
    if (reply.problem.errors?.some((e) => e.field === "overwrite")) return setElsewhere(true);
    setProblem(reply.problem);
  }

  return (
    <div data-set-up>
      {elsewhere && <p class="wrong" role="status"><Icon name="circle-alert" small /><span>{t("connections.set_up_elsewhere")}</span></p>}
      {problem && <p class="wrong" role="status"><Icon name="circle-alert" small /><span>{refusal(problem, service)}</span></p>}
      <div class="row"><Button busy={busy} icon="plug" onClick={() => void ask(elsewhere)}>{t(elsewhere ? "connections.set_up_replace" : "connections.set_up")}</Button></div>
    </div>
  );
}

function refusal(problem: Problem, service: "vapi" | "resend"): string {
  if (problem.errors?.some((e) => e.field === "webhook_auth")) return t("connections.set_up_plan");
  if (service === "resend" && problem.code === "provider_permission_denied") return t("connections.set_up_sends_only");
  return (problem.code === "validation_failed" && problem.detail) || wordsFor(problem, service).title;
}
