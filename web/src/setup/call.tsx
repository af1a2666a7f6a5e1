// The first call, and what it was: one button, then the timeline draws itself.
import "words:calls";
import "words:setup";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Entries, isOver, lasted, Standing, who, type Call, type Operation } from "../calls/screen";
import type { Problem, Schemas } from "../kit/api";
import { money, t } from "../kit/i18n";
import { plainNumber } from "../kit/lists";
import { useOnce } from "../kit/once";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Button, Copy, Field, Heading, Icon } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { Resource } from "../kit/resource";
import { useWhileSeen } from "../kit/seen";
import { api, profile, useCell, useLive, useResource, useSoon } from "../kit/state";

type Timeline = Schemas["Timeline"];
const demoNumber = "+14155550142"; // nobody's
const lookMs = 2000; // where events do not come, the page looks itself

interface Props {
  held: [Call | undefined, (call: Call | undefined) => void];
  onBack: () => void;
  onDone: () => void;
}

export function FirstCall({ held: [call, setCall], onBack, onDone }: Props) {
  const over = call && isOver(call);
  return (
    <div class="panel" data-panel="first-call" data-state={over ? "ended" : call ? "live" : "ready"}>
      <Heading>{t("setup.call.title")}</Heading>
      {call ? <Story id={call.id} onCall={setCall} /> : <Place onPlaced={setCall} />}
      <div class="row between">
        <Button kind="quiet" icon="arrow-left" onClick={onBack}>{t("action.back")}</Button>
        <Button kind={call ? "primary" : "quiet"} onClick={onDone}>{t(call ? "action.next" : "action.skip")}</Button>
      </div>
    </div>
  );
}

// In the sandbox everything is there; with one's own accounts Vapi is first told where to report to, if that is wanted.
function Place({ onPlaced }: { onPlaced: (call: Call) => void }) {
  const demo = useCell(profile) === "sandbox";
  const [to, setTo] = useState("");
  const [reports, setReports] = useState(true);
  const [error, setError] = useState("");
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const once = useOnce();

  async function place(event?: Event) {
    event?.preventDefault();
    if (busy) return;
    const number = demo ? demoNumber : plainNumber(to);
    setProblem(undefined);
    setError(/^\+[1-9]\d{6,14}$/.test(number) ? "" : t(number ? "calls.to_wrong" : "field.required", { label: t("calls.to") }));
    if (!/^\+[1-9]\d{6,14}$/.test(number)) return void form.current?.querySelector("input")?.focus();
    setBusy(true);
    if (!demo && reports) {
      const told = await api.send("POST", "/webhooks/endpoints/vapi/setup", { body: { overwrite: false } });
      if (!told.ok) {
        setBusy(false);
        setReports(false); // the next press calls without it
        return setProblem(dated(told.problem));
      }
    }
    const reply = await api.send<Call | Operation>("POST", "/calls", { body: { to: number }, key: once.key() });
    once.answered(reply.ok ? undefined : reply.problem);
    const placed = reply.ok ? ("object_id" in reply.data ? await api.get<Call>("/calls/" + reply.data.object_id) : { ok: true as const, data: reply.data }) : reply;
    setBusy(false);
    if (placed.ok) return onPlaced(placed.data);
    const wrong = placed.problem.errors?.find((e) => e.field === "to");
    if (wrong && !demo) return setError(fieldWords(t("calls.to"), wrong));
    setProblem(dated(placed.problem));
  }

  return (
    <form ref={form} onSubmit={(e) => void place(e)} noValidate data-form="first-call">
      <p>{t(demo ? "setup.call.lead_demo" : "setup.call.lead")}</p>
      {!demo && (
        <>
          <Field name="to" type="tel" label={t("calls.to")} hint={t("calls.to_hint")} value={to} error={error} onInput={setTo} input={{ autocomplete: "tel" }} />
          <label class="check"><input type="checkbox" checked={reports} onChange={(e) => setReports(e.currentTarget.checked)} /> {t("setup.call.reports")}</label>
        </>
      )}
      {problem && <Trouble problem={problem} service="vapi" strip snapshot={troubleOf(problem, busy)} retry={() => void place()} />}
      <div class="row"><Button kind="primary" type="submit" icon="phone-call" busy={busy}>{t("setup.call.button")}</Button></div>
    </form>
  );
}

function Story({ id, onCall }: { id: string; onCall: (call: Call) => void }) {
  const resource = useMemo(() => new Resource((signal) => api.get<Timeline>(`/calls/${id}/timeline`, { signal })), [id]);
  const snapshot = useResource(resource);
  const call = snapshot.data?.call, live = !call || !isOver(call);
  const soon = useSoon(300, () => resource.changed());
  useLive<Call>("call", (now) => (!now || now.id === id) && soon());
  useLive<Schemas["Event"]>("event", soon);
  useWhileSeen(lookMs, live, () => resource.changed());
  useEffect(() => {
    if (call) onCall(call);
  }, [snapshot.data]);
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("calls.happened")} service="ava" name="call">
      {(data) => (
        <>
          <Standing timeline={data} onChanged={() => void resource.reload()} />
          <Entries timeline={data} />
        </>
      )}
    </Panel>
  );
}

// What just happened, in a sentence, and what one might do now.
export function Done({ call, onDone }: { call: Call | undefined; onDone: () => void }) {
  const demo = useCell(profile) === "sandbox";
  const command = `curl -sS -X POST -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"to":"${call?.to ?? demoNumber}"}' ${location.origin}/api/v1/calls`;
  return (
    <div class="panel" data-panel="done">
      <svg class="drawn" viewBox="0 0 48 48" aria-hidden="true"><circle cx="24" cy="24" r="20" /><path d="M15 25l6 6 12-14" /></svg>
      <Heading>{t("setup.done.title")}</Heading>
      <p>{call ? t(call.cost ? "setup.done.called_cost" : "setup.done.called", { who: who(call), lasted: lasted(call, Date.now()), cost: call.cost ? money(call.cost.amount_micros, call.cost.currency) : "" }) : t("setup.done.text")}</p>
      <h2>{t("home.next")}</h2>
      <ul class="steps">
        <li><Icon name="plug" /><a href="/connections">{t(demo ? "setup.done.connect_own" : "setup.done.connect")}</a></li>
        <li><Icon name="user-plus" /><a href="/admin/people">{t("setup.done.invite")}</a></li>
        <li><Icon name="book-open" /><span>{t("setup.done.api")} <a href="/docs">{t("setup.done.reference")}</a><span class="command"><code>{command}</code><Copy text={command} label={t("setup.done.api")} /></span></span></li>
      </ul>
      <div class="row"><Button kind="primary" onClick={onDone}>{t("setup.done.button")}</Button></div>
    </div>
  );
}

