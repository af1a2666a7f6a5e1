// The audit log: who did what, and whether all of it is as it was written.
import "words:audit";
import { useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { has, isPhone, phone, t } from "../kit/i18n";
import { Export } from "../kit/export";
import { Filters, ListPanel, only, useList } from "../kit/lists";
import { Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Copy, Icon, When } from "../kit/parts";
import { serviceName } from "../kit/problem";
import { Resource } from "../kit/resource";
import { useQuery } from "../kit/router";
import { api, session, useResource } from "../kit/state";
import { count } from "./figures";
import { mayRun } from "./rights";
import { useWhileSeen } from "../kit/seen";
import { useWrite } from "./write";

type Entry = Schemas["AuditEntry"] & { id: string };
type Check = Schemas["AuditVerification"];

const names = ["actor", "action", "outcome", "since", "until", "of"];
const kinds = [
  "login", "password", "session", "key", "user", "member", "invitation", "workspace", "credential", "oauth", "calendar", "webhook", "setting", "assistant", "tool", "number", "destination", "delivery", "event", "limits", "fallback", "suppression",
  "template", "rule", "flag", "config", "backup", "audit",
];

// Lists tell rows apart by an id that rises with time.
const withId = (said: unknown): Entry => ({ ...(said as Entry), id: String((said as Entry).seq).padStart(16, "0") });

export function Audit() {
  return (
    <>
      {mayRun() && <Verification />}
      <Entries />
    </>
  );
}

// --- the list

function Entries() {
  const [query, set] = useQuery();
  const filters = only(query, names);
  const list = useList<Entry>("/audit", "entries", filters, 50, true, withId);
  const fields = (
    <Filters query={query} set={set} filters={[
      { name: "actor", label: t("audit.filter.actor"), options: useActors(query.get("actor")) },
      { name: "action", label: t("audit.filter.action"), options: kinds.map((kind) => [kind, t("audit.kind." + kind)]) },
      { name: "outcome", label: t("audit.filter.outcome"), options: ["ok", "failed"].map((one) => [one, t("audit.outcome." + one)]) },
      { name: "since", label: t("audit.filter.since"), isTime: true },
      { name: "until", label: t("audit.filter.until"), isTime: true },
      ...(mayRun() ? [{ name: "of", label: t("audit.filter.of"), any: t("audit.of.workspace"), options: [["installation", t("audit.of.installation")]] as [string, string][] }] : []),
    ]} />
  );
  const empty = <div class="box"><Icon name="book-open" /><h3>{t("audit.empty.title")}</h3><p>{t("audit.empty.text")}</p></div>;
  return (
    <ListPanel list={list} title={t("audit.list")} service="ava" name="audit" safe={t("audit.safe")} filtered={filters.size > 0} empty={empty} takeAway={<Export of="audit" filters={filters} />} filters={fields} onClear={() => set(Object.fromEntries(names.map((n) => [n, ""])))}>
      {(rows) => <Table rows={rows} />}
    </ListPanel>
  );
}

// Those whose entries there may be: people, and the keys that are there. Whom the address names is one of them in any case.
function useActors(asked: string | null): [string, string][] {
  const id = session.value?.workspace.id;
  const [members] = useState(() => new Resource((signal) => api.get<Schemas["MemberList"]>(`/workspaces/${id}/members?limit=100`, { signal })));
  const [keys] = useState(() => new Resource((signal) => api.get<Schemas["WorkspaceKeyList"]>(`/workspaces/${id}/keys?limit=100`, { signal })));
  const people = useResource(members).data?.members ?? [], programs = useResource(keys).data?.keys ?? [];
  const known: [string, string][] = [...people.map((one): [string, string] => [one.user_id, one.name ?? one.email]), ...programs.map((one): [string, string] => [one.id, one.name]), ["system", t("audit.actor.system")], ["operator", t("audit.actor.operator")]];
  return !asked || known.some(([one]) => one === asked) ? known : [...known, [asked, asked]];
}

function who(one: Entry): string {
  if (one.actor === session.value?.user.id) return t("audit.actor.you");
  if (one.actor_name) return one.actor_name;
  return t("audit.actor." + (["setup", "operator", "system"].includes(one.actor) ? one.actor : "gone"));
}

function did(one: Entry) {
  const key = "audit.did." + one.action.replace(".", "_");
  return has(key) ? t(key) : <code>{one.action}</code>;
}

// What it was done to, by its name, which the entry itself may have kept; what has none by its id.
function About({ one }: { one: Entry }) {
  const { object } = one, kept = one.detail?.name;
  const name = one.object_name ?? (typeof kept === "string" ? kept : null);
  if (!object) return null;
  if (name) return <span class="long">{isPhone(name) ? phone(name) : name}</span>;
  return has("service." + object) ? <span>{serviceName(object)}</span> : <code>{object}</code>;
}

function Table({ rows }: { rows: Entry[] }) {
  const label = (name: string) => t("audit.column." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("audit.list")}</caption>
      <thead><tr>{["when", "who", "what", "about"].map((c) => <th key={c} scope="col">{label(c)}</th>)}</tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.id} data-action={one.action}>
            <th scope="row"><When at={one.at} /></th>
            <td data-label={label("who")}><span class="long">{who(one)}</span></td>
            <td data-label={label("what")}>{did(one)} {one.outcome === "failed" && <Badge tone="bad" icon="circle-alert">{t("audit.failed")}</Badge>}</td>
            <td data-label={label("about")}><div><About one={one} /><More one={one} /></div></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// What helps somebody who looks into it: as it stands in the log.
function More({ one }: { one: Entry }) {
  return (
    <details>
      <summary>{t("audit.details")}</summary>
      <dl class="facts">
        <dt>{t("panel.code")}</dt><dd><code>{one.action}</code></dd>
        <dt>{t("audit.column.who")}</dt><dd><code>{one.actor}</code></dd>
        {one.object && <><dt>{t("audit.column.about")}</dt><dd><code>{one.object}</code> <Copy text={one.object} label={t("audit.column.about")} /></dd></>}
        {Object.entries(one.detail ?? {}).map(([name, value]) => <><dt lang="en">{name}</dt><dd><code>{typeof value === "string" ? value : JSON.stringify(value)}</code></dd></>)}
        {one.correlation_id && <><dt>{t("panel.reference")}</dt><dd><code>{one.correlation_id}</code></dd></>}
      </dl>
    </details>
  );
}

// --- whether it is as it was written

function Verification() {
  const [resource] = useState(() => new Resource((signal) => api.get<Check>("/audit/verification", { signal })));
  const snapshot = useResource(resource);
  const { busy, problem, write } = useWrite();
  const running = snapshot.data?.state === "running";
  useWhileSeen(2000, running, () => void resource.view(0));
  async function check() {
    const reply = await write(() => api.send<Check>("POST", "/audit/verification"));
    if (reply?.ok) resource.put(reply.data);
  }
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("audit.check.title")} service="ava" name="audit-check" safe={t("audit.safe")}>
      {(data) => (
        <>
          <p class="muted">{t("audit.check.says")}</p>
          <div role="status"><Result now={data} /></div>
          {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void check()} />}
          <div class="row"><Button icon="check" busy={busy || running} onClick={() => void check()}>{t("audit.check.now")}</Button></div>
        </>
      )}
    </Panel>
  );
}

