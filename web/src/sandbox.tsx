// The caller's page of the sandbox: make a pretend provider misbehave, and see every request it got.
import "words:sandbox";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Schemas } from "./kit/api";
import { languageOf, money, speak, t } from "./kit/i18n";
import { chosenLanguage } from "./kit/prefs";
import { Badge, Button, Field, Heading, Icon, Select, When } from "./kit/parts";
import { Box } from "./kit/panel";
import { serviceName } from "./kit/problem";

type Fault = Schemas["Fault"];
type Request = Schemas["FaultRequest"];
const kinds = ["latency", "hang", "reset", "status", "truncated", "malformed"] as const;
const services = ["vapi", "twilio"] as const;

async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch("/sandbox/api/" + path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = (await response.json()) as T & { detail?: string };
  if (!response.ok) throw new Error(answer.detail ?? t("problems.internal_error.title"));
  return answer;
}

function Sandbox() {
  const [faults, setFaults] = useState<Fault[] | undefined>();
  const [ledger, setLedger] = useState<Schemas["Ledger"] | undefined>();
  const [error, setError] = useState("");
  const run = (work: () => Promise<void>) => void work().then(() => setError(""), (e: Error) => setError(e.message));
  const look = () => run(async () => {
    setFaults((await ask<Schemas["FaultList"]>("faults")).faults);
    setLedger(await ask<Schemas["Ledger"]>("ledger"));
  });
  const apply = (body: Request) => run(async () => setFaults((await ask<Schemas["FaultList"]>("faults", body)).faults));
  useEffect(look, []);
  return (
    <div class="shell alone">
      <aside class="banner" data-state="demo" aria-label={t("demo.badge")}><Icon name="flask-conical" small /><p>{t("demo.banner")}</p></aside>
      <header class="top"><a class="brand-link" href="/" aria-label={t("app.home")}><span class="brand"><Icon name="ava" />{t("app.name")}</span></a></header>
      <div class="content">
        <main id="main" data-state={error ? "error" : faults ? "ready" : "loading"}>
          <Heading>{t("sandbox.title")}</Heading>
          <p class="lead">{t("sandbox.lead")}</p>
          {error && <Box level={2} tone="bad" icon="circle-alert" title={t("sandbox.failed")} text={error}><Button onClick={look}>{t("action.try_again")}</Button></Box>}
          <section class="panel" data-panel="faults" aria-label={t("sandbox.faults")}>
            <h2>{t("sandbox.faults")}</h2>
            <Form onApply={apply} />
            {faults && <Active faults={faults} onRemove={apply} />}
          </section>
          <Callers onDone={look} />
          <Course />
          <Money seen={ledger} />
          {ledger && <Seen ledger={ledger} onRefresh={look} />}
        </main>
      </div>
    </div>
  );
}

// What the other side does: it calls, it writes.
function Callers({ onDone }: { onDone: () => void }) {
  const [busy, setBusy] = useState("");
  const [said, setSaid] = useState<{ ok: boolean; text: string } | undefined>();
  const [text, setText] = useState(t("sandbox.text_usual"));
  const [steps, setSteps] = useState<Schemas["Visit"]["steps"]>([]);
  async function act(what: string, work: () => Promise<{ ok: boolean; text: string }>) {
    if (busy) return;
    setBusy(what);
    setSaid(await work().catch((e: Error) => ({ ok: false, text: e.message })));
    setBusy("");
    onDone();
  }
  const callIn = async () => {
    const { answered_by, ms } = await ask<Schemas["CallIn"]>("vapi/inbound", {});
    return { ok: answered_by !== "nobody", text: t("sandbox.answered." + answered_by, { ms }) };
  };
  const textIn = async () => {
    const known = await fetch("/api/v1/webhooks/endpoints");
    if (!known.ok) return { ok: false, text: t("sandbox.sign_in_first") };
    const { endpoints } = (await known.json()) as Schemas["EndpointList"];
    const url = endpoints.find((e) => e.provider === "twilio")!.urls.message!;
    const { sent } = await ask<Schemas["SandboxSent"]>("webhooks", { kind: "message", url, params: { Body: text } });
    const status = sent[0]?.status ?? 0;
    return { ok: status === 200, text: status === 200 ? t("sandbox.taken") : t("sandbox.not_taken", { status }) };
  };
  const visit = async () => {
    const { steps: all } = await ask<Schemas["Visit"]>("vapi/visit", {});
    setSteps(all);
    return { ok: all.every((s) => s.ok), text: t(all.every((s) => s.ok) ? "sandbox.visit_done" : "sandbox.visit_failed") };
  };
  return (
    <section class="panel" data-panel="callers" aria-label={t("sandbox.callers")}>
      <h2>{t("sandbox.callers")}</h2>
      <div class="row">
        <Button icon="phone-call" busy={busy === "call"} onClick={() => void act("call", callIn)}>{t("sandbox.call_in")}</Button>
        <Button icon="calendar" busy={busy === "visit"} onClick={() => void act("visit", visit)}>{t("sandbox.visit")}</Button>
      </div>
      {steps.length > 0 && <ol data-steps>{steps.map((s) => <li key={s.tool}><code>{s.tool}</code> <Icon name={s.ok ? "circle-check" : "circle-alert"} small /> {s.said} <span class="muted">({s.ms} ms)</span></li>)}</ol>}
      <Field name="text" label={t("sandbox.text")} value={text} onInput={setText} />
      <div class="row"><Button icon="message-square" busy={busy === "text"} onClick={() => void act("text", textIn)}>{t("sandbox.text_in")}</Button></div>
      {said && <p class={said.ok ? "good" : "wrong"} role="status" data-said><Icon name={said.ok ? "circle-check" : "circle-alert"} small /><span>{said.text}</span></p>}
    </section>
  );
}

