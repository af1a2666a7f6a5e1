// The assistants of the account, and what became of each: who changed what, when, and the way back.
import "words:assistants";
import "words:history";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { at, labelOf, sentence, valueWords, type Difference, type Version } from "./history";
import { t } from "../kit/i18n";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Icon, When } from "../kit/parts";
import { wordsFor } from "../kit/problem";
import { Resource } from "../kit/resource";
import { Spark, useSparks } from "../kit/spark";
import { api, assistants, live, mayManage, profile, settings, useCell, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

type Listed = Schemas["AssistantListed"];
type Detail = Schemas["AssistantVersionDetail"];
type Versions = Schemas["AssistantVersionList"];

const nameOf = (one: Listed) => one.name ?? t("assistants.unnamed");

// shown: what stands above has its place, so that nothing here has to move. Reading begins before.
export function Assistants({ shown }: { shown: boolean }) {
  const snapshot = useResource(assistants);
  const demo = useCell(profile) === "sandbox";
  const [chosen, choose] = useState<string>();
  const [busy, setBusy] = useState<string>();
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  useEffect(() => live.on("assistant", () => assistants.changed()), []);
  const list = snapshot.data?.assistants ?? [];
  const one = list.find((a) => a.id && a.id === chosen) ?? list.find((a) => a.in_use && a.id);

  async function keep(provider_id: string) {
    setBusy(provider_id);
    const reply = await api.send<Schemas["AssistantsImported"]>("POST", "/assistants/import", { body: { provider_ids: [provider_id] } });
    setBusy(undefined);
    if (!reply.ok) return toast("bad", t("assistants.not_kept"), wordsFor(reply.problem, "vapi").text);
    choose(reply.data.assistants[0]?.id);
    await assistants.reload();
  }

  async function more() {
    const had = assistants.snapshot.data;
    if (!had?.next_cursor || busy) return;
    setBusy("more");
    const reply = await api.get<Schemas["AssistantList"]>(`/assistants?limit=20&cursor=${encodeURIComponent(had.next_cursor)}`);
    setBusy(undefined);
    setProblem(reply.ok ? undefined : dated(reply.problem));
    if (reply.ok) assistants.put({ ...reply.data, assistants: [...had.assistants, ...reply.data.assistants] });
  }

  const sparks = useSparks("assistant");
  if (!shown) return null;
  const empty = (
    <div class="box">
      <Icon name="bot" />
      <h3>{t("assistants.empty.title")}</h3>
      <p>{t("assistants.empty.text")}</p>
    </div>
  );
  return (
    <>
      <Panel resource={assistants} snapshot={snapshot} title={t("assistants.title")} service="vapi" name="assistants" demo={demo} safe={t("assistants.safe")} isEmpty={(d) => !d.assistants.length} empty={empty}>
        {(data) => (
          <>
            <ul class="settings list">
              {data.assistants.map((a) => (
                <li class="setting" key={a.provider_id} data-assistant={a.provider_id}>
                  <div class="setting-words">
                    <h3>{nameOf(a)}</h3>
                    <p class="row">
                      {a.in_use && <Badge tone="ok" icon="circle-check">{t("assistants.in_use")}</Badge>}
                      {a.updated_at && <span class="muted">{t("assistants.changed")} <When at={a.updated_at} /></span>}
                      <Spark days={sparks.get(a.provider_id)} />
                    </p>
                  </div>
                  {a.id ? (
                    <Button icon="clock" pressed={a === one} aria-label={t("assistants.history_of", { name: nameOf(a) })} onClick={() => choose(a.id!)}>{t("assistants.history")}</Button>
                  ) : (
                    <Button busy={busy === a.provider_id} blocked={!mayManage()} aria-label={t("assistants.keep_of", { name: nameOf(a) })} onClick={() => void keep(a.provider_id)}>{t("assistants.keep")}</Button>
                  )}
                </li>
              ))}
            </ul>
            {problem && <Trouble problem={problem} service="vapi" strip snapshot={troubleOf(problem, Boolean(busy))} retry={() => void more()} />}
            {data.next_cursor && <div class="row"><Button busy={busy === "more"} onClick={() => void more()}>{t("action.more")}</Button></div>}
          </>
        )}
      </Panel>
      {one && <History key={one.id} one={one} />}
    </>
  );
}

interface Conflict {
  wanted: number; // the version to go back to
  theirs: Version;
  rows: { path: string; theirs: unknown; mine: unknown }[];
}

function History({ one }: { one: Listed }) {
  const path = `/assistants/${one.id}/history`;
  const resource = useMemo(() => new Resource((signal) => api.get<Versions>(path + "?limit=10", { signal })), [path]);
  const snapshot = useResource(resource);
  const demo = useCell(profile) === "sandbox";
  const [busy, setBusy] = useState<number>();
  const [conflict, setConflict] = useState<Conflict>();
  useEffect(() => live.on("assistant", (data) => (data === undefined || (data as { id?: string }).id === one.id) && resource.changed()), [resource]);
  useEffect(() => {
    // Ava looks at Vapi: what somebody changed there joins the history.
    void api.get<Schemas["Assistant"]>(`/assistants/${one.id}`).then((reply) => {
      const newest = resource.snapshot.data?.versions[0]?.version;
      if (reply.ok && newest !== undefined && reply.data.version > newest) resource.changed();
    });
  }, [resource]);
  const detail = (version: number) => api.get<Detail>(`${path}/${version}`);

  async function restore(version: number, over?: number) {
    const newest = over ?? resource.snapshot.data?.versions[0]?.version;
    setBusy(version);
    const reply = await api.send<Schemas["Assistant"]>("POST", `${path}/${version}/restore`, { ifMatch: newest === undefined ? undefined : `"${newest}"` });
    setBusy(undefined);
    if (!reply.ok && reply.problem.code === "version_conflict") return meet(version);
    setConflict(undefined);
    if (!reply.ok) return toast("bad", t("toast.failed"), t("history.not_undone", { reason: wordsFor(reply.problem, "vapi").title }));
    toast("ok", t("toast.updated"), t("history.undone", { name: nameOf(one), version }));
    await Promise.all([resource.reload(), assistants.reload(), one.in_use && settings.reload()]);
  }

  // Somebody was quicker: what they changed, beside what it would be by ours.
  async function meet(wanted: number) {
    const now = await api.get<Versions>(path + "?limit=10");
    const theirs = now.ok ? now.data.versions[0] : undefined;
    if (!now.ok || !theirs) return resource.reload();
    resource.put(now.data);
    const [last, mine] = await Promise.all([detail(theirs.version), detail(wanted)]);
    if (!last.ok || !mine.ok) return resource.reload();
    setConflict({ wanted, theirs, rows: (last.data.changes ?? []).map((c) => ({ path: c.path, theirs: c.after, mine: at(mine.data.config, c.path) })) });
  }

  async function more() {
    const had = resource.snapshot.data;
    if (!had?.next_cursor) return;
    const reply = await api.get<Versions>(`${path}?limit=20&cursor=${had.next_cursor}`);
    if (reply.ok) resource.put({ ...reply.data, versions: [...had.versions, ...reply.data.versions] });
    else resource.learn(reply.problem);
  }

  return (
    <Panel resource={resource} snapshot={snapshot} title={t("history.title", { name: nameOf(one) })} service="vapi" name="history" demo={demo} safe={t("assistants.safe")} saving={busy !== undefined}>
      {(data) => (
        <>
          {conflict && (
            <div class="conflict" role="group" aria-label={t("problems.version_conflict.title")} data-state="conflict">
              <p><strong>{t("problems.version_conflict.title")}</strong> {t("problems.version_conflict.text")}</p>
              <div class="versions">
                <div><h4>{t("assistant.theirs")}</h4><Values rows={conflict.rows.map((r) => [r.path, r.theirs])} /><Button onClick={() => setConflict(undefined)}>{t("action.keep_theirs")}</Button></div>
                <div><h4>{t("assistant.mine")}</h4><Values rows={conflict.rows.map((r) => [r.path, r.mine])} /><Button kind="primary" onClick={() => void restore(conflict.wanted, conflict.theirs.version)}>{t("action.use_mine")}</Button></div>
              </div>
            </div>
          )}
          <ol class="settings list">
            {data.versions.map((v, i) => (
              <Entry key={v.version} version={v} isNewest={i === 0} load={detail} busy={busy !== undefined} onRestore={(to) => void restore(to)} />
            ))}
          </ol>
          {data.next_cursor && <div class="row"><Button onClick={() => void more()}>{t("action.more")}</Button></div>}
        </>
      )}
    </Panel>
  );
}

function Values({ rows }: { rows: [string, unknown][] }) {
  return <dl class="facts">{rows.map(([path, value]) => <><dt>{labelOf(path)}</dt><dd>{valueWords(path, value)}</dd></>)}</dl>;
}

interface EntryProps {
  version: Version;
  isNewest: boolean;
  busy: boolean;
  load: (version: number) => Promise<{ ok: true; data: Detail } | { ok: false; problem: Problem }>;
  onRestore: (version: number) => void;
}

// The newest shows what it changed at once, the others when they are opened.
function Entry({ version, isNewest, busy, load, onRestore }: EntryProps) {
  const [changes, setChanges] = useState<Difference[] | null>();
  const [failed, setFailed] = useState(false);
  const asked = useRef(false);
  const look = async () => {
    if (asked.current) return;
    asked.current = true;
    const reply = await load(version.version);
    if (reply.ok) setChanges(reply.data.changes);
    else asked.current = false;
    setFailed(!reply.ok);
  };
  useEffect(() => {
    if (isNewest) void look();
  }, [isNewest]);
  const to = isNewest ? version.version - 1 : version.version;
  return (
    <li class="setting" data-version={version.version}>
      <div class="setting-words">
        <h3>{t("history.version", { n: version.version })} · <When at={version.created_at} /></h3>
        <p>{sentence(version)}</p>
        <details open={isNewest} onToggle={(e) => (e.currentTarget as HTMLDetailsElement).open && void look()}>
          <summary>{t("history.details")}</summary>
          {failed && <p>{t("history.not_loaded")}</p>}
          {changes === null && <p>{t("history.forgotten")}</p>}
          {changes?.length === 0 && <p>{t("history.no_changes")}</p>}
          {changes && changes.length > 0 && <Changes changes={changes} />}
        </details>
      </div>
      {to > 0 && version.what !== "deleted" && (
        <Button busy={busy} blocked={!mayManage()} aria-label={t(isNewest ? "history.undo_of" : "history.back_to", { version: version.version })} onClick={() => onRestore(to)}>
          {t(isNewest ? "history.undo" : "history.back")}
        </Button>
      )}
    </li>
  );
}

function Changes({ changes }: { changes: Difference[] }) {
  return (
    <ul class="plain-list changes">
      {changes.map((c) => (
        <li key={c.path}>
          <strong>{labelOf(c.path)}</strong>
          <del><span class="hidden">{t("history.before")} </span>{valueWords(c.path, c.before)}</del>
          <ins><span class="hidden">{t("history.after")} </span>{valueWords(c.path, c.after)}</ins>
        </li>
      ))}
    </ul>
  );
}
