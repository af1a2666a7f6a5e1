// People: who belongs to this workspace and as what, who is invited, and taking somebody out of it.
import "words:people";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { date, t } from "../kit/i18n";
import { Panel } from "../kit/panel";
import { Badge, Button, Copy, Dialog, Field, Icon, Select, Sure, When } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { Resource } from "../kit/resource";
import { api, mayManage, session, useChanged, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { undoOurs } from "../kit/undo";
import { useWrite } from "./write";

type Member = Schemas["Member"];
type Role = Schemas["Role"];

const space = () => "/workspaces/" + session.value?.workspace.id;
const nameOf = (one: { name: string | null; email: string }) => one.name ?? one.email;
const isMe = (one: Member) => one.user_id === session.value?.user.id;

// Only owners make owners, or change them; whoever runs the installation may what an owner may.
const isOwner = () => session.value?.workspace.role === "owner" || session.value?.user.admin === true;
const roles = (): [Role, string][] => (["member", "admin", "owner"] as const).filter((role) => role !== "owner" || isOwner()).map((role) => [role, t("people.role." + role)]);
const mayChange = (one: Member) => mayManage() && !isMe(one) && (one.role !== "owner" || isOwner());

export function People() {
  const [members] = useState(() => new Resource((signal) => api.get<Schemas["MemberList"]>(space() + "/members?limit=100", { signal })));
  return (
    <>
      <Members resource={members} />
      {mayManage() ? <Invitations /> : <p class="muted">{t("people.only_managers")}</p>}
    </>
  );
}

function Members({ resource }: { resource: Resource<Schemas["MemberList"]> }) {
  const snapshot = useResource(resource);
  useChanged("people", resource);
  const [changing, setChanging] = useState<Member>();
  const [removing, setRemoving] = useState<Member>();
  const [busy, setBusy] = useState(false);

  const memberOf = (id: string) => resource.snapshot.data?.members.find((m) => m.user_id === id);
  function put(now: Member) {
    const had = resource.snapshot.data;
    if (had) resource.put({ ...had, members: had.members.map((m) => (m.user_id === now.user_id ? { ...m, role: now.role } : m)) });
  }
  const undoRole = (was: Member, now: Member) =>
    undoOurs(() => memberOf(was.user_id)?.role === now.role, () => api.send<Member>("PUT", `${space()}/members/${was.user_id}`, { body: { role: was.role } }), (back) => (back.ok ? put(back.data) : resource.changed()));

  async function more(had: Schemas["MemberList"]) {
    setBusy(true);
    const reply = await api.get<Schemas["MemberList"]>(`${space()}/members?limit=100&cursor=${encodeURIComponent(had.next_cursor!)}`);
    setBusy(false);
    if (reply.ok) resource.put({ ...reply.data, members: [...had.members, ...reply.data.members] });
    else resource.learn(reply.problem);
  }
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("people.list")} service="ava" name="members" safe={t("people.safe")} isEmpty={(d) => !d.members.length}
      empty={<div class="box"><Icon name="users" /><h3>{t("people.nobody.title")}</h3><p>{t("people.nobody.text")}</p></div>}>
      {(data) => (
        <>
          <table class="cards">
            <caption class="hidden">{t("people.list")}</caption>
            <thead><tr>{["name", "role", "since"].map((c) => <th key={c} scope="col">{t("people.column." + c)}</th>)}{mayManage() && <th scope="col"><span class="hidden">{t("people.act")}</span></th>}</tr></thead>
            <tbody>
              {data.members.map((one) => (
                <tr key={one.user_id} data-member={one.email}>
                  <th scope="row">
                    {one.name ?? <span class="muted">{t("people.unnamed")}</span>} {isMe(one) && <Badge tone="info" icon="circle-user">{t("people.you")}</Badge>}
                    <div class="fine long">{one.email}</div>
                  </th>
                  <td data-label={t("people.column.role")}>{t("people.role." + one.role)}</td>
                  <td data-label={t("people.column.since")}><When at={one.created_at} /></td>
                  {mayManage() && (
                    <td>{mayChange(one) && (
                      <div class="row tight">
                        <Button kind="quiet" aria-label={t("people.change_this", { name: nameOf(one) })} onClick={() => setChanging(one)}>{t("people.change")}</Button>
                        <Button kind="quiet" aria-label={t("people.remove_this", { name: nameOf(one) })} onClick={() => setRemoving(one)}>{t("people.remove")}</Button>
                      </div>
                    )}</td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
          {data.next_cursor && <div class="row"><Button busy={busy} onClick={() => void more(data)}>{t("action.more")}</Button></div>}
          {changing && <ChangeRole one={changing} onClose={() => setChanging(undefined)} onDone={(now) => {
            setChanging(undefined);
            put(now);
            toast("ok", t("people.changed"), t("people.changed_text", { name: nameOf(changing), role: t("people.role." + now.role) }), undoRole(changing, now));
          }} />}
          {removing && <Remove one={removing} onClose={() => setRemoving(undefined)} onDone={() => {
            setRemoving(undefined);
            resource.put({ ...data, members: data.members.filter((m) => m.user_id !== removing.user_id) });
          }} />}
        </>
      )}
    </Panel>
  );
}

// The last owner stays one: that is an error of the field "role" there, and a sentence here.
function whyNot(problem: Problem): string | undefined {
  return problem.errors?.some((e) => e.code === "last_owner") ? t("people.last_owner") : undefined;
}

function ChangeRole({ one, onClose, onDone }: { one: Member; onClose: () => void; onDone: (now: Member) => void }) {
  const [role, setRole] = useState<Role>(one.role);
  const { busy, shown, write } = useWrite(whyNot);
  async function save() {
    const reply = await write(() => api.send<Member>("PUT", `${space()}/members/${one.user_id}`, { body: { role } }));
    if (!reply?.ok) return;
    onDone(reply.data);
  }
  return (
    <Dialog title={t("people.change_title", { name: nameOf(one) })} onClose={onClose}>
      <form noValidate data-form="role" onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        <Select name="role" label={t("people.column.role")} value={role} options={roles()} onInput={(value) => setRole(value as Role)} hint={t("people.role_hint." + role)} />
        {shown}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("people.change")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}

function Remove({ one, onClose, onDone }: { one: Member; onClose: () => void; onDone: () => void }) {
  const { busy, shown, write } = useWrite(whyNot);
  async function remove() {
    const reply = await write(() => api.send<undefined>("DELETE", `${space()}/members/${one.user_id}`));
    if (!reply?.ok) return;
    toast("ok", t("people.removed"), t("people.removed_text", { name: nameOf(one) }));
    onDone();
  }
  return (
    <Sure title={t("people.remove_title", { name: nameOf(one) })} text={t("people.remove_says", { name: nameOf(one), email: one.email })} verb={t("people.remove_this", { name: nameOf(one) })} danger busy={busy} onClose={onClose} onYes={() => void remove()}>
      {shown}
    </Sure>
  );
}

function Invitations() {
  const [resource] = useState(() => new Resource((signal) => api.get<Schemas["InvitationList"]>(space() + "/invitations?limit=100", { signal })));
  const snapshot = useResource(resource);
  useChanged("people", resource);
  const [inviting, setInviting] = useState(false);
  const [made, setMade] = useState<Schemas["InvitationMade"]>();
  const [withdrawing, setWithdrawing] = useState<Schemas["Invitation"]>();
  const { busy, shown, write } = useWrite(whyNot);
  const invite = <Button kind="primary" icon="user-plus" onClick={() => setInviting(true)}>{t("people.invite")}</Button>;

  async function withdraw(one: Schemas["Invitation"]) {
    const reply = await write(() => api.send<undefined>("DELETE", `${space()}/invitations/${one.id}`));
    if (!reply?.ok && reply?.problem.code !== "not_found") return;
    setWithdrawing(undefined);
    toast("ok", t("people.withdrawn"), t("people.withdrawn_text", { email: one.email }));
    void resource.reload();
  }
  return (
    <>
      <Panel resource={resource} snapshot={snapshot} title={t("people.invitations")} service="ava" name="invitations" safe={t("people.safe")} isEmpty={(d) => !d.invitations.length}
        empty={<div class="box"><Icon name="user-plus" /><h3>{t("people.no_invitations.title")}</h3><p>{t("people.no_invitations.text")}</p>{invite}</div>}>
        {(data) => (
          <>
            <table class="cards">
              <caption class="hidden">{t("people.invitations")}</caption>
              <thead><tr>{["email", "role", "invited", "until"].map((c) => <th key={c} scope="col">{t("people.column." + c)}</th>)}<th scope="col"><span class="hidden">{t("people.act")}</span></th></tr></thead>
              <tbody>
                {data.invitations.map((one) => (
                  <tr key={one.id} data-invitation={one.email}>
                    <th scope="row"><span class="long">{one.email}</span></th>
                    <td data-label={t("people.column.role")}>{t("people.role." + one.role)}</td>
                    <td data-label={t("people.column.invited")}><When at={one.created_at} /></td>
                    <td data-label={t("people.column.until")}>{day(one.expires_at)}</td>
                    <td><Button kind="quiet" aria-label={t("people.withdraw_this", { email: one.email })} onClick={() => setWithdrawing(one)}>{t("people.withdraw")}</Button></td>
                  </tr>
                ))}
              </tbody>
            </table>
            <div class="row">{invite}</div>
          </>
        )}
      </Panel>
      {inviting && <Invite onClose={() => setInviting(false)} onDone={(now) => {
        setInviting(false);
        setMade(now);
        void resource.reload();
      }} />}
      {made && <Made made={made} onClose={() => setMade(undefined)} />}
      {withdrawing && <Sure title={t("people.withdraw_title")} text={t("people.withdraw_says", { email: withdrawing.email })} verb={t("people.withdraw")} danger busy={busy} onClose={() => setWithdrawing(undefined)} onYes={() => void withdraw(withdrawing)}>{shown}</Sure>}
    </>
  );
}

// A day ahead: When says how long ago something was.
function day(at: string) {
  return <time dateTime={at}>{date(Date.parse(at))}</time>;
}

function Invite({ onClose, onDone }: { onClose: () => void; onDone: (made: Schemas["InvitationMade"]) => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [missing, setMissing] = useState("");
  const { busy, problem, shown, write } = useWrite(whyNot);
  const wrong = problem?.errors?.find((e) => e.field === "email");
  async function save() {
    setMissing(email.trim() ? "" : t("field.required", { label: t("people.column.email") }));
    if (!email.trim()) return;
    const reply = await write(() => api.send<Schemas["InvitationMade"]>("POST", space() + "/invitations", { body: { email: email.trim(), role } }));
    if (reply?.ok) onDone(reply.data);
  }
  return (
    <Dialog title={t("people.invite_title")} onClose={onClose}>
      <form noValidate data-form="invite" onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        <Field name="email" type="email" label={t("people.column.email")} value={email} onInput={setEmail} input={{ autocomplete: "off", autofocus: true }}
          error={missing || (wrong && (wrong.code === "too_many" ? t("people.too_many") : fieldWords(t("people.column.email"), wrong)))} />
        <Select name="role" label={t("people.column.role")} value={role} options={roles()} onInput={(value) => setRole(value as Role)} hint={t("people.role_hint." + role)} />
        {shown}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("people.invite_verb")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}

// Ava sends nothing: the link is handed over by who invites, and is seen only now.
function Made({ made, onClose }: { made: Schemas["InvitationMade"]; onClose: () => void }) {
  return (
    <Dialog title={t("people.made_title", { email: made.email })} onClose={onClose} closable={false}>
      <p>{t("people.made_says")}</p>
      <p class="secret"><code data-link>{made.link}</code><Copy text={made.link} label={t("people.link")} /></p>
      <p class="muted">{t("people.made_account")}</p>
      <div class="row"><Button kind="primary" onClick={onClose}>{t("people.made_kept")}</Button></div>
    </Dialog>
  );
}
