// Rules: who is told when something happens. One click makes the usual ones; each can be changed, rested, and asked what it did.
import "words:messages";
import "words:refusals";
import "words:rules";
import { useMemo, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { phone, t } from "../kit/i18n";
import { newId } from "../kit/ids";
import { plainNumber } from "../kit/lists";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Dialog, Field, Icon, Select, Sure, When } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { said } from "../kit/said";
import { Resource } from "../kit/resource";
import { api, mayManage, useChanged, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { undoBy, undoOurs } from "../kit/undo";

type Rule = Schemas["Rule"];
type Use = Schemas["RuleUse"];
type Dated = Problem & { until?: number };

const events = ["call.missed", "call.ended", "call.summary", "message.received", "budget.80", "budget.exhausted", "destination.disabled", "connection.needs_attention", "event.dead"] as const;
const presets = ["text_back", "missed_call", "call_summary", "budget"] as const;
const key = (event: string) => event.replace(".", "_");
const hasCaller = (event: string) => /^(call|message)\./.test(event);
const shown = (to: string) => (to.startsWith("+") ? phone(to) : to.startsWith("usr_") ? t("rules.member") : to);

export function Rules() {
  const resource = useMemo(() => new Resource((signal) => api.get<Schemas["RuleList"]>("/rules?limit=100", { signal })), []);
  const snapshot = useResource(resource);
  useChanged("rule", resource);
  const [open, setOpen] = useState<Rule | "new">();
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<Dated | undefined>();
  const blocked = mayManage() ? false : t("forbidden.title");

  function keep(one: Rule) {
    const had = resource.snapshot.data;
    if (!had) return resource.changed();
    const is = had.rules.some((r) => r.id === one.id);
    resource.put({ ...had, rules: is ? had.rules.map((r) => (r.id === one.id ? one : r)) : [one, ...had.rules] });
  }
  async function make(preset: (typeof presets)[number]) {
    if (busy) return;
    setBusy(preset);
    setProblem(undefined);
    const reply = await api.send<Rule>("POST", "/rules", { body: { preset } });
    setBusy("");
    if (!reply.ok) return setProblem(dated(reply.problem));
    keep(reply.data);
    toast("ok", t("rules.made"), reply.data.name);
  }
  function undoChange(was: Rule, made: Rule) {
    const part = ({ name, when, then, quiet_hours }: Rule) => ({ name, when, then, quiet_hours });
    const isOurs = () => JSON.stringify(resource.snapshot.data?.rules.filter((r) => r.id === made.id).map(part)) === JSON.stringify([part(made)]);
    return undoOurs(isOurs, () => api.send<Rule>("PATCH", "/rules/" + was.id, { body: part(was) }), (back) => (back.ok ? keep(back.data) : resource.changed()));
  }
  const has = (rule: Rule, preset: string) => (preset === "budget" ? rule.when.event === "budget.80" : rule.then.template === preset);
  const offer = (had: Rule[]) => (
    <>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, Boolean(busy))} />}
      <div class="row" data-presets>
        {presets.filter((p) => !had.some((r) => has(r, p))).map((p) => <Button key={p} kind={p === "text_back" ? "primary" : "plain"} icon={p === "text_back" ? "message-square" : "send"} busy={busy === p} blocked={blocked} onClick={() => void make(p)}>{t("rules.preset." + p)}</Button>)}
        <Button icon="pencil" blocked={blocked} onClick={() => setOpen("new")}>{t("rules.new")}</Button>
      </div>
    </>
  );
  const empty = <div class="box"><Icon name="message-square" /><h3>{t("rules.empty.title")}</h3><p>{t("rules.empty.text")}</p>{offer([])}</div>;
  return (
    <>
      <Panel resource={resource} snapshot={snapshot} title={t("rules.title")} service="ava" name="rules" safe={t("rules.safe")} isEmpty={(d) => !d.rules.length} empty={empty}>
        {(data) => (
          <div class="stack">
            {data.rules.map((r) => <Card key={r.id} one={r} onChange={() => setOpen(r)} onKept={keep} onGone={() => resource.put({ ...data, rules: data.rules.filter((o) => o.id !== r.id) })} />)}
            {offer(data.rules)}
          </div>
        )}
      </Panel>
      {open && <Form one={open === "new" ? undefined : open} onClose={() => setOpen(undefined)} onDone={(made) => {
        keep(made);
        setOpen(undefined);
        toast("ok", t("rules.saved"), made.name, open === "new" ? undefined : undoChange(open, made));
      }} />}
    </>
  );
}

// "When a call is missed: a text to the caller, by text_back."
function sentence(r: Rule): string {
  const to = r.then.to === "caller" ? t("rules.the_caller") : (r.then.to as string[]).map(shown).join(", ");
  return t("rules.says_" + r.then.channel, { when: t("rules.when." + key(r.when.event)), to, template: r.then.template });
}

