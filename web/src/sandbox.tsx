// The caller's page of the sandbox: make a pretend provider misbehave, and see every request it got.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Schemas } from "./api";
import { t } from "./i18n";
import { Badge, Button, Field, Heading, Icon, When } from "./parts";
import { Box } from "./panel";
import { serviceName } from "./problem";

type Fault = Schemas["Fault"];
type Request = Schemas["FaultRequest"];
const kinds = ["latency", "hang", "reset", "status", "truncated", "malformed"] as const;
const services = ["vapi", "twilio"] as const;

async function ask<T>(path: string, body?: Request): Promise<T> {
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
          {ledger && <Seen ledger={ledger} onRefresh={look} />}
        </main>
      </div>
    </div>
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
        <p class="muted">{t("sandbox.counts", { vapi: ledger.counts.vapi, twilio: ledger.counts.twilio })}</p>
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

render(<Sandbox />, document.getElementById("app")!);
