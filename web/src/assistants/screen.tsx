// The Assistant: three settings, each read, changed and saved on its own.
import "words:assistants";
import "words:history";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { Assistants } from "./list";
import { Forbidden } from "../kit/forbidden";
import { later } from "../kit/later";
import { secondsLeft } from "../kit/countdown";
import { t } from "../kit/i18n";
import { Button, Field, Heading, Icon, useNow, useTitle } from "../kit/parts";
import { Panel } from "../kit/panel";
import { fieldWords, wordsFor } from "../kit/problem";
import { complaint, isConflict, keys, label, ranges, settingsOf, show, suggestions, unit, valueOf, withValue, type Key, type Value } from "./settings";
import { api, mayManage, profile, settings, useCell, useLive, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

// For the first minutes (setup), which ask for the same settings.
export { complaint, keys, label, suggestions, unit, valueOf, type Key };

type Typed = string | number;

interface Row {
  phase: "shown" | "editing" | "saving" | "failed" | "conflict";
  typed?: Typed;
  error?: string;
  base?: Value; // what it was when somebody began to type
  theirs?: Value;
}

export default function Assistant() {
  const snapshot = useResource(settings);
  const demo = useCell(profile) === "sandbox";
  const [rows, setRows] = useState<Partial<Record<Key, Row>>>({});
  const latest = useRef(rows);
  useTitle(t("assistant.title"));
  const set = (key: Key, row: Row) => {
    const had = latest.current[key];
    if (row.phase === "editing") row.base = had?.phase === "editing" ? had.base : valueOf(list(), key);
    latest.current = { ...latest.current, [key]: row };
    setRows(latest.current);
  };
  const rowOf = (key: Key): Row => rows[key] ?? { phase: "shown" };
  const list = () => settings.snapshot.data?.settings ?? [];
  const put = (value: Schemas["Setting"][], etag?: string) => settings.put({ ...settings.snapshot.data, settings: value }, etag);

  // What somebody else saves is shown at once, where nobody types; our own saves are known already.
  useLive<Schemas["Assistant"]>("assistant", (one) => {
    const now = one?.in_use && one.config ? settingsOf(one.config) : undefined;
    if (!one || (now && keys.some((key) => now[key] !== valueOf(list(), key)))) settings.changed();
  });

  async function save(key: Key, typed: Typed, again = false): Promise<void> {
    const error = complaint(key, typed);
    if (error) return set(key, { phase: "editing", typed, error });
    const before = valueOf(list(), key);
    const base = latest.current[key]?.phase === "editing" ? latest.current[key].base! : before;
    if (isConflict(base, before, typed)) return set(key, { phase: "conflict", typed, theirs: before });
    put(withValue(list(), key, typed)); // the value changes at once; a refusal puts the old one back
    set(key, { phase: "saving", typed });
    const reply = await api.send<Schemas["Setting"]>("PUT", `/vapi/settings/${key}`, { body: { value: typed }, ifMatch: settings.snapshot.etag });
    if (reply.ok) {
      put(withValue(list(), key, reply.data.value, reply.data.updated_at), reply.etag);
      set(key, { phase: "shown" });
      return toast("ok", t("toast.updated"), t("toast.saved", { label: label(key) }), before === null ? undefined : { label: t("history.undo"), run: () => undo(key, reply.data.value, before) });
    }
    put(withValue(list(), key, before));
    if (reply.problem.code === "version_conflict" && !again) return meet(key, typed, before);
    refused(key, typed, reply.problem);
  }

  // What was there before, unless somebody has changed what we saved.
  function undo(key: Key, saved: Value, before: Typed): void {
    const now = valueOf(list(), key);
    if (isConflict(saved, now, before)) set(key, { phase: "conflict", typed: before, theirs: now });
    else void save(key, before);
  }

  // Somebody saved meanwhile. If it was another setting, our value goes out over the new version.
  async function meet(key: Key, typed: Typed, before: Value): Promise<void> {
    const fresh = await api.get<Schemas["SettingList"]>("/vapi/settings");
    if (!fresh.ok) return refused(key, typed, fresh.problem);
    settings.put(fresh.data, fresh.etag);
    const theirs = valueOf(fresh.data.settings, key);
    if (isConflict(before, theirs, typed)) return set(key, { phase: "conflict", typed, theirs });
    return save(key, typed, true);
  }

  function refused(key: Key, typed: Typed, problem: Problem): void {
    const wrong = problem.errors?.find((e) => e.field === "value" || e.field === key);
    if (wrong) return set(key, { phase: "editing", typed, error: fieldWords(label(key), wrong, unit(key)) });
    set(key, { phase: "failed", typed });
    if (["offline", "provider_unavailable", "rate_limited", "provider_rate_limited"].includes(problem.code)) settings.learn(problem);
    const words = wordsFor(problem, "vapi");
    const again = problem.code === "forbidden" || problem.wait ? undefined : { label: t("action.try_again"), run: () => void save(key, typed) };
    toast("bad", t("toast.failed"), t("toast.not_saved", { reason: words.title }), again);
  }

  const busy = keys.some((key) => rowOf(key).phase === "saving");
  const first = (
    <div class="box">
      <Icon name="bot" />
      <h3>{t("assistant.empty.title")}</h3>
      <p>{t("assistant.empty.text")}</p>
      <Button kind="primary" onClick={() => {
        put([]);
        set("greeting_message", { phase: "editing", typed: suggestions.greeting_message });
      }}>{t("assistant.empty.button")}</Button>
    </div>
  );
  const started = keys.some((key) => rowOf(key).phase !== "shown");
  return (
    <main id="main">
      <Heading>{t("assistant.title")}</Heading>
      <p class="lead">{t("assistant.lead")}</p>
      {!mayManage() && <Forbidden />}
      <Panel resource={settings} snapshot={snapshot} title={t("assistant.settings")} service="vapi" name="settings" demo={demo}
        safe={t("assistant.safe")} saving={busy} isEmpty={(d) => !d.settings.length && !started} empty={first}>
        {(data) => (
          <div class="settings">
            {keys.map((key) => (
              <SettingRow key={key} name={key} row={rowOf(key)} value={valueOf(data.settings, key)} until={snapshot.until} state={snapshot.state}
                onChange={(row) => set(key, row)} onSave={(typed) => void save(key, typed)} />
            ))}
          </div>
        )}
      </Panel>
      <Assistants shown={snapshot.data !== undefined || snapshot.state !== "loading"} />
      {(snapshot.data !== undefined || snapshot.state !== "loading") && <Tools />}
    </main>
  );
}

const Tools = later(() => import("./tools").then((m) => m.Tools), 300);

interface RowProps {
  name: Key;
  row: Row;
  value: Value;
  until?: number;
  state: string;
  onChange: (row: Row) => void;
  onSave: (typed: Typed) => void;
}

function SettingRow({ name, row, value, until, state, onChange, onSave }: RowProps) {
  const change = useRef<HTMLDivElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    // Focus goes into the field that opens, and back to the button when it closes.
    const to = row.phase === "editing" ? "textarea, input" : wasEditing.current ? "[data-change]" : "";
    wasEditing.current = row.phase === "editing";
    if (to) change.current?.querySelector<HTMLElement>(to)?.focus();
  }, [row.phase]);
  useEffect(() => {
    if (row.error) change.current?.querySelector<HTMLElement>("textarea, input")?.focus(); // each time it is refused
  }, [row]);
  const open = (typed: Typed) => onChange({ phase: "editing", typed });
  return (
    <div class="setting" ref={change} data-setting={name} data-state={row.phase === "saving" ? "saving" : row.phase}>
      {row.phase === "editing" ? (
        <Editor name={name} row={row} until={until} state={state} onChange={onChange} onSave={onSave} />
      ) : (
        <>
          <div class="setting-words">
            <h3>{label(name)}</h3>
            <p class={value === null ? "muted" : "value"} data-value>{show(name, value)}</p>
            {row.phase === "saving" && <p class="saving" role="status"><span class="spinner" aria-hidden="true" /> {t("panel.saving")}</p>}
          </div>
          <Button icon="pencil" data-change aria-label={t(value === null ? "action.set_what" : "action.change_what", { what: label(name) })} busy={row.phase === "saving"}
            blocked={!mayManage()} onClick={() => open(value ?? suggestions[name])}>{value === null ? t("action.set") : t("action.change")}</Button>
          {row.phase === "failed" && (
            <div class="strip bad">
              <div class="strip-words"><p>{t("assistant.kept")} <q>{show(name, row.typed!)}</q></p></div>
              <Button onClick={() => open(row.typed!)}>{t("action.use_mine")}</Button>
              <Button kind="quiet" onClick={() => onChange({ phase: "shown" })}>{t("action.discard")}</Button>
            </div>
          )}
          {row.phase === "conflict" && <Conflict name={name} row={row} onChange={onChange} onSave={onSave} />}
        </>
      )}
    </div>
  );
}

