// What a day may take: minutes, money, lines. Two people may change it; the slower one sees both values.
import "words:limits";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { duration, money, t } from "../kit/i18n";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Field } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { api, limits, mayManage, useLive, useResource, useSoon } from "../kit/state";
import { toast } from "../kit/toasts";
import { undo } from "../kit/undo";

type Now = Schemas["Limits"];
type Wanted = Pick<Now, "daily_minutes" | "daily_cost_cents" | "concurrent_calls">;
const fields = ["daily_minutes", "daily_cost_cents", "concurrent_calls"] as const;
type Name = (typeof fields)[number];

// Money is typed in the currency and kept in cents.
const shown = (name: Name, value: number | null) => (value === null ? "" : name === "daily_cost_cents" ? String(value / 100) : String(value));
const read = (name: Name, typed: string) => (typed.trim() ? (name === "daily_cost_cents" ? Math.round(Number(typed) * 100) : Number(typed)) : null);
const words = (name: Name, value: number | null) => (value === null ? t("limits.none") : name === "daily_cost_cents" ? money(value * 10_000) : name === "daily_minutes" ? t("limits.minutes", { n: value }) : t("limits.calls", { n: value }));

export function Limits({ asked, onDone }: { asked: boolean; onDone: () => void }) {
  const snapshot = useResource(limits);
  const [editing, setEditing] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const soon = useSoon(2000, () => limits.changed());
  useLive("call", soon);
  const there = snapshot.data !== undefined;
  useEffect(() => {
    if (!asked || !there) return;
    setEditing(mayManage());
    place.current?.scrollIntoView({ block: "center" });
  }, [asked, there]);
  const done = () => {
    setEditing(false);
    onDone();
  };
  return (
    <div ref={place}>
      <Panel resource={limits} snapshot={snapshot} title={t("limits.title")} service="ava" name="limits" saving={false}>
        {(data) => (
          <>
            <Today now={data} />
            {editing ? <Form key="form" now={data} etag={snapshot.etag} onDone={done} /> : (
              <div class="row"><Button icon="pencil" blocked={mayManage() ? false : t("forbidden.title")} onClick={() => setEditing(true)}>{t("limits.change")}</Button></div>
            )}
          </>
        )}
      </Panel>
    </div>
  );
}

function Today({ now }: { now: Now }) {
  const { today } = now;
  const minutes = today.seconds_used + today.seconds_reserved, spent = today.cost_micros_used + today.cost_micros_reserved;
  return (
    <>
      {today.is_nearly_used_up && <p><Badge tone="warn" icon="triangle-alert">{t("limits.nearly")}</Badge></p>}
      <dl class="numbers" data-today>
        <Meter label={t("limits.talked")} value={minutes / 60} max={now.daily_minutes} words={duration(today.seconds_used)} of={words("daily_minutes", now.daily_minutes)} more={today.seconds_reserved ? t("limits.reserved", { what: duration(today.seconds_reserved) }) : ""} />
        <Meter label={t("limits.spent")} value={spent / 10_000} max={now.daily_cost_cents} words={money(today.cost_micros_used)} of={words("daily_cost_cents", now.daily_cost_cents)} more={today.cost_micros_reserved ? t("limits.reserved", { what: money(today.cost_micros_reserved) }) : ""} />
        <Meter label={t("limits.lines")} value={today.calls_now} max={now.concurrent_calls} words={t("limits.calls", { n: today.calls_now })} of={words("concurrent_calls", now.concurrent_calls)} more={today.calls_waiting ? t("limits.waiting", { n: today.calls_waiting }) : ""} />
      </dl>
    </>
  );
}

function Meter({ label, value, max, words: now, of, more }: { label: string; value: number; max: number | null; words: string; of: string; more: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd><strong>{now}</strong> <span class="muted">{max === null ? of : t("limits.of", { max: of })}</span>
        {max !== null && <meter min={0} max={Math.max(max, 0.001)} high={max * 0.8} optimum={0} value={Math.min(value, max)} aria-label={label}>{now}</meter>}
        {more && <span class="muted fine">{more}</span>}
      </dd>
    </div>
  );
}

