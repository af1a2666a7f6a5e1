// Messages: texts in both directions as they travel. One of which nobody knows is never sent a second time by itself.
import "words:messages";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { isPhone, phone, t } from "../kit/i18n";
import { Export } from "../kit/export";
import { Filters, ListPanel, only, plainNumber, useList } from "../kit/lists";
import { later } from "../kit/later";
import { Letter, mailAddress } from "./letter";
import { segments } from "./segments";
import { Standing } from "./standing";
import { Suppressed } from "./suppressed";
import { useOnce } from "../kit/once";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Button, Dialog, Field, Heading, Icon, Select, useTitle, When } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { useQuery } from "../kit/router";
import { api, numbers, profile, useCell, useLive, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

const Templates = later(() => import("./templates").then((m) => m.Templates));
const Rules = later(() => import("./rules").then((m) => m.Rules));

type Message = Schemas["Message"];
type Operation = Schemas["Operation"];

const names = ["status", "direction", "to", "from"];
const states = ["requested", "waiting", "queued", "sent", "delivered", "undelivered", "failed", "bounced", "complained", "received", "unknown", "unconfirmed"];
const bodyMax = 1600;

const tabs = ["texts", "templates", "rules", "suppressed"] as const;
const titles = { texts: "messages.texts", templates: "templates.title", rules: "rules.title", suppressed: "suppressed.title" };
const leads = { templates: "templates.lead", rules: "rules.lead", suppressed: "suppressed.lead" };
type Tab = (typeof tabs)[number];

export default function Messages() {
  const [query] = useQuery();
  const mail = query.get("mail"), tab = tabs.find((one) => one === query.get("tab")) ?? "texts";
  useTitle(t(mail ? "messages.one" : tab === "texts" ? "messages.title" : titles[tab]));
  if (mail) return <main id="main"><div class="head"><Heading>{t("messages.one")}</Heading></div><Letter key={mail} id={mail} /></main>;
  if (tab === "texts") return <Texts />;
  return (
    <main id="main">
      <div class="head"><Heading>{t("messages.title")}</Heading></div>
      <p class="lead">{t(leads[tab])}</p>
      <Tabs now={tab} />
      {tab === "templates" ? <Templates /> : tab === "rules" ? <Rules /> : <Suppressed />}
    </main>
  );
}

function Tabs({ now }: { now: Tab }) {
  return (
    <nav aria-label={t("messages.tabs")}>
      <ul class="tabs">
        {tabs.map((tab) => <li key={tab}><a class="button" href={tab === "texts" ? "/messages" : "/messages?tab=" + tab} aria-current={tab === now ? "page" : undefined}>{t(titles[tab])}</a></li>)}
      </ul>
    </nav>
  );
}

function Texts() {
  const [query, set] = useQuery();
  const filters = only(query, names);
  const list = useList<Message>("/messages", "messages", filters);
  const demo = useCell(profile) === "sandbox";
  const rows = list.snapshot.data?.rows ?? [];
  useLive<Message>("message", (one) => (one ? list.put(one, [...filters].every(([n, v]) => one[n as "status"] === v)) : list.resource.changed()));
  const send = <Button kind="primary" icon="send" onClick={() => set({ new: "message" })}>{t("messages.send_test")}</Button>;
  const empty = <div class="box"><Icon name="message-square" /><h3>{t("messages.empty.title")}</h3>{send}</div>;
  const number = (typed: string) => (typed.includes("@") ? typed : plainNumber(typed));
  const fields = (
    <Filters query={query} set={(change) => set(Object.fromEntries(Object.entries(change).map(([n, v]) => [n, n === "to" || n === "from" ? number(v) : v])))} filters={[
      { name: "status", label: t("messages.filter.status"), options: states.map((s) => [s, t("messages.status." + s)]) },
      { name: "direction", label: t("messages.filter.direction"), options: ["outbound", "inbound"].map((d) => [d, t("messages.direction." + d)]) },
      { name: "to", label: t("messages.filter.to") },
      { name: "from", label: t("messages.filter.from") },
    ]} />
  );
  return (
    <main id="main">
      <div class="head"><Heading>{t("messages.title")}</Heading>{rows.length > 0 && send}</div>
      <p class="lead">{t("messages.lead")}</p>
      <Tabs now="texts" />
      <ListPanel list={list} title={t("messages.list")} service="ava" name="messages" demo={demo} safe={t("messages.safe")} filtered={filters.size > 0} empty={empty} takeAway={<Export of="messages" filters={filters} />} filters={fields} onClear={() => set(Object.fromEntries(names.map((n) => [n, ""])))}>
        {(all) => <Table messages={all} />}
      </ListPanel>
      {query.get("new") === "message" && <Send onClose={() => set({ new: "" })} onSent={() => list.resource.changed()} />}
    </main>
  );
}

// A mail may go to fifty: the first stands for all.
function address(to: string): string {
  if (to.startsWith("+")) return phone(to);
  const [first = "", ...more] = to.split(/, (?=[^,]*@)/);
  return more.length ? t("messages.and_more", { who: first, n: more.length }) : first;
}

// Of an e-mail there is more to see.
function Who({ message: m }: { message: Message }) {
  const other = m.direction === "outbound" ? m.to : m.from;
  const words = t(m.direction === "outbound" ? "messages.to_who" : "messages.from_who", { who: address(other) });
  return m.channel === "email" ? <a class="mono break" href={mailAddress(m.id)}>{words}</a> : <span class={`mono ${isPhone(other) ? "nowrap" : "break"}`}>{words}</span>;
}

function Table({ messages }: { messages: Message[] }) {
  const column = (name: string) => t("messages.column." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("messages.list")}</caption>
      <thead><tr>{["who", "text", "when", "how"].map((c) => <th key={c} scope="col">{column(c)}</th>)}</tr></thead>
      <tbody>
        {messages.map((m) => (
          <tr key={m.id} data-row={m.id} data-message={m.status}>
            <th scope="row"><Who message={m} /></th>
            <td data-label={column("text")}><div class="text">{m.subject && <b>{m.subject}{m.body ? " " : ""}</b>}{m.body || (m.subject ? "" : t("messages.hidden"))}{m.media_urls?.length ? <span class="muted"> {t("messages.media", { n: m.media_urls.length })}</span> : null}</div></td>
            <td data-label={column("when")}><span class="nowrap"><When at={m.created_at} /></span></td>
            <td data-label={column("how")}><div><Standing message={m} /></div></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Send({ onClose, onSent }: { onClose: () => void; onSent: () => void }) {
  const own = (useResource(numbers).data?.numbers ?? []).filter((n) => n.capabilities.sms);
  const [values, setValues] = useState<Record<string, string>>({ to: "", from: "", body: "" });
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const once = useOnce();
  const from = values.from || own[0]?.phone_number || "";
  const body = values.body ?? "";
  const { parts, isPlain } = segments(body);
  const labelOf = (name: string) => t("messages." + name);
  useEffect(() => form.current?.querySelector("input")?.focus(), []);

  function point(found: Record<string, string>) {
    setErrors(found);
    const first = Object.keys(found)[0];
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus());
    return Boolean(first);
  }

  async function send() {
    if (busy) return;
    const to = plainNumber(values.to ?? "");
    const wanted: Schemas["TextRequest"] = { to, from: plainNumber(from), body };
    const isNumber = (n: string) => /^\+[1-9]\d{6,14}$/.test(n);
    setProblem(undefined);
    if (point({
      ...(isNumber(to) ? {} : { to: t("calls.to_wrong") }), ...(isNumber(wanted.from) ? {} : { from: t("calls.to_wrong") }),
      ...(!body.trim() ? { body: t("field.required", { label: labelOf("body") }) } : [...body].length > bodyMax ? { body: t("field.between", { label: labelOf("body"), min: 1, max: t("assistant.characters", { n: bodyMax }) }) } : {}),
    })) return;
    setBusy(true);
    const reply = await api.send<Message | Operation>("POST", "/twilio/messages", { body: wanted, key: once.key() });
    setBusy(false);
    once.answered(reply.ok ? undefined : reply.problem);
    if (reply.ok) {
      const pending = "object_id" in reply.data;
      toast("ok", t(pending ? "messages.pending" : "messages.sent"), pending ? t("messages.pending_text") : t("messages.sent_text", { to: phone(to) }));
      onSent();
      return onClose();
    }
    if (reply.problem.errors?.length) return void point(Object.fromEntries(reply.problem.errors.map((e) => [e.field, fieldWords(labelOf(e.field), e)])));
    setProblem(dated(reply.problem));
  }

  return (
    <Dialog title={t("messages.send_test")} onClose={onClose}>
      <form ref={form} noValidate data-form="message" data-state={busy ? "saving" : "ready"} onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}>
        <Field name="to" type="tel" label={labelOf("to")} hint={t("calls.to_hint")} value={values.to ?? ""} error={errors.to} onInput={(to) => setValues({ ...values, to })} input={{ autocomplete: "off" }} />
        {own.length && !errors.from ? <Select name="from" label={labelOf("from")} value={from} onInput={(v) => setValues({ ...values, from: v })} options={own.map((n) => [n.phone_number, phone(n.phone_number)])} />
          : <Field name="from" type="tel" label={labelOf("from")} hint={t("messages.from_hint")} value={from} error={errors.from} onInput={(v) => setValues({ ...values, from: v })} />}
        <Field name="body" lines={4} label={labelOf("body")} value={body} error={errors.body} onInput={(v) => setValues({ ...values, body: v })}
          hint={<><span data-segments>{parts > 0 && t(isPlain ? "messages.segments" : "messages.segments_long", { n: parts })}</span><span class="count">{t("assistant.count", { n: [...body].length, max: bodyMax })}</span></>} />
        {problem && <Trouble problem={problem} service="twilio" strip snapshot={troubleOf(problem, busy)} retry={() => void send()} />}
        <div class="row">
          <Button kind="primary" type="submit" icon="send" busy={busy}>{t("messages.send")}</Button>
          <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
