// How callers are greeted: the three settings, with values that are good to start with.
import "words:setup";
import { useState } from "preact/hooks";
import { complaint, keys, label, SettingField, suggestions, unit, valueOf, type Key } from "../assistants/screen";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { dated, Loading } from "../kit/panel";
import { Button, Heading } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { api, settings, useResource } from "../kit/state";
import { Refused, type Held, type HeldState } from "./refused";

export type Values = Record<Key, string | number> | undefined;

function startWith(set: Schemas["SettingList"] | undefined): Record<Key, string | number> {
  const start = { ...suggestions };
  for (const key of keys) start[key] = valueOf(set?.settings, key) ?? suggestions[key];
  return start;
}

export function Greeting({ held: [values, setValues], onBack, onDone }: { held: HeldState<Values>; onBack: () => void; onDone: () => void }) {
  const snapshot = useResource(settings);
  const [errors, setErrors] = useState<Partial<Record<Key, string>>>({});
  const [problem, setProblem] = useState<Held>();
  const [busy, setBusy] = useState(false);
  // What is set is shown, not copied when it comes: the copy would be made over what somebody has typed already.
  const shown = values ?? startWith(snapshot.data);

  async function submit(event: Event) {
    event.preventDefault();
    if (busy) return;
    const found = Object.fromEntries(keys.map((key) => [key, complaint(key, shown[key])]).filter(([, c]) => c));
    setErrors(found);
    setProblem(undefined);
    if (Object.keys(found).length) return;
    setBusy(true);
    const changed = keys.filter((key) => shown[key] !== valueOf(settings.snapshot.data?.settings, key));
    for (const key of changed) {
      const reply = await api.send<Schemas["Setting"]>("PUT", `/vapi/settings/${key}`, { body: { value: shown[key] } });
      if (reply.ok) continue;
      setBusy(false);
      settings.expire();
      const wrong = reply.problem.errors?.[0];
      if (wrong) return setErrors({ [key]: fieldWords(label(key), wrong, unit(key)) });
      return setProblem(dated(reply.problem));
    }
    setBusy(false);
    if (changed.length) settings.reset();
    onDone();
  }

  return (
    <form class="panel" data-panel="greeting" data-state={busy ? "saving" : problem ? "error" : snapshot.data || snapshot.problem ? "ready" : "loading"} data-code={problem?.code} onSubmit={submit} noValidate>
      <Heading>{t("setup.greeting.title")}</Heading>
      <p>{t("setup.greeting.lead")}</p>
      {!snapshot.data && !snapshot.problem ? <Loading name="settings" /> : (
        <>
          {!problem && snapshot.problem && <Refused problem={snapshot.problem} service="vapi" busy={snapshot.busy} retry={() => void settings.reload()} />}
          {problem && <Refused problem={problem} service="vapi" busy={busy} />}
          {keys.map((key) => <SettingField key={key} name={key} value={shown[key]} error={errors[key]} onInput={(v) => setValues({ ...shown, [key]: v })} />)}
        </>
      )}
      <div class="row between">
        <Button kind="quiet" icon="arrow-left" onClick={onBack}>{t("action.back")}</Button>
        <span class="row">
          <Button kind="quiet" onClick={onDone}>{t("action.skip")}</Button>
          <Button kind="primary" type="submit" busy={busy}>{t("setup.greeting.button")}</Button>
        </span>
      </div>
    </form>
  );
}
