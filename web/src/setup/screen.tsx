// The first minutes: an account, a choice, and how callers are greeted. Every step can be left out; Back keeps what was typed.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Button, Field, focusHeading, Heading, Icon, useTitle } from "../kit/parts";
import { later } from "../kit/later";
import { Box, dated, Loading, Trouble, troubleOf } from "../kit/panel";
import { fieldWords, serviceName } from "../kit/problem";
import { go } from "../kit/router";
import { api, enter, integrations, profile, session, settings, useCell, useResource } from "../kit/state";
import { complaint, keys, label, SettingField, suggestions, unit, valueOf, type Key } from "../assistants/screen";
import { CredentialForm } from "../connections/screen";

type Held = (Problem & { until?: number }) | undefined;
function Refused({ problem, service = "ava", busy = false, retry }: { problem: NonNullable<Held>; service?: string; busy?: boolean; retry?: () => void }) {
  return <Trouble problem={problem} service={service} strip retry={retry} snapshot={troubleOf(problem, busy)} />;
}

export default function Setup() {
  const here = useCell(session);
  const asked = Number(new URLSearchParams(location.search).get("step")) || 1;
  const [step, setStep] = useState(here ? Math.min(5, Math.max(2, asked)) : 1);
  const token = useRef(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
  const account = useState({ email: "", password: "", name: "" });
  const greeting = useState<Record<Key, string | number> | undefined>(undefined);
  useTitle(t("setup.title"));

  function to(n: number) {
    setStep(n);
    history.replaceState(null, "", `/setup?step=${n}`); // the token leaves the address with the first step
  }
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) focusHeading();
    first.current = false;
  }, [step]);
  const call = useState<Schemas["Call"] | undefined>(undefined);

  if (!here && !token.current)
    return (
      <main id="main" class="narrow">
        <Heading>{t("setup.needed.title")}</Heading>
        <Box level={2} tone="info" icon="lock" title={t("setup.needed.lead")} text={t("setup.needed.text")}><a class="button" href="/signin">{t("signin.title")}</a></Box>
        <pre class="terminal" tabIndex={0}><code>ava user link</code></pre>
      </main>
    );
  return (
    <main id="main" class="narrow" data-step={step}>
      <p class="progress" id="progress">{t("setup.progress", { n: step, max: 5 })}</p>
      <div class="dots" aria-hidden="true">{[1, 2, 3, 4, 5].map((n) => <span key={n} class={n <= step ? "on" : ""} />)}</div>
      {step === 1 && <Account token={token.current} held={account} onDone={() => to(2)} />}
      {step === 2 && <Choose onNext={() => to(3)} />}
      {step === 3 && <Greeting held={greeting} onBack={() => to(2)} onDone={() => to(4)} />}
      {step === 4 && <FirstCall held={call} onBack={() => to(3)} onDone={() => to(5)} />}
      {step === 5 && <Done call={call[0]} onDone={() => go("/")} />}
    </main>
  );
}

const FirstCall = later(() => import("./call").then((m) => m.FirstCall));
const Done = later(() => import("./call").then((m) => m.Done));

type HeldState<T> = [T, (value: T) => void];

function Account({ token, held: [values, setValues], onDone }: { token: string; held: HeldState<{ email: string; password: string; name: string }>; onDone: () => void }) {
  const [problem, setProblem] = useState<Held>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  function refuse(p: Problem) {
    setProblem(dated(p));
    const first = p.errors?.[0]?.field;
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus());
  }

  async function submit(event: Event) {
    event.preventDefault();
    if (busy) return;
    const errors: Schemas["FieldError"][] = [];
    if (!/^\S+@\S+$/.test(values.email.trim())) errors.push({ field: "email", code: values.email.trim() ? "wrong_format" : "required" });
    if (values.password.length < 12) errors.push({ field: "password", code: "too_short" });
    if (errors.length) return refuse({ code: "validation_failed", errors });
    setBusy(true);
    const body = { token, email: values.email.trim(), password: values.password, ...(values.name.trim() ? { name: values.name.trim() } : {}) };
    const reply = await api.open("/auth/setup", body);
    setBusy(false);
    if (!reply.ok) return refuse(reply.problem);
    // The address is changed before the page knows who is here: a reload goes on with step 2.
    onDone();
    enter(reply.data);
    // The answer of setup may leave things out that `me` has.
    const me = await api.resume();
    if (me.ok) enter(me.data);
  }

  const errorOf = (field: string, name: string) => {
    const e = problem?.errors?.find((one) => one.field === field);
    return e && (field === "password" && e.code === "too_short" ? t("setup.account.short") : fieldWords(name, e));
  };
  const tokenGone = problem?.code === "forbidden" || problem?.errors?.some((e) => e.field === "token");
  return (
    <form ref={form} onSubmit={submit} noValidate class="panel" data-panel="account" data-state={busy ? "saving" : problem ? "error" : "ready"} data-code={problem?.code}>
      <Heading>{t("setup.account.title")}</Heading>
      <p>{t("setup.account.lead")}</p>
      {tokenGone ? <Box level={2} tone="bad" icon="circle-alert" title={t("setup.account.used")} text={t("setup.account.used_text")} /> : problem && !problem.errors?.length && <Refused problem={problem} busy={busy} />}
      <Field label={t("signin.email")} name="email" type="email" value={values.email} onInput={(email) => setValues({ ...values, email })} error={errorOf("email", t("signin.email"))} input={{ autocomplete: "username" }} />
      <Field label={t("field.optional", { label: t("setup.account.name") })} name="name" value={values.name} onInput={(name) => setValues({ ...values, name })} error={errorOf("name", t("setup.account.name"))} input={{ autocomplete: "name" }} />
      <Field label={t("signin.password")} name="password" secret value={values.password} onInput={(password) => setValues({ ...values, password })} hint={t("setup.account.hint")} error={errorOf("password", t("signin.password"))} input={{ autocomplete: "new-password" }} />
      <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("setup.account.button")}</Button></div>
    </form>
  );
}

