// What callers get when nothing else answers: chosen here, said in plain words before it is saved.
import "words:calls";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { phone, t } from "../kit/i18n";
import { plainNumber } from "../kit/lists";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Button, Field, Select } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { api, assistants, fallback, mayManage, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { undo } from "../kit/undo";

type Now = Schemas["Fallback"];

const bodyOf = ({ kind, text, to, assistant_id }: Omit<Now, "updated_at">): Schemas["FallbackRequest"] => ({ kind, text, ...(to ? { to } : {}), ...(assistant_id ? { assistant_id } : {}) });
type Kind = Schemas["FallbackKind"];
const kinds: Kind[] = ["message", "voicemail", "forward", "assistant"];
const textMax = 500;

// What a caller would hear, as a sentence.
function preview(now: Pick<Now, "kind" | "text" | "to" | "assistant_id">, nameOf: (id: string | null) => string): string {
  return t("fallback.preview." + now.kind, { text: now.text, to: now.to ? phone(now.to) : t("fallback.somebody"), assistant: nameOf(now.assistant_id) });
}

export function Fallback() {
  const snapshot = useResource(fallback);
  const known = useResource(assistants).data?.assistants ?? [];
  const [editing, setEditing] = useState(false);
  const nameOf = (id: string | null) => known.find((a) => id && (a.id === id || a.provider_id === id))?.name ?? t("fallback.an_assistant");
  return (
    <Panel resource={fallback} snapshot={snapshot} title={t("fallback.title")} service="ava" name="fallback">
      {(data) =>
        editing ? <Form now={data} etag={snapshot.etag} known={known} nameOf={nameOf} onDone={() => setEditing(false)} /> : (
          <>
            <p data-preview>{preview(data, nameOf)}</p>
            <p class="muted">{t("fallback.when")}</p>
            <div class="row"><Button icon="pencil" blocked={mayManage() ? false : t("forbidden.title")} onClick={() => setEditing(true)}>{t("fallback.change")}</Button></div>
          </>
        )}
    </Panel>
  );
}

interface FormProps {
  now: Now;
  etag?: string;
  known: Schemas["AssistantListed"][];
  nameOf: (id: string | null) => string;
  onDone: () => void;
}

function Form({ now, etag, known, nameOf, onDone }: FormProps) {
  const [kind, setKind] = useState<Kind>(now.kind);
  const [text, setText] = useState(now.text);
  const [to, setTo] = useState(now.to ?? "");
  const [assistant, setAssistant] = useState(now.assistant_id ?? known.find((a) => a.in_use)?.provider_id ?? "");
  const [version, setVersion] = useState(etag);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [theirs, setTheirs] = useState<Now>();
  const [busy, setBusy] = useState(false);
  const mine = { kind, text, to: kind === "forward" ? plainNumber(to) : null, assistant_id: kind === "assistant" ? assistant : null };

  async function save() {
    if (busy) return;
    setProblem(undefined);
    const missing = { ...(text.trim() ? {} : { text: t("field.required", { label: t("fallback.field.text") }) }), ...(kind === "forward" && !to.trim() ? { to: t("field.required", { label: t("fallback.field.to") }) } : {}) };
    setErrors(missing);
    if (Object.keys(missing).length) return;
    setBusy(true);
    const body = bodyOf({ ...mine, text: text.trim() });
    const had = fallback.snapshot.data;
    const reply = await api.send<Now>("PUT", "/fallback", { body, ifMatch: version });
    setBusy(false);
    if (reply.ok) {
      fallback.put(reply.data, reply.etag);
      toast("ok", t("fallback.saved"), preview(reply.data, nameOf), had && undo("/fallback", fallback, bodyOf(had), reply.etag));
      return onDone();
    }
    if (reply.problem.code === "version_conflict") return meet();
    if (reply.problem.errors?.length) return setErrors(Object.fromEntries(reply.problem.errors.map((e) => [e.field, fieldWords(t("fallback.field." + e.field), e)])));
    setProblem(dated(reply.problem));
  }

  async function meet() {
    const fresh = await api.get<Now>("/fallback");
    if (!fresh.ok) return setProblem(dated(fresh.problem));
    fallback.put(fresh.data, fresh.etag);
    setVersion(fresh.etag);
    setTheirs(fresh.data);
  }

  return (
    <form class="editor" noValidate data-form="fallback" data-state={theirs ? "conflict" : busy ? "saving" : "ready"} onSubmit={(e) => {
      e.preventDefault();
      void save();
    }}>
      <fieldset class="choices">
        <legend class="hidden">{t("fallback.title")}</legend>
        {kinds.map((k) => (
          <label class="choice" key={k}>
            <input type="radio" name="kind" value={k} checked={kind === k} onChange={() => setKind(k)} />
            <strong>{t(`fallback.kind.${k}.title`)}</strong><span>{t(`fallback.kind.${k}.text`)}</span>
          </label>
        ))}
      </fieldset>
      {kind === "forward" && <Field name="to" type="tel" label={t("fallback.field.to")} hint={t("calls.to_hint")} value={to} error={errors.to} onInput={setTo} />}
      {kind === "assistant" && <Select name="assistant_id" label={t("fallback.field.assistant_id")} value={assistant} onInput={setAssistant} options={known.map((a) => [a.provider_id, a.name ?? t("assistants.unnamed")])} />}
      <Field name="text" lines={2} label={t("fallback.field.text")} hint={<><span>{t("fallback.hint." + kind)}</span><span class="count">{t("assistant.count", { n: [...text].length, max: textMax })}</span></>} value={text} error={errors.text} onInput={setText} />
      <p class="said"><strong>{t("fallback.heard")}</strong> {preview(mine, nameOf)}</p>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void save()} />}
      {theirs ? (
        <div class="conflict" role="group" aria-label={t("problems.version_conflict.title")}>
          <p><strong>{t("problems.version_conflict.title")}</strong> {t("problems.version_conflict.text")}</p>
          <div class="versions">
            <div><h3>{t("assistant.theirs")}</h3><p>{preview(theirs, nameOf)}</p><Button onClick={onDone}>{t("action.keep_theirs")}</Button></div>
            <div><h3>{t("assistant.mine")}</h3><p>{preview(mine, nameOf)}</p><Button kind="primary" busy={busy} onClick={() => void save()}>{t("action.use_mine")}</Button></div>
          </div>
        </div>
      ) : (
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("action.save")}</Button><Button kind="quiet" onClick={onDone}>{t("action.cancel")}</Button></div>
      )}
    </form>
  );
}
