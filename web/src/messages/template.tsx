// One template: its parts, what they would say beside them while somebody types, and what they said before.
import "words:history";
import "words:templates";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem, Reply, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { useOnce } from "../kit/once";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Button, Dialog, Field, Icon, When } from "../kit/parts";
import { fieldSaid } from "../kit/problem";
import { Resource } from "../kit/resource";
import { go } from "../kit/router";
import { api, mayManage, useChanged, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { Changes } from "./changes";
import { Mail } from "./mail";
import { address, Kind } from "./templates";
import { guess } from "./variables";

type Template = Schemas["Template"];
type Versions = Schemas["TemplateVersionList"];
type Rendered = Schemas["Rendered"];
type Errors = Record<string, string>;

const parts = ["subject", "text", "html"] as const;
interface Draft {
  name: string;
  subject: string;
  text: string;
  html: string;
}
const draftOf = (one?: Template): Draft => ({ name: one?.name ?? "", subject: one?.subject ?? "", text: one?.text ?? "", html: one?.html ?? "" });
const bodyOf = (d: Draft) => ({ subject: d.subject, text: d.text || null, html: d.html || null });
const labelOf = (field: string) => t("templates.field." + field);

// The server's own words: they say in which line what is wrong.
function errorsOf(problem: Problem): Errors {
  return Object.fromEntries((problem.errors ?? []).map((e) => [e.field, fieldSaid(e.field in draftOf() ? labelOf(e.field) : e.field, e)]));
}

export function TemplatePage({ name }: { name: string }) {
  const back = <p><a href={address()} class="back"><Icon name="arrow-left" small />{t("templates.all")}</a></p>;
  if (name) return <>{back}<Existing name={name} /></>;
  return (
    <>
      {back}
      <section class="panel" aria-label={t("templates.new")} data-panel="template" data-state="ready">
        <header class="panel-head"><h2>{t("templates.new")}</h2></header>
        <Writer onSaved={(one) => go(address(one.name), true)} />
      </section>
    </>
  );
}

function Existing({ name }: { name: string }) {
  const path = "/templates/" + encodeURIComponent(name);
  const resource = useMemo(() => new Resource((signal) => api.get<Template>(path, { signal })), [path]);
  const history = useMemo(() => new Resource((signal) => api.get<Versions>(path + "/versions", { signal })), [path]);
  const snapshot = useResource(resource);
  useChanged("template", resource);
  useChanged("template", history);
  const typing = useRef(false); // what somebody types is not replaced by what somebody else saved: saving asks
  const shown = useRef<{ one: Template; etag?: string } | undefined>(undefined);
  if (snapshot.data && !(typing.current && shown.current)) shown.current = { one: snapshot.data, etag: snapshot.etag };
  const keep = (one: Template, etag?: string) => {
    typing.current = false;
    resource.put(one, etag);
    history.changed();
  };
  return (
    <>
      <Panel resource={resource} snapshot={snapshot} title={name} service="ava" name="template" safe={t("templates.safe")}>
        {(one) => (
          <>
            <p><Kind one={one} /></p>
            <Writer key={shown.current!.etag ?? ""} one={shown.current!.one} etag={shown.current!.etag} onSaved={keep} onTyping={(now) => (typing.current = now)} />
          </>
        )}
      </Panel>
      {snapshot.data && !snapshot.data.built_in && <History path={path} resource={history} newest={snapshot.data.version} etag={snapshot.etag} onUndone={keep} />}
    </>
  );
}

interface WriterProps {
  one?: Template;
  etag?: string;
  onSaved: (one: Template, etag?: string) => void;
  onTyping?: (now: boolean) => void;
}

function Writer({ one, etag, onSaved, onTyping }: WriterProps) {
  const [draft, setDraft] = useState(() => draftOf(one));
  const [typed, setTyped] = useState<string>(); // variables, once somebody wrote them
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  const [conflict, setConflict] = useState<Reply<Template> & { ok: true }>();
  const [busy, setBusy] = useState(false);
  const [removing, setRemoving] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const once = useOnce();
  const own = one && Object.keys(one.example).length ? one.example : {};
  const variables = typed ?? JSON.stringify({ ...guess(draft.subject, draft.text, draft.html), ...own }, null, 2);
  const seen = usePreview(draft, variables);
  const changed = parts.some((p) => draft[p] !== draftOf(one)[p]);
  const wrong = { ...seen.errors, ...errors };
  const set = (change: Partial<Draft>) => {
    const now = { ...draft, ...change };
    setDraft(now);
    setErrors({});
    onTyping?.(parts.some((p) => now[p] !== draftOf(one)[p]));
  };

  async function save(over = etag) {
    if (busy) return;
    setProblem(undefined);
    setConflict(undefined);
    setBusy(true);
    const reply = one
      ? await api.send<Template>("PATCH", "/templates/" + one.name, { body: bodyOf(draft), ifMatch: over })
      : await api.send<Template>("POST", "/templates", { body: { name: draft.name, ...bodyOf(draft) }, key: once.key() });
    once.answered(reply.ok ? undefined : reply.problem);
    if (!reply.ok && reply.problem.code === "version_conflict") {
      const theirs = await api.get<Template>("/templates/" + one!.name);
      setBusy(false);
      return theirs.ok ? setConflict(theirs) : setProblem(dated(theirs.problem));
    }
    setBusy(false);
    if (reply.ok) {
      toast("ok", t("templates.saved"), t("templates.saved_text", { name: reply.data.name }));
      return onSaved(reply.data, reply.etag);
    }
    if (!reply.problem.errors?.length) return setProblem(dated(reply.problem));
    setErrors(errorsOf(reply.problem));
    const first = reply.problem.errors[0]!.field;
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus());
  }

  const field = (part: (typeof parts)[number], lines?: number) => (
    <div class="field">
      <Field name={part} label={labelOf(part)} lines={lines} hint={t("templates.hint." + part)} value={draft[part]} error={wrong[part]} onInput={(v) => set({ [part]: v })} />
      <ToLine words={wrong[part]} field={() => form.current?.querySelector<HTMLTextAreaElement>(`textarea[name=${part}]`)} />
    </div>
  );
  return (
    <form ref={form} class="template" noValidate data-form="template" data-state={busy ? "saving" : conflict ? "conflict" : "ready"} onSubmit={(e) => {
      e.preventDefault();
      if (mayManage()) void save();
    }}>
      <div class="stack">
        {!one && <Field name="name" label={labelOf("name")} hint={t("templates.hint.name")} value={draft.name} error={wrong.name} onInput={(name) => set({ name })} input={{ autocomplete: "off", autofocus: true }} />}
        {field("subject")}
        {field("text", 10)}
        {field("html", 12)}
        {conflict && <Conflict onTheirs={() => onSaved(conflict.data, conflict.etag)} onMine={() => void save(conflict.etag)} />}
        {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void save()} />}
        <div class="row">
          <Button kind="primary" type="submit" busy={busy} blocked={!mayManage() ? t("forbidden.title") : one && !changed}>{t("action.save")}</Button>
          {one && !one.built_in && mayManage() && <Button kind="quiet" icon="x" onClick={() => setRemoving(true)}>{t("templates.remove")}</Button>}
        </div>
      </div>
      <div class="stack">
        <Preview seen={seen} />
        <Field name="variables" label={labelOf("variables")} hint={t("templates.hint.variables")} lines={6} value={variables} error={wrong.variables} onInput={setTyped} />
      </div>
      {removing && <Remove one={one!} etag={etag} onClose={() => setRemoving(false)} />}
    </form>
  );
}

