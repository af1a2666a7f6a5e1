// Backups that Ava makes by itself, one now, and how far a change of master keys is.
import "words:backups";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { exact, t } from "../kit/i18n";
import { Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Icon, When } from "../kit/parts";
import { Resource } from "../kit/resource";
import { api, useChanged, useResource } from "../kit/state";
import { bytes, count } from "./figures";
import { useWhileSeen } from "../kit/seen";
import { useWrite } from "./write";

type Now = Schemas["Backups"];
type Keys = NonNullable<Schemas["InstallationHealth"]["master_keys"]>;

export function Backups() {
  return (
    <>
      <Copies />
      <MasterKeys />
    </>
  );
}

function Copies() {
  const [resource] = useState(() => new Resource((signal) => api.get<Now>("/backups", { signal })));
  const snapshot = useResource(resource);
  const { busy, problem, write } = useWrite();
  const making = snapshot.data?.making === true;
  useChanged("backup", resource);
  const hasEnded = useEnded(making);
  async function make() {
    const reply = await write(() => api.send<Now>("POST", "/backups"));
    if (reply?.ok) resource.put(reply.data);
  }
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("backups.title")} service="ava" name="backups" safe={t("backups.safe")} isEmpty={(d) => !d.folder}
      empty={<div class="box warn"><Icon name="database" /><h3>{t("backups.none.title")}</h3><p>{t("backups.none.text")}</p><p><code>AVA_BACKUP_DIR</code></p><Known at={snapshot.data?.last_at ?? null} /></div>}>
      {(data) => (
        <>
          <p>{t("backups.says", { n: data.every_hours, keep: data.keep })} <code class="long">{data.folder}</code></p>
          <Known at={data.last_at} />
          <div role="status">
            {making && <p class="calm"><Icon name="hourglass" small /><span>{t("backups.making")}</span></p>}
            {hasEnded && !data.failed_at && <p class="health ok"><Icon name="circle-check" /><span>{t("backups.made")}</span></p>}
            {data.failed_at && (
              <div class="strip bad">
                <Icon name="circle-alert" />
                <div class="strip-words"><p><strong>{t("panel.sentence", { text: t("backups.failed") })}</strong> {t("backups.failed_then")} <When at={data.failed_at} /></p><p><code>{data.failed_because}</code></p></div>
              </div>
            )}
          </div>
          {data.backups.length > 0 ? <Table rows={data.backups} /> : !making && <p class="muted">{t("backups.nothing_there")}</p>}
          {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void make()} />}
          <div class="row"><Button kind="primary" icon="database" busy={busy || making} onClick={() => void make()}>{t("backups.make")}</Button></div>
          <p class="fine muted">{t("backups.keys_apart")}</p>
        </>
      )}
    </Panel>
  );
}

// Somebody saw it being made, and now it is not.
function useEnded(making: boolean): boolean {
  const was = useRef(false);
  const [ended, setEnded] = useState(false);
  useEffect(() => {
    setEnded(was.current && !making);
    was.current = making;
  }, [making]);
  return ended;
}

function Known({ at }: { at: string | null }) {
  return <p class="muted">{at ? <>{t("backups.last")} <When at={at} /></> : t("backups.never")}</p>;
}

function Table({ rows }: { rows: Schemas["Backup"][] }) {
  const label = (name: string) => t("backups.column." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("backups.title")}</caption>
      <thead><tr>{["made", "size", "schema", "state"].map((c) => <th key={c} scope="col">{label(c)}</th>)}</tr></thead>
      <tbody>
        {rows.map((one) => (
          <tr key={one.name} data-backup={one.name}>
            <th scope="row"><time dateTime={one.made_at}>{exact(Date.parse(one.made_at))}</time><div class="fine mono long">{one.name}</div></th>
            <td data-label={label("size")}>{one.bytes === undefined ? <span class="muted">{t("backups.unknown")}</span> : bytes(one.bytes)}</td>
            <td data-label={label("schema")}>{one.schema === undefined ? <span class="muted">{t("backups.unknown")}</span> : t("backups.schema", { schema: one.schema, version: one.version ?? "" })}</td>
            <td data-label={label("state")}>{one.whole ? <Badge tone="ok" icon="circle-check">{t("backups.whole")}</Badge> : <Badge tone="bad" icon="circle-alert">{t("backups.cut")}</Badge>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// --- the keys that everything is sealed under

function MasterKeys() {
  const [resource] = useState(() => new Resource((signal) => api.get<Schemas["HealthDetails"]>("/health/details", { signal })));
  const snapshot = useResource(resource);
  const keys = snapshot.data?.installation?.master_keys;
  const waits = (keys?.workspaces_under_older ?? 0) > 0;
  useWhileSeen(5000, waits, () => resource.view(2500)); // somebody may run the rotation right now
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("master_keys.title")} service="ava" name="master-keys" safe={t("master_keys.safe")}>
      {(data) => (data.installation?.master_keys ? <Rotation keys={data.installation.master_keys} /> : <p>{t("master_keys.unknown")}</p>)}
    </Panel>
  );
}

function Rotation({ keys }: { keys: Keys }) {
  const done = keys.workspaces - keys.workspaces_under_older;
  return (
    <>
      <dl class="facts">
        <dt>{t("master_keys.active")}</dt><dd><code>{keys.active}</code></dd>
        <dt>{t("master_keys.loaded")}</dt><dd>{keys.loaded.map((id) => <code key={id}>{id} </code>)}</dd>
      </dl>
      {keys.workspaces_under_older ? (
        <>
          <p id="rotation">{t("master_keys.progress", { done: count(done), n: keys.workspaces, shown: count(keys.workspaces), key: keys.active })}</p>
          <progress class="wide" max={keys.workspaces} value={done} aria-labelledby="rotation" />
          <p>{t("master_keys.go_on")} <code>ava rotate-keys</code></p>
        </>
      ) : <p class="health ok"><Icon name="circle-check" /><span>{t("master_keys.done", { key: keys.active })}</span></p>}
      {keys.workspaces_under_retired > 0 && (
        <div class="strip bad"><Icon name="circle-alert" /><div class="strip-words"><p><strong>{t("panel.sentence", { text: t("master_keys.closed", { n: keys.workspaces_under_retired }) })}</strong> {t("master_keys.closed_then")}</p></div></div>
      )}
    </>
  );
}
