// Health: what answers and what rests, how near the limits are, what waits, and how the database is. Of the workspace, and
// for who runs this Ava of all of it.
import "words:admin";
import "words:health";
import "words:limits";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { duration, t } from "../kit/i18n";
import { Panel } from "../kit/panel";
import { Badge, When } from "../kit/parts";
import { serviceName } from "../kit/problem";
import { Resource } from "../kit/resource";
import { api, useLive, useResource } from "../kit/state";
import { bytes, count } from "./figures";
import { Near } from "./near";
import { useWhileSeen } from "../kit/seen";

type Now = Schemas["HealthDetails"];
type Workspace = Now["workspace"];
type Installation = NonNullable<Now["installation"]>;

const EVERY_MS = 10_000; // what no stream tells

export function Health() {
  const [resource] = useState(() => new Resource((signal) => api.get<Now>("/health/details", { signal })));
  const snapshot = useResource(resource);
  useLive("connection", () => resource.changed());
  useWhileSeen(EVERY_MS, true, () => resource.view(EVERY_MS / 2));
  const all = snapshot.data?.installation;
  return (
    <>
      <Panel resource={resource} snapshot={snapshot} title={t("health.workspace")} service="ava" name="health-details" safe={t("health.safe")}>
        {({ workspace }) => (
          <>
            <Services rows={workspace.providers.map((p) => ({ ...p, failures: 0, connected: p.status !== "not_connected", attention: p.status === "needs_attention" }))} />
            <InForce now={workspace} />
            {workspace.requests.limited && <Near rows={workspace.requests.nearest} />}
            <Waiting now={workspace} links />
          </>
        )}
      </Panel>
      {all && (
        <section class="panel" data-state="ready" data-panel="installation" aria-label={t("health.installation")}>
          <header class="panel-head"><h2>{t("health.installation")}</h2><p class="age">{t("health.version", { version: all.version })}, {t("health.since")} <When at={all.since} /></p></header>
          <Services threshold={all.threshold} rows={all.providers.map((p) => ({ ...p, connected: true, attention: false }))} />
          <Room now={all} />
          <Waiting now={all} />
          <Database now={all} />
        </section>
      )}
    </>
  );
}

interface Service {
  name: string;
  breaker: Schemas["BreakerState"];
  failures: number;
  retry_in_seconds: number;
  connected: boolean;
  attention: boolean;
}