function Card({ one, onChange, onKept, onGone }: { one: Rule; onChange: () => void; onKept: (now: Rule) => void; onGone: () => void }) {
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState<Dated | undefined>();
  const [sure, setSure] = useState(false);
  const [open, setOpen] = useState(false);
  const quiet = one.quiet_hours, path = "/rules/" + one.id;
  async function turn(enabled: boolean) {
    if (busy) return;
    setBusy("turn");
    setProblem(undefined);
    const reply = await api.send<Rule>("PATCH", path, { body: { enabled } });
    setBusy("");
    if (reply.ok) onKept(reply.data);
    else setProblem(dated(reply.problem));
  }
  async function remove() {
    setBusy("remove");
    const key = newId();
    const reply = await api.send<undefined>("DELETE", path);
    setBusy("");
    setSure(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    onGone();
    const { name, enabled, when, then, quiet_hours } = one;
    toast("ok", t("rules.removed"), name, undoBy(() => api.send<Rule>("POST", "/rules", { body: { name, enabled, when, then, quiet_hours }, key }), (back) => back.ok && onKept(back.data)));
  }
  return (
    <article class="card" aria-label={one.name} data-rule={one.id} data-enabled={one.enabled} data-state={busy ? "saving" : "ready"}>
      <header class="card-head">
        <div><h3>{one.name}</h3></div>
        <label class="check"><input type="checkbox" role="switch" checked={one.enabled} disabled={!mayManage()} onChange={(e) => {
          const wanted = e.currentTarget.checked;
          e.currentTarget.checked = one.enabled;
          void turn(wanted);
        }} /> {t(one.enabled ? "rules.on" : "rules.off")}<span class="hidden"> {one.name}</span></label>
      </header>
      <p>{sentence(one)}</p>
      {(one.when.direction || one.when.reasons?.length) && <p class="muted fine">{[one.when.direction && t("rules.direction." + one.when.direction), one.when.reasons?.join(", ")].filter(Boolean).join(": ")}</p>}
      {quiet && <p class="muted fine">{t("rules.quiet_" + quiet.then, { from: quiet.from, to: quiet.to, zone: quiet.time_zone })}</p>}
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, Boolean(busy))} />}
      <div class="row">
        <Button icon="clock" pressed={open} onClick={() => setOpen(!open)}>{t("rules.uses")}</Button>
        {mayManage() && (
          <>
            <Button icon="pencil" onClick={onChange}>{t("rules.change")}</Button>
            <Button kind="quiet" icon="x" onClick={() => setSure(true)}>{t("rules.remove")}</Button>
          </>
        )}
      </div>
      {open && <Uses one={one} />}
      {sure && <Sure title={t("rules.remove_title")} text={t("rules.remove_says", { name: one.name })} verb={t("rules.remove")} danger busy={busy === "remove"} onClose={() => setSure(false)} onYes={() => void remove()} />}
    </article>
  );
}

const looks = { waiting: ["warn", "clock"], sent: ["ok", "circle-check"], skipped: ["quiet", "info"], failed: ["bad", "triangle-alert"] } as const;

function Uses({ one }: { one: Rule }) {
  const resource = useMemo(() => new Resource((signal) => api.get<Schemas["RuleUseList"]>(`/rules/${one.id}/uses?limit=20`, { signal })), [one.id]);
  const snapshot = useResource(resource);
  const column = (name: string) => t("rules.column." + name);
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("rules.uses")} level={4} service="ava" name="rule-uses" safe={t("rules.safe")} isEmpty={(d) => !d.uses.length} empty={<p class="muted">{t("rules.no_uses")}</p>}>
      {(data) => (
        <>
          <table class="cards">
            <caption class="hidden">{t("rules.uses")}</caption>
            <thead><tr>{["who", "when", "how"].map((c) => <th key={c} scope="col">{column(c)}</th>)}</tr></thead>
            <tbody>{data.uses.map((u) => <Row key={u.id} use={u} column={column} />)}</tbody>
          </table>
          <p class="muted fine">{t("rules.hourly", { n: data.sent_last_hour, max: data.hourly_limit })}</p>
        </>
      )}
    </Panel>
  );
}

function Row({ use, column }: { use: Use; column: (name: string) => string }) {
  const [tone, icon] = looks[use.status];
  return (
    <tr data-use={use.status}>
      <th scope="row"><span class="mono">{use.to ? shown(use.to) : t("rules.nobody")}</span></th>
      <td data-label={column("when")}><span class="nowrap"><When at={use.happened_at} /></span></td>
      <td data-label={column("how")}>
        <div>
          <Badge tone={tone} icon={icon}>{t("rules.status." + use.status)}</Badge>
          {use.detail && <p class="muted fine">{said(use.detail)}</p>}
          {use.message_status && <p class="muted fine">{t("rules.message", { status: use.message_status })}</p>}
          {use.call_id && <p class="fine"><a href={"/calls/" + use.call_id}>{t("rules.call")}</a></p>}
        </div>
      </td>
    </tr>
  );
}

const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);
const zoneHere = Intl.DateTimeFormat().resolvedOptions().timeZone;

