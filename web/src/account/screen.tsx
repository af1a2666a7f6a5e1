// Your account: who you are here, who invites you, and your own password.
import "words:account";
import "words:people";
import { useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { languages, spoken, t } from "../kit/i18n";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Button, Field, Heading, Icon, Select, useTitle, When } from "../kit/parts";
import { chooseLanguage } from "../kit/prefs";
import { fieldWords, wordsFor } from "../kit/problem";
import { api, enter, ownInvitations, session, useCell, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

type Dated = Problem & { until?: number };

export default function Account() {
  const here = useCell(session);
  useTitle(t("account.title"));
  if (!here) return null;
  const { user, workspace } = here;
  return (
    <main id="main">
      <Heading>{t("account.title")}</Heading>
      <p class="lead">{t("account.lead")}</p>
      <section class="panel" aria-label={t("account.you")} data-panel="account" data-state="ready">
        <header class="panel-head"><h2>{t("account.you")}</h2></header>
        <dl class="facts">
          <dt>{t("account.name")}</dt><dd>{user.name ?? <span class="muted">{t("people.unnamed")}</span>}</dd>
          <dt>{t("account.email")}</dt><dd class="long">{user.email}</dd>
          <dt>{t("account.workspace")}</dt><dd>{workspace.name}</dd>
          <dt>{t("account.role")}</dt><dd>{t("people.role." + (workspace.role ?? "none"))}</dd>
        </dl>
        <Select name="language" label={t("account.language")} hint={t("account.language_hint")} value={spoken()} options={Object.entries(languages)} onInput={(language) => {
          chooseLanguage(language);
          location.reload();
        }} />
      </section>
      <Invitations />
      <Password email={user.email} />
    </main>
  );
}

function Invitations() {
  const snapshot = useResource(ownInvitations);
  const [busy, setBusy] = useState("");

  async function answer(one: Schemas["OwnInvitation"], yes: boolean) {
    if (busy) return;
    setBusy(one.id + yes);
    const path = "/invitations/" + one.id;
    const reply = yes ? await api.send<unknown>("POST", path + "/accept") : await api.send<unknown>("DELETE", path);
    setBusy("");
    if (reply.ok) toast("ok", t(yes ? "signin.joined" : "account.declined", { name: one.workspace_name }), t(yes ? "signin.joined_text" : "account.declined_text", { who: one.invited_by }));
    else if (reply.problem.code === "not_found") toast("bad", t("account.over"), t("account.over_text", { who: one.invited_by }));
    else {
      const words = wordsFor(reply.problem, "ava");
      return toast("bad", words.title, words.text);
    }
    await ownInvitations.reload();
  }
  return (
    <Panel resource={ownInvitations} snapshot={snapshot} title={t("account.invitations")} service="ava" name="own-invitations" isEmpty={(d) => !d.invitations.length}
      empty={<p class="calm"><Icon name="info" small /><span>{t("account.no_invitations")}</span></p>}>
      {(data) => (
        <ul class="settings list">
          {data.invitations.map((one) => (
            <li class="setting" key={one.id} data-invitation={one.workspace_name}>
              <div class="setting-words">
                <p>{t(`account.invites.${one.role}`, { who: one.invited_by, workspace: one.workspace_name })}</p>
                <p class="muted"><When at={one.created_at} /></p>
              </div>
              <div class="row">
                <Button kind="primary" busy={busy === one.id + true} aria-label={t("account.accept_this", { workspace: one.workspace_name })} onClick={() => void answer(one, true)}>{t("account.accept")}</Button>
                <Button busy={busy === one.id + false} aria-label={t("account.decline_this", { workspace: one.workspace_name })} onClick={() => void answer(one, false)}>{t("account.decline")}</Button>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Password({ email }: { email: string }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [keys, setKeys] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Dated>();
  const [done, setDone] = useState<Schemas["PasswordChanged"]>();
  const form = useRef<HTMLFormElement>(null);

  function refuse(p: Problem) {
    setProblem(dated(p));
    const first = p.errors?.[0]?.field;
    if (first) requestAnimationFrame(() => form.current?.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus());
  }
  async function save() {
    if (busy || (problem?.until && problem.until > Date.now())) return;
    setDone(undefined);
    const blank = [!current && "current_password", !next && "new_password"].filter(Boolean) as string[];
    if (blank.length) return refuse({ code: "validation_failed", errors: blank.map((field) => ({ field, code: "required" })) });
    setBusy(true);
    const reply = await api.changePassword({ current_password: current, new_password: next, revoke_keys: keys });
    setBusy(false);
    if (!reply.ok) return refuse(reply.problem);
    setProblem(undefined);
    enter(reply.data);
    setCurrent("");
    setNext("");
    setKeys(false);
    setDone(reply.data);
    toast("ok", t("account.changed"), t("account.changed_text"));
  }
  const words = (field: "current_password" | "new_password") => {
    const e = problem?.errors?.find((one) => one.field === field);
    if (!e) return undefined;
    if (e.code === "wrong") return t("account.wrong");
    if (e.code === "too_short") return t("account.too_short");
    return fieldWords(t("account." + field), e);
  };
  return (
    <section class="panel" aria-label={t("account.password")} data-panel="password" data-state={busy ? "saving" : problem ? "error" : "ready"} data-code={problem?.code}>
      <header class="panel-head"><h2>{t("account.password")}</h2></header>
      <p>{t("account.password_says")}</p>
      <form ref={form} noValidate data-form="password" onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        <input type="email" name="username" autocomplete="username" value={email} readOnly hidden />
        {problem && !problem.errors?.length && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
        <Field label={t("account.current_password")} name="current_password" secret value={current} onInput={setCurrent} error={words("current_password")} input={{ autocomplete: "current-password" }} />
        <Field label={t("account.new_password")} name="new_password" secret value={next} onInput={setNext} hint={t("account.new_hint")} error={words("new_password")} input={{ autocomplete: "new-password" }} />
        <label class="check"><input type="checkbox" name="revoke_keys" checked={keys} onChange={(e) => setKeys(e.currentTarget.checked)} /> {t("account.revoke_keys")}</label>
        {done && <p class="good" role="status"><Icon name="circle-check" small /><span>{t("account.changed_text")} {done.keys_revoked > 0 ? t("account.keys_ended", { n: done.keys_revoked }) : done.keys_kept > 0 && t("account.keys_kept", { n: done.keys_kept })}</span></p>}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("account.change")}</Button></div>
      </form>
    </section>
  );
}
