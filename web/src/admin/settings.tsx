// How this Ava is set up: flags, which are switched here, and settings, which are changed where Ava is started. Each value
// says where it comes from.
import "words:settings";
import { useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Filters } from "../kit/lists";
import { Panel } from "../kit/panel";
import { Badge, Button, Icon, Sure, When } from "../kit/parts";
import { Resource } from "../kit/resource";
import { useQuery } from "../kit/router";
import { api, session, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { useWrite } from "./write";

type Flag = Schemas["Flag"];
type Setting = Schemas["InstallationSetting"];

export function Settings() {
  return (
    <>
      <Flags />
      <InForce />
    </>
  );
}

// --- flags

function Flags() {
  const [resource] = useState(() => new Resource((signal) => api.get<Schemas["FlagList"]>("/flags", { signal })));
  const snapshot = useResource(resource);
  const [switching, setSwitching] = useState<Flag>();
  const { busy, shown, write } = useWrite();
  async function change(one: Flag) {
    const reply = await write(() => api.send<Flag>("PUT", "/flags/" + one.name, { body: { on: !one.on } }));
    if (!reply?.ok) return;
    const now = reply.data, had = resource.snapshot.data;
    if (had) resource.put({ flags: had.flags.map((f) => (f.name === now.name ? now : f)) });
    setSwitching(undefined);
    toast("ok", t("setup_of.flag.switched"), t(now.on ? "setup_of.flag.is_on" : "setup_of.flag.is_off", { name: now.name }));
  }
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("setup_of.flags")} service="ava" name="flags" safe={t("setup_of.safe")}>
      {(data) => (
        <>
          <p class="muted">{t("setup_of.flags_says")}</p>
          <ul class="settings list">
            {data.flags.map((one) => (
              <li class="setting" key={one.name} data-flag={one.name}>
                <div class="setting-words">
                  <p><code>{one.name}</code> <Badge tone={one.on ? "ok" : "quiet"} icon={one.on ? "circle-check" : "circle"}>{t(one.on ? "setup_of.flag.on" : "setup_of.flag.off")}</Badge> {!one.is_default && <Badge tone="warn" icon="pencil">{t("setup_of.flag.changed")}</Badge>}</p>
                  <p class="muted" lang="en">{one.about}</p>
                  {one.changed_at && <p class="fine muted">{one.changed_by === session.value?.user.id ? t("setup_of.flag.by_you") : t("setup_of.flag.by", { who: one.changed_by ?? "" })} <When at={one.changed_at} /></p>}
                </div>
                <Button aria-label={t(one.on ? "setup_of.flag.switch_off_this" : "setup_of.flag.switch_on_this", { name: one.name })} onClick={() => setSwitching(one)}>{t(one.on ? "setup_of.flag.switch_off" : "setup_of.flag.switch_on")}</Button>
              </li>
            ))}
          </ul>
          {switching && (
            <Sure title={t(switching.on ? "setup_of.flag.switch_off_this" : "setup_of.flag.switch_on_this", { name: switching.name })} text={t("setup_of.flag.sure")} verb={t(switching.on ? "setup_of.flag.switch_off" : "setup_of.flag.switch_on")} busy={busy} onClose={() => setSwitching(undefined)} onYes={() => void change(switching)}>
              <p class="muted" lang="en">{switching.about}</p>
              {shown}
            </Sure>
          )}
        </>
      )}
    </Panel>
  );
}

// --- settings

const origins = ["environment", "file", "flag", "default", "pending"] as const;

function InForce() {
  const [resource] = useState(() => new Resource((signal) => api.get<Schemas["InstallationSettingList"]>("/settings", { signal })));
  const snapshot = useResource(resource);
  const [query, set] = useQuery();
  const origin = query.get("origin") ?? "", word = (query.get("name") ?? "").toUpperCase();
  const fits = (one: Setting) => (!origin || (origin === "pending" ? one.pending : one.origin === origin)) && one.name.includes(word);
  return (
    <>
      <Filters query={query} set={set} filters={[{ name: "origin", label: t("setup_of.column.origin"), options: origins.map((one) => [one, t("setup_of.from." + one)]) }, { name: "name", label: t("setup_of.column.name") }]} />
      <Panel resource={resource} snapshot={snapshot} title={t("setup_of.settings")} service="ava" name="in-force" safe={t("setup_of.safe")} isEmpty={(d) => !d.settings.some(fits)}
        empty={<div class="box" data-nothing><Icon name="info" /><h3>{t("list.nothing")}</h3><Button onClick={() => set({ origin: "", name: "" })}>{t("action.clear_filters")}</Button></div>}>
        {(data) => (
          <>
            <p class="muted">{t("setup_of.settings_says")}</p>
            {groups(data.settings.filter(fits)).map(([name, rows]) => <Group key={name} name={name} rows={rows} />)}
          </>
        )}
      </Panel>
    </>
  );
}

// In the order in which they come; a group that comes twice is one.
function groups(rows: Setting[]): [string, Setting[]][] {
  const all = new Map<string, Setting[]>();
  for (const one of rows) all.set(one.group, [...(all.get(one.group) ?? []), one]);
  return [...all];
}

function Group({ name, rows }: { name: string; rows: Setting[] }) {
  const label = (column: string) => t("setup_of.column." + column);
  return (
    <section class="stack">
      <h3 lang="en">{name}</h3>
      <table class="cards">
        <caption class="hidden" lang="en">{name}</caption>
        <thead><tr>{["name", "value", "origin", "takes"].map((c) => <th key={c} scope="col">{label(c)}</th>)}</tr></thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name} data-setting={one.name} data-origin={one.origin}>
              <th scope="row"><code>{one.name}</code><div class="fine muted long" lang="en">{one.help}</div></th>
              <td data-label={label("value")}>{value(one)}</td>
              <td data-label={label("origin")}>{where(one)}</td>
              <td data-label={label("takes")}>{one.pending ? <Badge tone="warn" icon="rotate-ccw">{t("setup_of.pending")}</Badge> : t(one.live ? "setup_of.live" : "setup_of.restart")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function value(one: Setting) {
  if (one.secret) return <span class="muted">{t(one.value === "set" ? "setup_of.secret_set" : "setup_of.secret_not_set")}</span>;
  return one.value ? <code>{one.value}</code> : <span class="muted">{t("setup_of.empty")}</span>;
}

// What was set somewhere is locked here: the page overrides nothing.
function where(one: Setting) {
  if (one.origin === "default") return <span class="muted">{t("setup_of.set_by.default")}</span>;
  return <span class="locked"><Icon name="lock" small /> <span class="long">{t("setup_of.set_by." + one.origin, { name: one.name })}</span></span>;
}