// Where the server named a line, a way to it.
function ToLine({ words, field }: { words?: string; field: () => HTMLTextAreaElement | null | undefined }) {
  const line = Number(/\bline (\d+)/i.exec(words ?? "")?.[1]);
  if (!line || !field()) return null;
  const jump = () => {
    const area = field()!, lines = area.value.split("\n");
    const from = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    area.focus();
    area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  };
  return <div class="row"><Button icon="pencil" onClick={jump}>{t("templates.to_line", { n: line })}</Button></div>;
}

function Conflict({ onTheirs, onMine }: { onTheirs: () => void; onMine: () => void }) {
  return (
    <div class="conflict" role="alert">
      <p><strong>{t("problems.version_conflict.title")}</strong> {t("templates.conflict")}</p>
      <div class="row"><Button onClick={onTheirs}>{t("action.keep_theirs")}</Button><Button kind="primary" onClick={onMine}>{t("action.use_mine")}</Button></div>
    </div>
  );
}

// --- what it would say --------------------------------------------------------------------------

interface Seen {
  rendered?: Rendered; // the last that could be said
  errors: Errors;
  problem?: Problem;
  busy: boolean;
}

// Asks a moment after the last letter; an answer to what was typed before it is of no interest.
function usePreview(draft: Draft, variables: string): Seen {
  const [seen, setSeen] = useState<Seen>({ errors: {}, busy: false });
  useEffect(() => {
    const body = bodyOf(draft);
    if (!body.subject && !body.text && !body.html) return setSeen({ errors: {}, busy: false });
    let parsed: unknown;
    try {
      parsed = JSON.parse(variables || "{}");
    } catch {
      return setSeen((had) => ({ ...had, errors: { variables: t("templates.no_json") }, busy: false }));
    }
    const flight = new AbortController();
    const timer = setTimeout(() => {
      setSeen((had) => ({ ...had, busy: true }));
      // Half of a template says something too.
      const tried = { ...body, subject: body.subject || " ", text: body.text ?? (body.html ? null : " "), variables: parsed };
      api.send<Rendered>("POST", "/templates/preview", { body: tried, signal: flight.signal }).then((reply) => {
        if (flight.signal.aborted) return;
        if (reply.ok) setSeen({ rendered: reply.data, errors: {}, busy: false });
        else setSeen((had) => ({ rendered: had.rendered, errors: errorsOf(reply.problem), problem: reply.problem.errors?.length ? undefined : reply.problem, busy: false }));
      }, () => {});
    }, 300);
    return () => {
      clearTimeout(timer);
      flight.abort();
    };
  }, [draft, variables]);
  return seen;
}