function Form({ one, onClose, onDone }: { one?: Rule; onClose: () => void; onDone: (made: Rule) => void }) {
  const to = one?.then.to;
  const [values, setValues] = useState<Record<string, string>>({
    name: one?.name ?? "", event: one?.when.event ?? "call.missed", reasons: one?.when.reasons?.join(", ") ?? "", direction: one?.when.direction ?? "",
    channel: one?.then.channel ?? "sms", who: !to || to === "caller" ? "caller" : "others", to: Array.isArray(to) ? to.join(", ") : "", template: one?.then.template ?? "text_back", from: one?.then.from ?? "",
    quiet: one?.quiet_hours ? one.quiet_hours.then : "", quiet_from: one?.quiet_hours?.from ?? "20:00", quiet_to: one?.quiet_hours?.to ?? "08:00", quiet_time_zone: one?.quiet_hours?.time_zone ?? (zoneHere.includes("/") ? zoneHere : "UTC"),
  });
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<Dated | undefined>();
  const [busy, setBusy] = useState(false);
  const known = useMemo(() => new Resource((signal) => api.get<Schemas["TemplateList"]>("/templates?limit=100", { signal })), []);
  const templates = (useResource(known).data?.templates ?? []).map((x) => x.name);
  const v = (name: string) => values[name] ?? "";
  const set = (name: string) => (value: string) => setValues({ ...values, [name]: value });
  const label = (name: string) => t("rules.field." + name);
  const field = (name: string, more: object = {}) => <Field name={name} label={label(name)} value={v(name)} error={errors[name]} onInput={set(name)} {...more} />;
  const pick = (name: string, options: [string, string][]) => (
    <>
      <Select name={name} label={label(name)} value={v(name)} onInput={set(name)} options={options} />
      {errors[name] && <p class="wrong"><Icon name="circle-alert" small /><span>{errors[name]}</span></p>}
    </>
  );
  const isText = v("channel") === "sms", mayCaller = isText && hasCaller(v("event")), toCaller = mayCaller && v("who") === "caller";

  async function save() {
    if (busy) return;
    setProblem(undefined);
    setErrors({});
    setBusy(true);
    const list = words(v("to")), ended = v("event") === "call.ended", aimed = ended || v("event") === "call.summary";
    const body = {
      name: v("name").trim(),
      when: { event: v("event"), ...(ended && words(v("reasons")).length ? { reasons: words(v("reasons")) } : {}), ...(aimed && v("direction") ? { direction: v("direction") } : {}) },
      then: { channel: v("channel"), to: toCaller ? "caller" : isText ? list.map(plainNumber) : list, template: v("template"), ...(isText && v("from") ? { from: plainNumber(v("from")) } : {}) },
      quiet_hours: v("quiet") ? { from: v("quiet_from"), to: v("quiet_to"), time_zone: v("quiet_time_zone").trim(), then: v("quiet") } : null,
    };
    const reply = await api.send<Rule>(one ? "PATCH" : "POST", one ? "/rules/" + one.id : "/rules", { body });
    setBusy(false);
    if (reply.ok) return onDone(reply.data);
    const wrong = reply.problem.errors;
    if (!wrong?.length) return setProblem(dated(reply.problem));
    const at = (path: string) => path.replace(/\[.*/, "").replace(/^(when|then)\./, "").replace("quiet_hours.", "quiet_");
    setErrors(Object.fromEntries(wrong.map((e) => [at(e.field), fieldWords(label(at(e.field)), e)])));
  }

  return (
    <Dialog title={t(one ? "rules.change_title" : "rules.new")} onClose={onClose}>
      <form noValidate data-form="rule" data-state={busy ? "saving" : "ready"} onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        {field("name", { input: { autocomplete: "off" } })}
        {pick("event", events.map((e) => [e, t("rules.when." + key(e))]))}
        {v("event") === "call.ended" && field("reasons", { hint: t("rules.reasons_hint") })}
        {["call.ended", "call.summary"].includes(v("event")) && pick("direction", [["", t("rules.direction.both")], ["inbound", t("rules.direction.inbound")], ["outbound", t("rules.direction.outbound")]])}
        {pick("channel", [["sms", t("rules.channel.sms")], ["email", t("rules.channel.email")]])}
        {mayCaller && pick("who", [["caller", t("rules.the_caller")], ["others", t("rules.others")]])}
        {!toCaller && field("to", { hint: t(isText ? "rules.to_numbers" : "rules.to_addresses") })}
        {pick("template", (templates.includes(v("template")) ? templates : [v("template"), ...templates]).map((name) => [name, name]))}
        {isText && field("from", { type: "tel", hint: t(hasCaller(v("event")) ? "rules.from_hint" : "rules.from_needed") })}
        {pick("quiet", [["", t("rules.quiet.none")], ["later", t("rules.quiet.later")], ["never", t("rules.quiet.never")]])}
        {v("quiet") && (
          <>
            {field("quiet_from", { hint: t("rules.time_hint") })}
            {field("quiet_to")}
            {field("quiet_time_zone")}
          </>
        )}
        {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("action.save")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}