const courseFields = ["call_ms", "concurrent_calls", "drop_ends_percent", "duplicate_percent", "reorder_percent", "start_number"] as const;

function Course() {
  const [values, setValues] = useState<Record<string, string>>({});
  const [said, setSaid] = useState<{ ok: boolean; text: string } | undefined>();
  function submit(event: Event) {
    event.preventDefault();
    const numbers = Object.fromEntries(courseFields.filter((f) => values[f]?.trim()).map((f) => [f, Number(values[f])]));
    const body = { ...numbers, ...(values.when_full ? { when_full: values.when_full } : {}) };
    void ask("vapi/course", body).then(() => setSaid({ ok: true, text: t("sandbox.course_done") }), (e: Error) => setSaid({ ok: false, text: e.message }));
  }
  return (
    <section class="panel" data-panel="course" aria-label={t("sandbox.course")}>
      <h2>{t("sandbox.course")}</h2>
      <p class="muted">{t("sandbox.course_lead")}</p>
      <form onSubmit={submit} noValidate>
        <div class="columns">
          {courseFields.map((f) => <Field key={f} name={f} type="number" label={t("sandbox.course_field." + f)} hint={t("sandbox.course_hint." + f)} value={values[f] ?? ""} onInput={(v) => setValues({ ...values, [f]: v })} />)}
          <Select name="when_full" label={t("sandbox.course_field.when_full")} value={values.when_full ?? ""} onInput={(v) => setValues({ ...values, when_full: v })}
            options={[["", t("sandbox.when_full.as_is")], ["refuse", t("sandbox.when_full.refuse")], ["wait", t("sandbox.when_full.wait")]]} />
        </div>
        {said && <p class={said.ok ? "good" : "wrong"} role="status" data-said><Icon name={said.ok ? "circle-check" : "circle-alert"} small /><span>{said.text}</span></p>}
        <div class="row"><Button type="submit">{t("sandbox.course_apply")}</Button></div>
      </form>
    </section>
  );
}

// What the pretend Vapi would charge, beside what Ava's books of the last 30 days say.
function Money({ seen }: { seen: Schemas["Ledger"] | undefined }) {
  const [invoice, setInvoice] = useState<Schemas["Invoice"] | undefined>();
  const [books, setBooks] = useState<number | undefined>();
  useEffect(() => {
    void ask<Schemas["Invoice"]>("vapi/invoice").then(setInvoice, () => {});
    void fetch("/api/v1/analytics/calls").then(async (r) => r.ok && setBooks(((await r.json()) as Schemas["CallAnalytics"]).totals.cost_micros), () => {});
  }, [seen]);
  if (!invoice) return null;
  return (
    <section class="panel" data-panel="money" aria-label={t("sandbox.money")}>
      <h2>{t("sandbox.money")}</h2>
      <dl class="numbers">
        <div><dt>{t("sandbox.invoice")}</dt><dd><strong data-invoice>{money(invoice.total_micros, invoice.currency)}</strong> <span class="muted">{t("sandbox.calls_charged", { n: invoice.calls.length })}</span></dd></div>
        {books !== undefined && <div><dt>{t("sandbox.books")}</dt><dd><strong data-books>{money(books, invoice.currency)}</strong> {invoice.live > 0 && <span class="muted">{t("sandbox.going_on", { n: invoice.live })}</span>}</dd></div>}
      </dl>
      {books !== undefined && <p class="muted">{t(books === invoice.total_micros ? "sandbox.equal" : "sandbox.unequal")}</p>}
    </section>
  );
}

