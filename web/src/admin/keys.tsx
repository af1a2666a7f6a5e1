// API keys for this workspace: whose each is, when it did something last, making one and revoking one.
import "words:api_keys";
import { useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { ago, t } from "../kit/i18n";
import { More, useList } from "../kit/lists";
import { Panel } from "../kit/panel";
import { Badge, Button, Copy, Dialog, Field, Icon, When } from "../kit/parts";
import { fieldWords } from "../kit/problem";
import { api, mayManage, session, useChanged } from "../kit/state";
import { toast } from "../kit/toasts";
import { useWrite } from "./write";

type Key = Schemas["WorkspaceKey"];
type Made = Schemas["ApiKeyCreated"] & { name: string };

const nothing = new URLSearchParams();
const home = () => session.value?.workspace.id ?? "";

export function Keys() {
  const list = useList<Key>(`/workspaces/${home()}/keys`, "keys", nothing);
  useChanged("key", list.resource);
  useChanged("people", list.resource); // a manager ends a key of somebody else below the workspace
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Made>();
  const [revoking, setRevoking] = useState<Key>();
  const make = <Button kind="primary" icon="lock" onClick={() => setMaking(true)}>{t("api_keys.make")}</Button>;
  return (
    <>
      <Panel resource={list.resource} snapshot={list.snapshot} title={t(mayManage() ? "api_keys.list" : "api_keys.own")} service="ava" name="api-keys" safe={t("api_keys.safe")} isEmpty={(d) => !d.rows.length}
        empty={<div class="box"><Icon name="lock" /><h3>{t("api_keys.empty.title")}</h3><p>{t("api_keys.empty.text")}</p>{make}</div>}>
        {(data) => (
          <>
            <Table rows={data.rows} onRevoke={setRevoking} />
            <More list={list} service="ava" />
            <div class="row">{make}</div>
          </>
        )}
      </Panel>
      {!mayManage() && <p class="muted">{t("api_keys.only_own")}</p>}
      {making && <Make onClose={() => setMaking(false)} onDone={(now) => {
        setMaking(false);
        setMade(now);
        void list.resource.reload();
      }} />}
      {made && <Shown made={made} onClose={() => setMade(undefined)} />}
      {revoking && <Revoke one={revoking} onClose={() => setRevoking(undefined)} onDone={() => {
        setRevoking(undefined);
        void list.resource.reload();
      }} />}
    </>
  );
}

function Table({ rows, onRevoke }: { rows: Key[]; onRevoke: (one: Key) => void }) {
  const label = (name: string) => t("api_keys.column." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("api_keys.list")}</caption>
      <thead><tr>{["name", "who", "made", "used", "limit"].map((c) => <th key={c} scope="col">{label(c)}</th>)}<th scope="col"><span class="hidden">{t("api_keys.act")}</span></th></tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.id} data-key={one.name}>
            <th scope="row">
              <span class="long">{one.name}</span> {one.mode === "test" && <Badge tone="info" icon="flask-conical">{t("api_keys.test")}</Badge>} {one.runs_installation && <Badge tone="warn" icon="shield">{t("api_keys.runs")}</Badge>}
              <div class="fine mono">{t("api_keys.ends", { last4: one.last4 })}</div>
            </th>
            <td data-label={label("who")}><span class="long">{one.user_id === session.value?.user.id ? t("api_keys.you") : (one.user_name ?? one.user_email)}</span></td>
            <td data-label={label("made")}><When at={one.created_at} /></td>
            <td data-label={label("used")}>{one.last_used_at ? <When at={one.last_used_at} /> : <span class="muted">{t("api_keys.never")}</span>}</td>
            <td data-label={label("limit")}>{one.rate_limit_per_minute ? t("api_keys.limit_own", { n: one.rate_limit_per_minute }) : <span class="muted">{t("api_keys.as_person")}</span>}</td>
            <td><Button kind="quiet" aria-label={t("api_keys.revoke_this", { name: one.name })} onClick={() => onRevoke(one)}>{t("api_keys.revoke")}</Button></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// It is for this workspace and nothing else, whoever makes it.
function Make({ onClose, onDone }: { onClose: () => void; onDone: (made: Made) => void }) {
  const [name, setName] = useState("");
  const [rate, setRate] = useState("");
  const [wrong, setWrong] = useState<{ name?: string; rate?: string }>({});
  const { busy, problem, shown, write } = useWrite();
  const refused = (field: string, label: string) => {
    const error = problem?.errors?.find((e) => e.field === field);
    return error && fieldWords(label, error);
  };
  async function save() {
    const bad = { name: name.trim() ? undefined : t("field.required", { label: t("api_keys.name") }), rate: !rate.trim() || /^\d{1,9}$/.test(rate.trim()) ? undefined : t("api_keys.whole") };
    setWrong(bad);
    if (bad.name || bad.rate) return;
    const body = { name: name.trim(), workspace_id: home(), ...(rate.trim() ? { rate_limit_per_minute: Number(rate) } : {}) };
    const reply = await write(() => api.send<Schemas["ApiKeyCreated"]>("POST", "/auth/keys", { body }));
    if (reply?.ok) onDone({ ...reply.data, name: body.name });
  }
  return (
    <Dialog title={t("api_keys.make")} onClose={onClose}>
      <form noValidate data-form="key" onSubmit={(e) => {
        e.preventDefault();
        void save();
      }}>
        <Field name="name" label={t("api_keys.name")} value={name} onInput={setName} hint={t("api_keys.name_hint")} error={wrong.name || refused("name", t("api_keys.name"))} input={{ autocomplete: "off", autofocus: true }} />
        {mayManage() && <Field name="rate" label={t("api_keys.limit")} value={rate} onInput={setRate} hint={t("api_keys.limit_hint")} error={wrong.rate || refused("rate_limit_per_minute", t("api_keys.limit"))} input={{ autocomplete: "off" }} />}
        {shown}
        <div class="row"><Button kind="primary" type="submit" busy={busy}>{t("api_keys.make_verb")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}

function Shown({ made, onClose }: { made: Made; onClose: () => void }) {
  return (
    <Dialog title={t("api_keys.made_title", { name: made.name })} onClose={onClose} closable={false}>
      <p>{t("api_keys.made_says")}</p>
      <p class="secret"><code data-secret>{made.key}</code><Copy text={made.key} label={t("api_keys.key")} /></p>
      <p class="muted">{t("api_keys.made_use")}</p>
      <div class="row"><Button kind="primary" onClick={onClose}>{t("api_keys.made_kept")}</Button></div>
    </Dialog>
  );
}

function Revoke({ one, onClose, onDone }: { one: Key; onClose: () => void; onDone: () => void }) {
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState("");
  const { busy, shown, write } = useWrite();
  async function revoke() {
    const right = typed.trim() === one.name.trim();
    setWrong(right ? "" : t("api_keys.revoke_wrong"));
    if (!right) return;
    const reply = await write(() => api.send<undefined>("DELETE", `/workspaces/${home()}/keys/${one.id}`));
    if (!reply?.ok && reply?.problem.code !== "not_found") return; // gone already is what was wanted
    toast("ok", t("api_keys.revoked"), t("api_keys.revoked_text", { name: one.name }));
    onDone();
  }
  return (
    <Dialog title={t("api_keys.revoke_title", { name: one.name })} onClose={onClose}>
      <p>{t("api_keys.revoke_says", { last4: one.last4 })}</p>
      <p>{one.last_used_at ? t("api_keys.revoke_used", { ago: ago(Date.parse(one.last_used_at), Date.now()) }) : t("api_keys.revoke_unused")}</p>
      <form noValidate data-form="revoke" onSubmit={(e) => {
        e.preventDefault();
        void revoke();
      }}>
        <Field name="confirm" label={t("api_keys.revoke_type", { name: one.name })} value={typed} onInput={setTyped} error={wrong} input={{ autocomplete: "off", autofocus: true }} />
        {shown}
        <div class="row"><Button kind="danger" type="submit" busy={busy}>{t("api_keys.revoke_verb")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
      </form>
    </Dialog>
  );
}