// Each as a sentence, and the word for it beside its sign.
function Services({ rows, threshold }: { rows: Service[]; threshold?: number }) {
  return (
    <section class="stack">
      <h3>{t("health.services")}</h3>
      <ul class="settings list">
        {rows.map((one) => (
          <li class="setting" key={one.name} data-service={one.name} data-breaker={one.breaker}>
            <div class="setting-words"><p><strong>{serviceName(one.name)}</strong></p><p class="muted">{sentence(one, threshold)}</p></div>
            <State one={one} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function sentence(one: Service, threshold?: number): string {
  if (one.breaker === "open") return one.retry_in_seconds ? t("health.breaker.open", { n: one.retry_in_seconds }) : t("health.breaker.open_now");
  if (one.breaker === "half_open") return t("health.breaker.half_open");
  if (!one.connected) return t("health.not_connected");
  if (one.attention) return t("health.attention");
  return one.failures && threshold && one.failures < threshold ? t("health.breaker.some", { n: one.failures, max: threshold }) : t("health.breaker.closed");
}

function State({ one }: { one: Service }) {
  if (one.breaker === "open") return <Badge tone="warn" icon="clock">{t("health.state.resting")}</Badge>;
  if (one.breaker === "half_open") return <Badge tone="warn" icon="hourglass">{t("health.state.trying")}</Badge>;
  if (!one.connected) return <Badge tone="quiet" icon="unplug">{t("health.state.off")}</Badge>;
  if (one.attention) return <a class="button quiet" href="/connections">{t("health.see_connections")}</a>;
  return <Badge tone="ok" icon="circle-check">{t("health.state.answers")}</Badge>;
}

function Figure({ label, value, of, max, more, bad }: { label: string; value: number; of?: string; max?: number | null; more?: string; bad?: boolean }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <strong>{count(value)}</strong> {of && <span class="muted">{of}</span>}
        {bad && <Badge tone="bad" icon="circle-alert">{t("health.look")}</Badge>}
        {max ? <meter min={0} max={max} high={max * 0.8} optimum={0} value={Math.min(value, max)} aria-label={label}>{value}</meter> : null}
        {more && <span class="muted fine">{more}</span>}
      </dd>
    </div>
  );
}

function Figures({ title, children, after }: { title: string; children: ComponentChildren; after?: ComponentChildren }) {
  return <section class="stack"><h3>{title}</h3><dl class="numbers">{children}</dl>{after}</section>;
}

const oldest = (seconds: number) => (seconds ? t("health.oldest", { what: duration(seconds) }) : undefined);
const outOf = (max: number | null) => (max === null ? t("limits.none") : t("limits.of", { max: count(max) }));

function InForce({ now }: { now: Workspace }) {
  const { calls, requests } = now;
  return (
    <Figures title={t("health.limits")} after={<p class="muted">{requests.limited ? t("health.requests", { n: requests.per_minute, settings: requests.settings_per_minute, hooks: count(requests.webhooks_per_second) }) : t("health.requests_unlimited")}</p>}>
      <Figure label={t("health.calls_now")} value={calls.today.calls_now} max={calls.concurrent_calls} of={outOf(calls.concurrent_calls)} more={calls.today.calls_waiting ? t("limits.waiting", { n: calls.today.calls_waiting }) : undefined} />
      <Figure label={t("health.minutes_today")} value={Math.round((calls.today.seconds_used + calls.today.seconds_reserved) / 60)} max={calls.daily_minutes} of={outOf(calls.daily_minutes)} />
    </Figures>
  );
}

// What waits and what was given up: of the workspace, which has a way to each of it, or of the whole installation.
function Waiting({ now, links = false }: { now: Pick<Workspace | Installation, "queue" | "inbox" | "deliveries">; links?: boolean }) {
  const { queue, inbox, deliveries } = now;
  const behind = oldest(inbox.oldest_seconds);
  return (
    <Figures title={t("health.waiting")} after={links && (inbox.dead > 0 || deliveries.destinations_disabled > 0) && (
      <div class="row">
        {inbox.dead > 0 && <a class="button" href="/activity?status=dead">{t("health.see_dead")}</a>}
        {deliveries.destinations_disabled > 0 && <a class="button" href="/activity?tab=out">{t("health.see_destinations")}</a>}
      </div>
    )}>
      <Figure label={t("health.jobs")} value={queue.waiting} more={oldest(queue.oldest_seconds)} />
      <Figure label={t("health.jobs_dead")} value={queue.dead} bad={queue.dead > 0} />
      {"waiting" in inbox && <Figure label={t("health.inbox")} value={inbox.waiting} more={behind} />}
      <Figure label={t("health.inbox_dead")} value={inbox.dead} bad={inbox.dead > 0} more={"waiting" in inbox ? undefined : behind} />
      <Figure label={t("health.deliveries")} value={deliveries.waiting} more={"oldest_seconds" in deliveries ? oldest(deliveries.oldest_seconds) : undefined} />
      <Figure label={t("health.disabled")} value={deliveries.destinations_disabled} bad={deliveries.destinations_disabled > 0} />
    </Figures>
  );
}

function Room({ now }: { now: Installation }) {
  return (
    <Figures title={t("health.limits")}>
      <Figure label={t("health.connections")} value={now.connections} max={now.connections_max} of={outOf(now.connections_max)} />
      <Figure label={t("health.in_flight")} value={now.in_flight} max={now.in_flight_max} of={outOf(now.in_flight_max)} more={now.lag_ms ? t("health.lag", { n: now.lag_ms }) : undefined} />
      <Figure label={t("health.memory")} value={now.resident_mb} of={t("health.megabytes")} />
      <Figure label={t("health.calls_now")} value={now.lines.held} more={now.lines.waiting ? t("limits.waiting", { n: now.lines.waiting }) : undefined} />
    </Figures>
  );
}

function Database({ now }: { now: Installation }) {
  const db = now.database;
  const used = db.disk_bytes && db.disk_free_bytes !== undefined ? db.disk_bytes - db.disk_free_bytes : undefined;
  return (
    <section class="stack">
      <h3>{t("health.database")}</h3>
      <dl class="facts">
        <dt>{t("health.db.state")}</dt>
        <dd>{db.writable ? <Badge tone="ok" icon="circle-check">{t("health.db.good")}</Badge> : <Badge tone="bad" icon="circle-alert">{t("health.db.bad")}</Badge>}</dd>
        <dt>{t("health.db.size")}</dt><dd>{bytes(db.bytes)}</dd>
        <dt>{t("health.db.log")}</dt><dd>{bytes(db.log_bytes)}</dd>
        <dt>{t("health.db.commit")}</dt><dd>{t("health.db.ago", { what: duration(db.last_commit_seconds) })}</dd>
        <dt>{t("health.db.schema")}</dt><dd>{db.schema}</dd>
        {used !== undefined && (
          <>
            <dt>{t("health.db.disk")}</dt>
            <dd>{t("health.db.free", { free: bytes(db.disk_free_bytes!), all: bytes(db.disk_bytes!) })} <meter min={0} max={db.disk_bytes} high={db.disk_bytes! * 0.9} optimum={0} value={used} aria-label={t("health.db.disk")}>{used}</meter></dd>
          </>
        )}
        <dt>{t("health.db.backup")}</dt><dd>{now.last_backup ? <When at={now.last_backup} /> : t("health.db.no_backup")} <a href="/admin/backups">{t("admin.section.backups")}</a></dd>
      </dl>
    </section>
  );
}
