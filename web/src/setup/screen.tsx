// The first minutes: an account, a choice, and how callers are greeted. Every step can be left out; Back keeps what was typed.
import "words:setup";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Button, Field, focusHeading, Heading, Icon, useTitle } from "../kit/parts";
import { later } from "../kit/later";
import { Box, dated } from "../kit/panel";
import { fieldWords } from "../kit/problem";
import { go } from "../kit/router";
import { api, enter, profile, session, useCell } from "../kit/state";
import type { Values } from "./greeting";
import { Refused, type Held, type HeldState } from "./refused";

export default function Setup() {
  const here = useCell(session);
  const asked = Number(new URLSearchParams(location.search).get("step")) || 1;
  const [step, setStep] = useState(here ? Math.min(5, Math.max(2, asked)) : 1);
  const token = useRef(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
  const account = useState({ email: "", password: "", name: "" });
  const greeting = useState<Values>(undefined);
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

const Connect = later(() => import("./connect").then((m) => m.Connect));
const Greeting = later(() => import("./greeting").then((m) => m.Greeting));
const FirstCall = later(() => import("./call").then((m) => m.FirstCall));
const Done = later(() => import("./call").then((m) => m.Done));

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
  if (connecting) return <Connect onBack={() => setConnecting(false)} onNext={onNext} />;
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