function Choose({ onNext }: { onNext: () => void }) {
  const sandbox = useCell(profile) === "sandbox";
  const [choice, setChoice] = useState<"sandbox" | "connect">(sandbox ? "sandbox" : "connect");
  const [connecting, setConnecting] = useState(false);
  const snapshot = useResource(integrations, connecting);
  if (connecting) {
    const open = (["vapi", "twilio"] as const).find((p) => snapshot.data?.integrations.some((i) => i.status === "not_connected" && i.provider === p));
    return (
      <div class="panel" data-panel="connect">
        <Heading>{t("setup.connect.title")}</Heading>
        {snapshot.problem && !snapshot.data && <Refused problem={snapshot.problem} busy={snapshot.busy} retry={() => void integrations.reload()} />}
        {!snapshot.data && !snapshot.problem && <Loading name="connections" />}
        {snapshot.data && (open
          ? <><h2>{serviceName(open)}</h2><p>{t(`connections.${open}.gives`)}</p><CredentialForm key={open} service={open} onDone={() => void integrations.reload()} /></>
          : <Box level={2} tone="info" icon="circle-check" title={t("setup.connect.all")} text={t("setup.connect.all_text")} />)}
        <div class="row between">
          <Button kind="quiet" icon="arrow-left" onClick={() => setConnecting(false)}>{t("action.back")}</Button>
          <Button kind={open ? "plain" : "primary"} onClick={onNext}>{open ? t("action.skip") : t("action.next")}</Button>
        </div>
      </div>
    );
  }
  const options = [
    ...(sandbox ? [{ id: "sandbox" as const, icon: "flask-conical" }] : []),
    { id: "connect" as const, icon: "plug" },
  ];
  return (
    <form class="panel" data-panel="choose" onSubmit={(e) => {
      e.preventDefault();
      if (choice === "sandbox") onNext();
      else setConnecting(true);
    }}>
      <Heading>{t("setup.choose.title")}</Heading>
      <fieldset class="choices">
        <legend class="hidden">{t("setup.choose.title")}</legend>
        {options.map((o) => (
          <label key={o.id} class="choice">
            <input type="radio" name="choice" value={o.id} checked={choice === o.id} onChange={() => setChoice(o.id)} />
            <Icon name={o.icon} />
            <strong>{t(`setup.choose.${o.id}.title`)}</strong>
            <span>{t(`setup.choose.${o.id}.text`)}</span>
          </label>
        ))}
      </fieldset>
      <div class="row">
        <Button kind="primary" type="submit">{t("action.next")}</Button>
        <Button kind="quiet" onClick={onNext}>{t("action.skip")}</Button>
      </div>
    </form>
  );
}

function Greeting({ held: [values, setValues], onBack, onDone }: { held: HeldState<Record<Key, string | number> | undefined>; onBack: () => void; onDone: () => void }) {
  const snapshot = useResource(settings);
  const [errors, setErrors] = useState<Partial<Record<Key, string>>>({});
  const [problem, setProblem] = useState<Held>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (values || !snapshot.data) return;
    const start = { ...suggestions };
    for (const key of keys) start[key] = valueOf(snapshot.data.settings, key) ?? suggestions[key];
    setValues(start);
  }, [snapshot.data]);
  const shown = values ?? suggestions;

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