function Preview({ seen }: { seen: Seen }) {
  const [asText, setAsText] = useState(false);
  const { rendered, errors, problem } = seen;
  const lacking = Object.entries(errors).filter(([field]) => field.startsWith("variables."));
  const bad = Object.keys(errors).length > 0 || problem;
  const text = asText || !rendered?.html;
  return (
    <section class="preview" data-panel="preview" data-state={bad ? "error" : rendered ? "ready" : "empty"} aria-busy={seen.busy} aria-label={t("templates.preview")}>
      <header class="panel-head">
        <h3>{t("templates.preview")}</h3>
        {rendered?.html && rendered.text && <div class="row tight"><Button pressed={!text} onClick={() => setAsText(false)}>{t("templates.as_html")}</Button><Button pressed={text} onClick={() => setAsText(true)}>{t("templates.as_text")}</Button></div>}
      </header>
      <div role="status">
        {lacking.map(([field, words]) => <p key={field} class="wrong"><Icon name="circle-alert" small /><span>{words}</span></p>)}
        {bad && !lacking.length && !problem && <p class="wrong"><Icon name="circle-alert" small /><span>{t("templates.not_said")}</span></p>}
      </div>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem)} />}
      {!rendered && !bad && <p class="muted">{t("templates.nothing_yet")}</p>}
      {rendered && (
        <>
          <p class="subject" data-subject><span class="muted">{labelOf("subject")}</span> <strong>{rendered.subject}</strong></p>
          {text ? <pre class="text" data-text tabIndex={0} aria-label={t("templates.as_text")}>{rendered.text}</pre> : <Mail html={rendered.html!} title={t("templates.preview")} />}
        </>
      )}
    </section>
  );
}

// --- what it said -------------------------------------------------------------------------------

interface HistoryProps {
  path: string;
  resource: Resource<Versions>;
  newest: number;
  etag?: string;
  onUndone: (one: Template, etag?: string) => void;
}

function History({ path, resource, newest, etag, onUndone }: HistoryProps) {
  const snapshot = useResource(resource);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  async function undo(version: number) {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<Template>("POST", path + "/undo", { body: { version }, ifMatch: etag });
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("templates.saved"), t("history.undone", { name: reply.data.name, version }));
    onUndone(reply.data, reply.etag);
  }
  async function more(had: Versions) {
    const reply = await api.get<Versions>(`${path}/versions?cursor=${had.next_cursor}`);
    if (reply.ok) resource.put({ ...reply.data, versions: [...had.versions, ...reply.data.versions] });
    else resource.learn(reply.problem);
  }
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("templates.versions")} service="ava" name="versions" safe={t("templates.safe")} saving={busy}>
      {(data) => (
        <>
          {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
          <ol class="settings list">
            {data.versions.map((v) => {
              const isNewest = v.version === newest, to = isNewest ? v.version - 1 : v.version;
              return (
                <li key={v.version} class="setting" data-version={v.version}>
                  <div class="setting-words">
                    <h3>{t("history.version", { n: v.version })} · <When at={v.created_at} /></h3>
                    <p>{t("history.what." + v.what, { who: v.author?.name ?? t("history.somebody"), version: v.restored_version ?? 0 })}</p>
                    <Changes path={path} version={v.version} shown={t("templates.what_changed_in", { version: v.version })} />
                  </div>
                  {to > 0 && <Button icon="rotate-ccw" busy={busy} blocked={!mayManage()} aria-label={t(isNewest ? "history.undo_of" : "history.back_to", { version: v.version })} onClick={() => void undo(to)}>{t(isNewest ? "history.undo" : "history.back")}</Button>}
                </li>
              );
            })}
          </ol>
          {data.next_cursor && <div class="row"><Button onClick={() => void more(data)}>{t("action.more")}</Button></div>}
        </>
      )}
    </Panel>
  );
}

function Remove({ one, etag, onClose }: { one: Template; etag?: string; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  async function remove() {
    setBusy(true);
    const reply = await api.send<undefined>("DELETE", "/templates/" + one.name, { ifMatch: etag });
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("templates.removed"), t(one.replaces_built_in ? "templates.built_in_back" : "templates.removed_text", { name: one.name }));
    go(address(), true);
  }
  return (
    <Dialog title={t("templates.remove_title", { name: one.name })} onClose={onClose}>
      <p>{t(one.replaces_built_in ? "templates.remove_back" : "templates.remove_says")}</p>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
      <div class="row"><Button kind="danger" busy={busy} onClick={() => void remove()}>{t("templates.remove")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
    </Dialog>
  );
}
