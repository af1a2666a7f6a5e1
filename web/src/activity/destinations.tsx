// Webhooks out: the customer's own addresses, how each fares, and what to do when one does not get through.
import "words:destinations";
import { useState } from "preact/hooks";
import type { Problem, Reply, Schemas } from "../kit/api";
import { Deliveries } from "./deliveries";
import { t } from "../kit/i18n";
import { local, moment } from "../kit/moment";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Copy, Dialog, Field, Icon, Sure, When } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { api, destinations, mayManage, useLive, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

type Destination = Schemas["Destination"];
type Trial = Schemas["DestinationTest"];
type Dated = Problem & { until?: number };
const looks = { active: ["ok", "circle-check"], failing: ["bad", "triangle-alert"], disabled: ["quiet", "pause"] } as const;

// What a write told us, or what the stream did: the newest word on one of them.
function keep(one: Destination): void {
  const had = destinations.snapshot.data;
  if (!had) return destinations.changed();
  const is = had.destinations.some((d) => d.id === one.id);
  destinations.put({ ...had, destinations: is ? had.destinations.map((d) => (d.id === one.id ? one : d)) : [one, ...had.destinations] });
}

export function Destinations() {
  const snapshot = useResource(destinations);
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState("");
  useLive<Destination>("destination", (one) => (one ? keep(one) : destinations.changed()));
  const add = <Button kind="primary" icon="plug" blocked={mayManage() ? false : t("forbidden.title")} onClick={() => setAdding(true)}>{t("destinations.add")}</Button>;
  const empty = <div class="box"><Icon name="plug" /><h3>{t("destinations.empty.title")}</h3><p>{t("destinations.empty.text")}</p>{add}</div>;
  return (
    <>
      <p class="muted">{t("destinations.lead")}</p>
      <Panel resource={destinations} snapshot={snapshot} title={t("destinations.title")} service="ava" name="destinations" safe={t("destinations.safe")} isEmpty={(d) => !d.destinations.length} empty={empty}>
        {(data) => (
          <>
            <div class="stack">{data.destinations.map((d) => <Card key={d.id} one={d} onSecret={setSecret} />)}</div>
            <div class="row">{add}</div>
          </>
        )}
      </Panel>
      {adding && <Form onClose={() => setAdding(false)} onDone={(made) => {
        keep(made);
        setAdding(false);
        if (made.secret) setSecret(made.secret);
      }} />}
      {secret && <Secret secret={secret} onClose={() => setSecret("")} />}
    </>
  );
}

function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog title={t("destinations.secret_title")} onClose={onClose} closable={false}>
      <p>{t("destinations.secret_says")}</p>
      <p class="secret"><code data-secret>{secret}</code><Copy text={secret} label={t("destinations.secret_title")} /></p>
      <div class="row"><Button kind="primary" onClick={onClose}>{t("destinations.secret_kept")}</Button></div>
    </Dialog>
  );
}

function Card({ one, onSecret }: { one: Destination; onSecret: (secret: string) => void }) {
  const [mode, setMode] = useState<"shown" | "change" | "rotate" | "recover" | "remove">("shown");
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<Dated | undefined>();
  const [trial, setTrial] = useState<Trial>();
  const [open, setOpen] = useState(false);
  const [tone, icon] = looks[one.status];
  const path = "/destinations/" + one.id;
  const close = () => setMode("shown");

  // One at a time; a refusal stands on the card.
  async function ask<T>(what: string, request: () => Promise<Reply<T>>): Promise<T | undefined> {
    if (busy) return undefined;
    setBusy(what);
    setProblem(undefined);
    setTrial(undefined);
    const reply = await request();
    setBusy("");
    if (!reply.ok) setProblem(dated(reply.problem));
    return reply.ok ? reply.data : undefined;
  }
  const test = async () => setTrial(await ask("test", () => api.send<Trial>("POST", path + "/test", {})));
  async function turn(enabled: boolean) {
    const now = await ask("turn", () => api.send<Destination>("PATCH", path, { body: { enabled } }));
    if (!now) return;
    keep(now);
    toast("ok", t(enabled ? "destinations.on_done" : "destinations.off_done"), t(enabled ? "destinations.on_text" : "destinations.off_text"));
  }
  async function rotate() {
    const now = await ask("rotate", () => api.send<Schemas["NewDestination"]>("POST", path + "/rotate", {}));
    close();
    if (!now) return;
    const { secret, ...rest } = now;
    keep(rest);
    onSecret(secret);
  }
  async function remove() {
    const gone = await ask("remove", async () => {
      const reply = await api.send<undefined>("DELETE", path);
      return reply.ok ? { ...reply, data: true } : reply;
    });
    close();
    if (!gone) return;
    const had = destinations.snapshot.data!;
    destinations.put({ ...had, destinations: had.destinations.filter((d) => d.id !== one.id) });
    toast("ok", t("destinations.removed"), t("destinations.removed_text", { url: one.url }));
  }

  const times = ["last_success_at", "last_failure_at", "failing_since", "former_secret_until"] as const;
  const words = one.events.includes("*") ? t("destinations.all_events") : one.events.join(", ");
  return (
    <article class="card" aria-label={one.url} data-destination={one.id} data-status={one.status} data-state={busy ? "saving" : one.needs_attention ? "error" : "ready"}>
      <header class="card-head"><div><h3 class="mono">{one.url}</h3></div><Badge tone={tone} icon={icon}>{t("destinations.status." + one.status)}</Badge></header>
      {one.disabled_because ? <p>{t("destinations.because." + one.disabled_because)}</p> : one.status === "failing" && <p>{t("destinations.failing")}</p>}
      <dl class="facts">
        <dt>{t("destinations.fact.events")}</dt><dd>{words}</dd>
        {times.map((name) => one[name] && <><dt>{t("destinations.fact." + name)}</dt><dd><When at={one[name]} /></dd></>)}
      </dl>
      {trial && <p class={trial.delivered ? "good" : "wrong"} role="status" data-check={trial.delivered ? "ok" : "failed"}><Icon name={trial.delivered ? "circle-check" : "circle-alert"} small /><span>{trial.delivered ? t("destinations.test_good", { ms: trial.duration_ms }) : t("destinations.test_bad", { reason: trial.error ?? "" })}</span></p>}
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, Boolean(busy))} />}
      <div class="row">
        <Button icon="clock" pressed={open} onClick={() => setOpen(!open)}>{t("destinations.deliveries")}</Button>
        {mayManage() && (
          <>
            <Button icon="refresh-cw" busy={busy === "test"} onClick={() => void test()}>{t("destinations.test")}</Button>
            <Button icon="pencil" onClick={() => setMode("change")}>{t("destinations.change")}</Button>
            <Button icon={one.enabled ? "pause" : "play"} busy={busy === "turn"} onClick={() => void turn(!one.enabled)}>{t(one.enabled ? "destinations.off" : "destinations.on")}</Button>
            {one.enabled && <Button icon="rotate-ccw" onClick={() => setMode("recover")}>{t("destinations.recover")}</Button>}
            <Button kind="quiet" icon="lock" onClick={() => setMode("rotate")}>{t("destinations.rotate")}</Button>
            <Button kind="quiet" icon="x" onClick={() => setMode("remove")}>{t("destinations.remove")}</Button>
          </>
        )}
      </div>
      {open && <Deliveries one={one} />}
      {mode === "change" && <Form one={one} onClose={close} onDone={(now) => {
        keep(now);
        close();
      }} />}
      {mode === "rotate" && <Sure title={t("destinations.rotate_title")} text={t("destinations.rotate_says")} verb={t("destinations.rotate")} busy={busy === "rotate"} onClose={close} onYes={() => void rotate()} />}
      {mode === "remove" && <Sure title={t("destinations.remove_title")} text={t("destinations.remove_says", { url: one.url })} verb={t("destinations.remove")} danger busy={busy === "remove"} onClose={close} onYes={() => void remove()} />}
      {mode === "recover" && <Recover one={one} onClose={close} />}
    </article>
  );
}

