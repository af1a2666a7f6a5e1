// Bringing numbers into Ava's care: choose, see what will happen, confirm, watch each step, done.
import "words:import";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { has, phone, t } from "../kit/i18n";
import { HeldUp } from "../kit/panel";
import { Badge, Button, Copy, Dialog, Icon } from "../kit/parts";
import { wordsFor } from "../kit/problem";
import { api, live } from "../kit/state";

type Listed = Schemas["Number"];
type Plan = Schemas["NumberPlan"]["plan"][number];
type Operation = Schemas["Operation"];
type Step = NonNullable<Operation["steps"]>[number];

interface Wish {
  numbers: string[];
  vapi: boolean;
  sms_via_vapi: boolean;
  overwrite: boolean;
}

const over = (o: Operation) => ["succeeded", "failed", "unconfirmed"].includes(o.status);

export function ImportNumbers({ from, chosen, onClose, onDone }: { from: Listed[]; chosen?: string; onClose: () => void; onDone: () => void }) {
  const [wish, setWish] = useState<Wish>({ numbers: chosen ? [chosen] : [], vapi: false, sms_via_vapi: false, overwrite: false });
  const [plan, setPlan] = useState<Plan[]>();
  const [operation, setOperation] = useState<Operation>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const id = useRef<string | undefined>(undefined);
  const head = useRef<HTMLParagraphElement>(null);
  const ended = operation !== undefined && over(operation);
  const stage = operation ? (ended ? "done" : "running") : plan ? "preview" : "choose";

  const take = (o: Operation) => setOperation((had) => (had && over(had) ? had : o));
  const reread = async () => {
    const reply = id.current ? await api.get<Operation>(`/operations/${id.current}`) : undefined;
    if (reply?.ok) take(reply.data);
  };
  useEffect(() => live.on("operation", (data) => {
    if (data === undefined) return void reread();
    if ((data as Operation).id === id.current) take(data as Operation);
  }), []);
  useEffect(() => void (stage !== "choose" && head.current?.focus()), [stage]);
  useEffect(() => void (ended && onDone()), [ended]);

  async function ask<T>(more: object): Promise<T | undefined> {
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<T>("POST", "/twilio/numbers/import", { body: { ...wish, ...more } });
    setBusy(false);
    if (reply.ok) return reply.data;
    setProblem(reply.problem);
    return undefined;
  }

  async function preview() {
    setPlan((await ask<Schemas["NumberPlan"]>({ dry_run: true, overwrite: false }))?.plan);
    setWish((w) => ({ ...w, overwrite: false }));
  }

  async function begin() {
    const placed = await ask<Operation>({});
    if (!placed) return;
    id.current = placed.id;
    take(placed);
    void reread(); // what happened before its id was known here
  }

  return (
    <Dialog title={t("import.title")} onClose={onClose}>
      <div data-stage={stage} class="stack">
        <p class="muted" tabIndex={-1} ref={head}>{t(`import.${stage}.lead`)}</p>
        {problem && <Refused problem={problem} />}
        {stage === "choose" && <Choose from={from} wish={wish} onChange={setWish} />}
        {stage === "preview" && plan!.map((p) => <Preview key={p.provider_id} plan={p} />)}
        {stage === "preview" && plan!.some((p) => p.is_blocked) && (
          <label class="check"><input type="checkbox" name="overwrite" checked={wish.overwrite} onChange={(e) => setWish({ ...wish, overwrite: e.currentTarget.checked })} />{t("import.overwrite")}</label>
        )}
        {operation && <Steps operation={operation} />}
        {ended && <Outcome operation={operation} />}
      </div>
      <div class="row">
        {stage === "choose" && <Button kind="primary" busy={busy} blocked={!wish.numbers.length && t("import.none_chosen")} onClick={() => void preview()}>{t("import.preview_button")}</Button>}
        {stage === "preview" && <Button kind="primary" busy={busy} blocked={plan!.some((p) => p.is_blocked) && !wish.overwrite && t("import.confirm_first")} onClick={() => void begin()}>{t("import.begin", { n: wish.numbers.length })}</Button>}
        {stage === "preview" && <Button kind="quiet" onClick={() => setPlan(undefined)}>{t("action.back")}</Button>}
        <Button kind={ended ? "primary" : "quiet"} onClick={onClose}>{t(ended ? "action.done" : operation ? "import.leave" : "action.cancel")}</Button>
      </div>
    </Dialog>
  );
}