function Form({ onApply }: { onApply: (body: Request) => void }) {
  const [provider, setProvider] = useState<Fault["provider"]>("vapi");
  const [fault, setFault] = useState<(typeof kinds)[number]>("status");
  const [values, setValues] = useState<Record<string, string>>({ status: "503", latency_ms: "2000" });
  const field = (name: "status" | "retry_after" | "latency_ms" | "times" | "credential", type: "number" | "text" = "number") => (
    <Field key={name} name={name} type={type} label={t("sandbox.field." + name)} hint={t("sandbox.hint." + name)} value={values[name] ?? ""} onInput={(v) => setValues({ ...values, [name]: v })} />
  );
  function submit(event: Event) {
    event.preventDefault();
    const number = (name: string) => (values[name] ? { [name]: Number(values[name]) } : {});
    const words = (name: string) => (values[name]?.trim() ? { [name]: values[name].trim() } : {});
    onApply({
      provider, fault, ...number("times"), ...words("credential"),
      ...(fault === "status" ? { ...number("status"), ...words("retry_after") } : {}), ...(fault === "latency" ? number("latency_ms") : {}),
    });
  }
  return (
    <form onSubmit={submit}>
      <div class="columns">
        <div class="field"><label for="provider">{t("sandbox.provider")}</label>
          <select id="provider" value={provider} onChange={(e) => setProvider(e.currentTarget.value as Fault["provider"])}>{services.map((s) => <option key={s} value={s}>{serviceName(s)}</option>)}</select></div>
        <div class="field"><label for="fault">{t("sandbox.what")}</label>
          <select id="fault" value={fault} onChange={(e) => setFault(e.currentTarget.value as typeof fault)}>{kinds.map((k) => <option key={k} value={k}>{t("sandbox.kind." + k)}</option>)}</select></div>
        {fault === "status" && field("status")}
        {fault === "status" && field("retry_after", "text")}
        {fault === "latency" && field("latency_ms")}
        {field("times")}
        {field("credential", "text")}
      </div>
      <div class="row"><Button kind="primary" type="submit">{t("sandbox.apply")}</Button></div>
    </form>
  );
}

function Active({ faults, onRemove }: { faults: Fault[]; onRemove: (body: Request) => void }) {
  if (!faults.length) return <p class="good" role="status"><Icon name="circle-check" small /><span>{t("sandbox.none")}</span></p>;
  return (
    <ul class="plain-list">
      {faults.map((f, i) => (
        <li key={i}>
          <Badge tone="warn" icon="triangle-alert">{serviceName(f.provider)}</Badge>
          <span>{t("sandbox.kind." + f.fault)}{f.fault === "status" && f.status ? ` ${f.status}` : ""}{f.times ? `, ${t("sandbox.left", { n: f.times })}` : ""}{f.credential ? `, ${t("connections.last4", { last4: f.credential })}` : ""}</span>
          <Button aria-label={t("sandbox.remove_what", { what: t("sandbox.kind." + f.fault) })} onClick={() => onRemove({ provider: f.provider, fault: "none", ...(f.credential ? { credential: f.credential } : {}), ...(f.operation ? { operation: f.operation } : {}) })}>{t("sandbox.remove")}</Button>
        </li>
      ))}
    </ul>
  );
}

function Seen({ ledger, onRefresh }: { ledger: Schemas["Ledger"]; onRefresh: () => void }) {
  const newest = [...ledger.hits].reverse().slice(0, 50);
  return (
    <section class="panel" data-panel="ledger" aria-label={t("sandbox.ledger")}>
      <header class="panel-head">
        <h2>{t("sandbox.ledger")}</h2>
        <p class="muted">{t("sandbox.counts", { vapi: ledger.counts.vapi, twilio: ledger.counts.twilio, resend: ledger.counts.resend, smtp: ledger.counts.smtp })}</p>
        <p class="age"><Button icon="refresh-cw" onClick={onRefresh}>{t("action.refresh")}</Button></p>
      </header>
      {!newest.length ? <p class="muted">{t("sandbox.quiet")}</p> : (
        <table class="cards">
          <caption class="hidden">{t("sandbox.ledger")}</caption>
          <thead><tr>{["request", "answer", "key", "when", "reference"].map((c) => <th key={c} scope="col">{t("sandbox.column." + c)}</th>)}</tr></thead>
          <tbody>
            {newest.map((h) => (
              <tr key={h.seq}>
                <th scope="row"><Badge tone="quiet" icon={h.provider === "vapi" ? "bot" : "phone"}>{serviceName(h.provider)}</Badge> <code>{h.method} {h.path}</code></th>
                <td data-label={t("sandbox.column.answer")}>{h.status ?? t("sandbox.cut")}</td>
                <td data-label={t("sandbox.column.key")} class="mono">{h.credential_last4}</td>
                <td data-label={t("sandbox.column.when")}><When at={h.at} /></td>
                <td data-label={t("sandbox.column.reference")} class="mono">{h.correlation_id}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

void speak(languageOf(chosenLanguage(), navigator.languages)).then(() => {
  document.title = t("app.title", { page: t("sandbox.title") });
  render(<Sandbox />, document.getElementById("app")!);
});
