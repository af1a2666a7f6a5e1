// Signing in: the page, and the same form as a dialog over a page whose session is over.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Session } from "../kit/api";
import { t } from "../kit/i18n";
import { Button, Dialog, Field, Heading, useTitle } from "../kit/parts";
import { Box, dated, Trouble, troubleOf } from "../kit/panel";
import { fieldWords } from "../kit/problem";
import { go, safeNext } from "../kit/router";
import { api, enter, leave, ready, session, signInAgain, useCell } from "../kit/state";

export function SignInForm({ onDone, email: known }: { onDone: (now: Session) => void; email?: string }) {
  const [email, setEmail] = useState(known ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const form = useRef<HTMLFormElement>(null);
  const wrong = (field: string) => problem?.errors?.find((e) => e.field === field);

  async function submit(event: Event) {
    event.preventDefault();
    if (busy || (problem?.until && problem.until > Date.now())) return;
    const blank = [!email.trim() && "email", !password && "password"].filter(Boolean) as string[];
    if (blank.length) return refuse({ code: "validation_failed", errors: blank.map((field) => ({ field, code: "required" })) });
    setBusy(true);
    const reply = await api.open("/auth/login", { email: email.trim(), password });
    setBusy(false);
    if (reply.ok) onDone(reply.data);
    else refuse(reply.problem);
  }

  function refuse(p: Problem) {
    setProblem(dated(p));
    const first = p.errors?.[0]?.field;
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus());
  }

  const words = (field: string, label: string) => {
    const e = wrong(field);
    return e && (e.code === "wrong" ? t("signin.wrong") : fieldWords(label, e));
  };
  return (
    <form ref={form} onSubmit={submit} noValidate data-state={busy ? "saving" : problem ? "error" : "ready"} data-code={problem?.code}>
      {problem && !problem.errors?.length && (
        <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />
      )}
      <Field label={t("signin.email")} name="email" type="email" value={email} onInput={setEmail} error={words("email", t("signin.email"))} input={{ autocomplete: "username" }} />
      <Field label={t("signin.password")} name="password" secret value={password} onInput={setPassword} error={words("password", t("signin.password"))} input={{ autocomplete: "current-password", autofocus: Boolean(known) }} />
      <Button kind="primary" type="submit" busy={busy}>{t("signin.button")}</Button>
    </form>
  );
}

export default function SignIn() {
  const known = useCell(ready);
  useTitle(t("signin.title"));
  useEffect(() => {
    if (session.value) go("/", true);
  }, []);
  if (known?.setup_needed)
    return (
      <main id="main" class="narrow">
        <Heading>{t("setup.needed.title")}</Heading>
        <Box level={2} tone="info" icon="lock" title={t("setup.needed.lead")} text={t("setup.needed.text")} />
        <pre class="terminal" tabIndex={0}><code>ava user link</code></pre>
      </main>
    );
  return (
    <main id="main" class="narrow">
      <Heading>{t("signin.title")}</Heading>
      <p class="lead">{t("signin.lead")}</p>
      <div class="panel" data-panel="signin">
        <SignInForm onDone={(now) => {
          enter(now);
          go(safeNext(new URLSearchParams(location.search).get("next")));
        }} />
      </div>
      <p class="muted">{t("signin.help")}</p>
    </main>
  );
}

export function SessionOver() {
  const answer = useCell(signInAgain);
  if (!answer) return null;
  return (
    <Dialog title={t("session.title")} closable={false} onClose={() => {}}>
      <div data-state="session_over">
        <p>{t("session.text")}</p>
        <SignInForm email={session.value?.user.email} onDone={(now) => {
          enter(now);
          answer(true);
        }} />
        <Button kind="quiet" onClick={() => leave()}>{t("session.leave")}</Button>
      </div>
    </Dialog>
  );
}