function Conflict({ name, row, onChange, onSave }: Pick<RowProps, "name" | "row" | "onChange" | "onSave">) {
  return (
    <div class="conflict" role="group" aria-label={t("problems.version_conflict.title")} data-state="conflict">
      <p><strong>{t("problems.version_conflict.title")}</strong> {t("problems.version_conflict.text")}</p>
      <div class="versions">
        <div><h4>{t("assistant.theirs")}</h4><p class="value">{show(name, row.theirs ?? null)}</p><Button onClick={() => onChange({ phase: "shown" })}>{t("action.keep_theirs")}</Button></div>
        <div><h4>{t("assistant.mine")}</h4><p class="value">{show(name, row.typed!)}</p><Button kind="primary" onClick={() => onSave(row.typed!)}>{t("action.use_mine")}</Button></div>
      </div>
    </div>
  );
}

function Editor({ name, row, until, state, onChange, onSave }: Omit<RowProps, "value">) {
  const waits = (state === "degraded" || state === "limited") && until !== undefined;
  const now = useNow(500, waits);
  const left = waits ? secondsLeft(until, now) : 0;
  const typed = row.typed!;
  const blocked = left > 0 ? t(state === "limited" ? "assistant.save_limited" : "assistant.save_resting", { n: left }) : undefined;
  return (
    <form class="editor" noValidate onSubmit={(e) => {
      e.preventDefault();
      if (!blocked) onSave(typed);
    }}>
      <SettingField name={name} value={typed} error={row.error} onInput={(v) => onChange({ phase: "editing", typed: v })} />
      <div class="row">
        <Button kind="primary" type="submit" blocked={blocked}>{t("action.save")}</Button>
        <Button kind="quiet" onClick={() => onChange({ phase: "shown" })}>{t("action.cancel")}</Button>
      </div>
    </form>
  );
}

// Also a step of the wizard.
export function SettingField({ name, value, error, onInput }: { name: Key; value: Typed; error?: string; onInput: (v: Typed) => void }) {
  const range = ranges[name];
  if (name === "greeting_message") {
    const count = [...String(value)].length;
    return (
      <Field label={label(name)} name={name} lines={3} value={String(value)} error={error} onInput={onInput}
        hint={<>{t("assistant.greeting_message.hint")} <span class="count">{t("assistant.count", { n: count, max: range.max })}</span></>} />
    );
  }
  const minutes = name === "max_call_duration";
  const shown = minutes ? Number(value) / 60 : Number(value);
  return (
    <Field label={label(name)} name={name} type="range" value={String(shown)} error={error} onInput={(v) => onInput(minutes ? Math.round(Number(v) * 60) : Number(v))}
      input={{ min: minutes ? range.min / 60 : range.min, max: minutes ? range.max / 60 : range.max, step: minutes ? 1 : 0.05, "aria-valuetext": show(name, value) }}
      extra={<output class="value">{show(name, value)}</output>} hint={t(`assistant.${name}.hint`)} />
  );
}