function Recover({ one, onClose }: { one: Destination; onClose: () => void }) {
  const [since, setSince] = useState(local(Date.parse(one.failing_since ?? one.disabled_at ?? one.last_success_at ?? one.created_at)));
  const [error, setError] = useState("");
  const [problem, setProblem] = useState<Dated | undefined>();
  const [busy, setBusy] = useState(false);
  async function recover() {
    const from = moment(since);
    setError(from ? "" : t("field.required", { label: t("destinations.recover_since") }));
    if (!from || busy) return;
    setBusy(true);
    const reply = await api.send<Schemas["RecoverAnswer"]>("POST", `/destinations/${one.id}/recover`, { body: { since: from } });
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("destinations.recover"), t("destinations.recovered", { n: reply.data.count }));
    onClose();
  }
  return (
    <Dialog title={t("destinations.recover_title")} onClose={onClose}>
      <form noValidate onSubmit={(e) => {
        e.preventDefault();
        void recover();
      }}>
        <p>{t("destinations.recover_says")}</p>
        <Field name="since" type="datetime-local" label={t("destinations.recover_since")} value={since} error={error} onInput={setSince} />
        {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("destinations.recover")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}

function Form({ one, onClose, onDone }: { one?: Destination; onClose: () => void; onDone: (made: Destination & { secret?: string }) => void }) {
  const [url, setUrl] = useState(one?.url ?? "");
  const [events, setEvents] = useState((one?.events ?? ["*"]).join(", "));
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<Dated | undefined>();
  const [busy, setBusy] = useState(false);
  async function save() {
    if (busy) return;
    setProblem(undefined);
    const list = events.split(/[\s,]+/).filter(Boolean);
    const missing = { ...(url.trim() ? {} : { url: t("field.required", { label: t("destinations.url") }) }), ...(list.length ? {} : { events: t("field.required", { label: t("destinations.events") }) }) };
    setErrors(missing);
    if (Object.keys(missing).length) return;
    setBusy(true);
    const reply = await api.send<Destination & { secret?: string }>(one ? "PATCH" : "POST", one ? "/destinations/" + one.id : "/destinations", { body: { url: url.trim(), events: list } });
    setBusy(false);
    if (reply.ok) return onDone(reply.data);
    const wrong = reply.problem.errors;
    if (wrong?.length) return setErrors(Object.fromEntries(wrong.map((e) => [e.field.replace(/[.[].*/, ""), fieldWords(t("destinations." + e.field.replace(/[.[].*/, "")), e)])));
    setProblem(dated(reply.problem));
  }
  return (
    <Dialog title={t(one ? "destinations.change_title" : "destinations.add_title")} onClose={onClose}>
      <form noValidate data-form="destination" data-state={busy ? "saving" : "ready"} onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        <Field name="url" type="url" label={t("destinations.url")} hint={t("destinations.url_hint")} value={url} error={errors.url} onInput={setUrl} input={{ autocomplete: "off" }} />
        <Field name="events" label={t("destinations.events")} hint={t("destinations.events_hint")} value={events} error={errors.events} onInput={setEvents} />
        {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("destinations.save")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}