function Refused({ problem }: { problem: Problem }) {
  const words = wordsFor(problem, "twilio");
  const wrong = problem.errors ?? [];
  const sentences = wrong.map((e) => (has(`import.wrong.${e.code}`) ? t(`import.wrong.${e.code}`) : t("import.wrong.other")));
  return (
    <p class="wrong" role="alert"><Icon name="circle-alert" small /><span>{sentences.length ? [...new Set(sentences)].join(" ") : `${words.title}. ${words.text}`}</span></p>
  );
}

function Choose({ from, wish, onChange }: { from: Listed[]; wish: Wish; onChange: (wish: Wish) => void }) {
  const toggle = (sid: string, on: boolean) => onChange({ ...wish, numbers: on ? [...wish.numbers, sid] : wish.numbers.filter((s) => s !== sid) });
  return (
    <>
      <fieldset>
        <legend>{t("import.which")}</legend>
        {from.map((n) => (
          <label class="check" key={n.provider_id}>
            <input type="checkbox" name="number" value={n.provider_id} checked={wish.numbers.includes(n.provider_id)} onChange={(e) => toggle(n.provider_id, e.currentTarget.checked)} />
            <span><span class="mono">{phone(n.phone_number)}</span> {n.friendly_name}</span>
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{t("import.who")}</legend>
        {[false, true].map((vapi) => (
          <label class="check" key={String(vapi)}>
            <input type="radio" name="who" value={vapi ? "vapi" : "ava"} checked={wish.vapi === vapi} onChange={() => onChange({ ...wish, vapi, sms_via_vapi: vapi && wish.sms_via_vapi })} />
            {t(vapi ? "import.by_vapi" : "import.by_ava")}
          </label>
        ))}
        {wish.vapi && (
          <label class="check"><input type="checkbox" name="texts" checked={wish.sms_via_vapi} onChange={(e) => onChange({ ...wish, sms_via_vapi: e.currentTarget.checked })} />{t("import.texts_too")}</label>
        )}
      </fieldset>
    </>
  );
}

function Preview({ plan }: { plan: Plan }) {
  return (
    <section data-plan={plan.provider_id}>
      <h3 class="mono">{phone(plan.number)}</h3>
      <ol>{plan.steps.map((s) => <li key={s.step}>{t(`import.plan.${s.step}`)}</li>)}</ol>
      {plan.warnings.map((w) => (
        <p class="wrong" key={w.code + w.way} data-warning={w.code}><Icon name="triangle-alert" small /><span>{w.code === "leads_elsewhere" ? t(`import.elsewhere.${w.way}`, { who: w.who }) : t(`import.${w.code}`)}</span></p>
      ))}
    </section>
  );
}

const tones = { waiting: "quiet", started: "info", done: "ok", failed: "bad", undoing: "info", undone: "warn", skipped: "quiet" } as const;
const icons = { waiting: "circle", started: "clock", done: "circle-check", failed: "circle-alert", undoing: "clock", undone: "arrow-left", skipped: "circle" } as const;

function Steps({ operation }: { operation: Operation }) {
  const numbers = new Map<string, Step[]>();
  for (const s of operation.steps ?? []) numbers.set(s.number, [...(numbers.get(s.number) ?? []), s]);
  return (
    <div role="log" aria-label={t("import.steps")}>
      {[...numbers].map(([number, steps]) => (
        <section key={number}>
          <h3 class="mono">{phone(number)}</h3>
          <ul class="plain-list">
            {steps.map((s) => (
              <li class="row between" key={s.step} data-step={s.step} data-step-state={s.state}>
                <span>{t(`import.step.${s.step}`)}</span>
                <Badge tone={tones[s.state]} icon={icons[s.state]}>{t(`import.state.${s.state}`)}</Badge>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {operation.status === "retrying" && <><p class="muted">{t("import.held_up")}</p><HeldUp operation={operation} /></>}
      {operation.status === "unknown" && <p class="muted">{t("import.unknown")}</p>}
    </div>
  );
}

function Outcome({ operation }: { operation: Operation }) {
  const good = operation.status === "succeeded";
  const imported = new Set((operation.steps ?? []).map((s) => s.number)).size;
  return (
    <div role="status" data-outcome={operation.status}>
      <p><strong>{good ? t("import.succeeded", { n: imported }) : t("import.failed")}</strong>{!good && <> {operation.problem && wordsFor(operation.problem, operation.problem.service ?? "twilio").title}.</>}</p>
      <p class="muted">{t("import.audit", { action: good ? "number.import" : "number.import_undone" })} <span class="mono">{operation.correlation_id}</span><Copy text={operation.correlation_id} label={t("import.reference")} /></p>
    </div>
  );
}
