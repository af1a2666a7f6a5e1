// "Make a call": asked for once however often the button is pressed, and never sent twice.
import "words:calls";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import type { Call, Operation } from "./words";
import { t } from "../kit/i18n";
import { plainNumber } from "../kit/lists";
import { useOnce } from "../kit/once";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Button, Dialog, Field, Select } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { go } from "../kit/router";
import { api, assistants, useResource } from "../kit/state";

export function PlaceCall({ onClose }: { onClose: () => void }) {
  const known = useResource(assistants).data?.assistants ?? [];
  const [to, setTo] = useState("");
  const [assistant, setAssistant] = useState("");
  const [error, setError] = useState("");
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const once = useOnce();
  useEffect(() => form.current?.querySelector("input")?.focus(), []);

  function point(words: string) {
    setError(words);
    if (words) requestAnimationFrame(() => form.current?.querySelector("input")?.focus());
  }

  async function place(event?: Event) {
    event?.preventDefault();
    if (busy) return;
    const number = plainNumber(to);
    setProblem(undefined);
    point(!number ? t("field.required", { label: t("calls.to") }) : /^\+[1-9]\d{6,14}$/.test(number) ? "" : t("calls.to_wrong"));
    if (!/^\+[1-9]\d{6,14}$/.test(number)) return;
    setBusy(true);
    const body: Schemas["CallRequest"] = { to: number, ...(assistant ? { assistant_id: assistant } : {}) };
    const reply = await api.send<Call | Operation>("POST", "/calls", { body, key: once.key() });
    setBusy(false);
    once.answered(reply.ok ? undefined : reply.problem);
    if (reply.ok) return go("/calls/" + ("object_id" in reply.data ? reply.data.object_id : reply.data.id));
    const wrong = reply.problem.errors?.[0];
    if (wrong?.field === "to") return point(fieldWords(t("calls.to"), wrong));
    setProblem(dated(reply.problem));
  }

  return (
    <Dialog title={t("calls.make")} onClose={onClose}>
      <form ref={form} onSubmit={(e) => void place(e)} noValidate data-form="call" data-state={busy ? "saving" : "ready"}>
        <Field name="to" type="tel" label={t("calls.to")} hint={t("calls.to_hint")} value={to} error={error} onInput={setTo} input={{ autocomplete: "off" }} />
        {known.length > 1 && (
          <Select name="assistant_id" label={t("field.optional", { label: t("calls.assistant") })} value={assistant} onInput={setAssistant}
            options={[["", t("calls.usual")], ...known.map((a): [string, string] => [a.id ?? a.provider_id, a.name ?? t("assistants.unnamed")])]} />
        )}
        {problem && <Trouble problem={problem} service="vapi" strip snapshot={troubleOf(problem, busy)} retry={() => void place()} />}
        <div class="row">
          <Button kind="primary" type="submit" icon="phone-call" busy={busy}>{t("calls.call")}</Button>
          <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