function Result({ now }: { now: Check }) {
  const { found } = now;
  if (now.state === "running") return <p>{t("audit.check.running", { n: count(now.rows) })}</p>;
  if (now.state === "failed") return <p class="wrong"><Icon name="circle-alert" small /><span>{t("audit.check.failed")}</span></p>;
  if (!found) return <p>{t("audit.check.never")}</p>;
  if (!found.ok)
    return (
      <div class="strip bad">
        <Icon name="circle-alert" />
        <div class="strip-words">
          <p><strong>{t("panel.sentence", { text: t("audit.check.bad", { row: count(found.bad_row ?? 0) }) })}</strong> {t("audit.check.bad_then")}</p>
          <p><code>{found.wrong}</code></p>
        </div>
      </div>
    );
  return (
    <div class="stack">
      <p class="health ok"><Icon name="circle-check" /><span>{t("audit.check.good", { n: now.rows, shown: count(now.rows) })}</span></p>
      <dl class="facts">
        <dt>{t("audit.check.at")}</dt><dd><When at={now.ended_at!} /></dd>
        <dt>{t("audit.check.head")}</dt>
        <dd>{found.digest ? <><code>{found.digest}</code> <Copy text={`${found.signed_to}:${found.digest}`} label={t("audit.check.head")} /><div class="fine">{t("audit.check.signed", { row: count(found.signed_to), n: found.heads, heads: count(found.heads) })}, <When at={found.signed_at!} /></div></> : t("audit.check.unsigned")}</dd>
      </dl>
    </div>
  );
}