function Form({ now, etag, onDone }: { now: Now; etag?: string; onDone: () => void }) {
  const [typed, setTyped] = useState(() => Object.fromEntries(fields.map((f) => [f, shown(f, now[f])])) as Record<Name, string>);
  const [version, setVersion] = useState(etag); // what is being edited, whatever is read meanwhile
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [theirs, setTheirs] = useState<Now>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const wanted = (): Wanted => Object.fromEntries(fields.map((f) => [f, read(f, typed[f])])) as Wanted;

  function point(found: Record<string, string>) {
    setErrors(found);
    const first = Object.keys(found)[0];
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus());
  }

  async function save(ifMatch: string | undefined) {
    if (busy) return;
    const body = wanted();
    setProblem(undefined);
    setTheirs(undefined);
    const wrong = fields.filter((f) => body[f] !== null && (!Number.isInteger(body[f]) || body[f]! < (f === "concurrent_calls" ? 1 : 0)));
    point(Object.fromEntries(wrong.map((f) => [f, t("limits.wrong." + f)])));
    if (wrong.length) return;
    setBusy(true);
    const before = Object.fromEntries(fields.map((f) => [f, limits.snapshot.data?.[f] ?? null]));
    const reply = await api.send<Now>("PUT", "/limits", { body, ifMatch });
    setBusy(false);
    if (reply.ok) {
      limits.put(reply.data, reply.etag);
      toast("ok", t("limits.saved"), t("limits.saved_text"), undo("/limits", limits, before, reply.etag));
      return onDone();
    }
    if (reply.problem.code === "version_conflict") return meet();
    if (reply.problem.errors?.length) return point(Object.fromEntries(reply.problem.errors.map((e) => [e.field, fieldWords(t("limits.field." + e.field), e)])));
    setProblem(dated(reply.problem));
  }

  async function meet() {
    const fresh = await api.get<Now>("/limits");
    if (!fresh.ok) return setProblem(dated(fresh.problem));
    limits.put(fresh.data, fresh.etag);
    setVersion(fresh.etag);
    setTheirs(fresh.data);
  }

  return (
    <form ref={form} class="editor" noValidate data-form="limits" data-state={theirs ? "conflict" : busy ? "saving" : "ready"} onSubmit={(e) => {
      e.preventDefault();
      void save(version);
    }}>
      <p class="muted">{t("limits.hint")}</p>
      <div class="columns">
        {fields.map((f) => <Field key={f} name={f} type="number" label={t("limits.field." + f)} hint={t("limits.field_hint." + f)} value={typed[f]} error={errors[f]} onInput={(v) => setTyped({ ...typed, [f]: v })} input={{ min: f === "concurrent_calls" ? 1 : 0, step: f === "daily_cost_cents" ? 0.01 : 1 }} />)}
      </div>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void save(version)} />}
      {theirs ? (
        <div class="conflict" role="group" aria-label={t("problems.version_conflict.title")}>
          <p><strong>{t("problems.version_conflict.title")}</strong> {t("problems.version_conflict.text")}</p>
          <div class="versions">
            <div><h3>{t("assistant.theirs")}</h3><Values of={theirs} /><Button onClick={onDone}>{t("action.keep_theirs")}</Button></div>
            <div><h3>{t("assistant.mine")}</h3><Values of={wanted()} /><Button kind="primary" busy={busy} onClick={() => void save(version)}>{t("action.use_mine")}</Button></div>
          </div>
        </div>
      ) : (
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("action.save")}</Button><Button kind="quiet" onClick={onDone}>{t("action.cancel")}</Button></div>
      )}
    </form>
  );
}

function Values({ of }: { of: Wanted }) {
  return <dl class="facts">{fields.map((f) => <><dt>{t("limits.field." + f)}</dt><dd>{words(f, of[f])}</dd></>)}</dl>;
}
