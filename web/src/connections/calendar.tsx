// A card of a calendar: what the provider will ask is said before it does, what stands there afterwards.
import "words:connections";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { spoken, t } from "../kit/i18n";
import { Panel, Trouble, troubleOf } from "../kit/panel";
import { Button, Dialog, Icon, When } from "../kit/parts";
import { serviceName, wordsFor } from "../kit/problem";
import { Resource } from "../kit/resource";
import { api, integrations, live, mayManage, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { Resting, Status } from "./status";

export type Calendar = "google" | "microsoft";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

// Also who reads a demo calendar gets an answer of the first kind: stub mode is for machines.
type Events = Schemas["CalendarEventList"];
type Free = Schemas["FreeSlots"];
const of = (calendar: Calendar) => ({
  connection: new Resource((signal) => api.get<Schemas["CalendarConnection"]>(`/integrations/calendar/${calendar}`, { signal }), 60_000),
  events: new Resource((signal) => api.get<Events>(`/integrations/calendar/${calendar}/events?limit=5`, { signal })),
  free: new Resource((signal) => api.get<Free>(`/integrations/calendar/${calendar}/free?limit=5&time_zone=${encodeURIComponent(zone)}`, { signal })),
});
const calendars = { google: of("google"), microsoft: of("microsoft") };
live.on("connection", () => {
  for (const one of Object.values(calendars)) one.connection.changed();
});

export interface Came {
  calendar: string;
  result: string;
}

const good = new Set(["connected", "partial"]);

export function CalendarCard({ one, readAt, came }: { one: Schemas["Integration"] & { provider: Calendar }; readAt: number; came?: Came }) {
  const service = one.provider;
  const name = serviceName(service);
  const connected = one.status !== "not_connected";
  const { connection, events, free } = calendars[service];
  const known = useResource(connection).data;
  const [asking, setAsking] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [looking, setLooking] = useState(false);
  const over = one.status === "needs_attention";
  const [said, setSaid] = useState(came?.calendar === service ? came.result : "");

  return (
    <article class="card" aria-label={serviceName(service)} data-card={service} data-status={one.status} data-state={one.status === "demo" ? "demo" : one.status === "resting" ? "degraded" : over ? "error" : connected ? "ready" : "empty"}>
      <header class="card-head">
        <span class={`logo ${service}`} aria-hidden="true"><Icon name="calendar" /></span>
        <div><h3>{name}</h3><p class="muted">{t("connections.calendar.gives")}</p></div>
        <Status one={one} readAt={readAt} />
      </header>
      <Resting one={one} name={name} />
      {said && <p class={good.has(said) ? "good" : said === "denied" ? "said" : "wrong"} role="status" data-result={said}><Icon name={good.has(said) ? "circle-check" : said === "denied" ? "info" : "circle-alert"} small /><span>{t("connections.calendar.result." + said, { service: name })}</span></p>}
      {over && <p class="wrong" role="status"><Icon name="triangle-alert" small /><span>{t("connections.calendar.over", { service: name })}</span></p>}
      {connected && known && (
        <dl class="facts">
          {known.account && <><dt>{t("connections.account")}</dt><dd>{known.account}</dd></>}
          {known.access && <><dt>{t("connections.calendar.access")}</dt><dd>{t("connections.calendar.may." + known.access)}</dd></>}
          {known.refreshed_at && !over && <><dt>{t("connections.calendar.renewed")}</dt><dd><When at={known.refreshed_at} /></dd></>}
        </dl>
      )}
      {one.status === "demo" && <p class="muted">{t("demo.card")}</p>}
      {asking ? (
        <Ask service={service} write={known?.access === "write"} again={connected} onCancel={() => setAsking(false)} />
      ) : known && !known.can_connect && !connected ? (
        <p class="muted">{t("connections.calendar.no_client", { service: name })}</p>
      ) : (
        <div class="row">
          {connected && !over && <Button icon="clock" pressed={looking} onClick={() => setLooking(!looking)}>{t("connections.calendar.look")}</Button>}
          <Button kind={connected && !over ? "plain" : "primary"} icon={connected ? "rotate-ccw" : "plug"} aria-label={t(connected ? "connections.reconnect_what" : "connections.connect_what", { service: name })} blocked={mayManage() ? false : t("forbidden.title")} onClick={() => {
            setSaid("");
            setAsking(true);
          }}>
            {connected ? t("connections.reconnect") : t("connections.connect_what", { service: name })}
          </Button>
          {connected && mayManage() && <Button kind="quiet" icon="unplug" aria-label={t("connections.leave_what", { service: name })} onClick={() => setLeaving(true)}>{t("connections.leave")}</Button>}
        </div>
      )}
      {looking && connected && !over && (
        <>
          <Upcoming service={service} resource={events} />
          <Slots service={service} resource={free} />
        </>
      )}
      {leaving && <Leave service={service} onClose={() => setLeaving(false)} />}
    </article>
  );
}

// What the provider is going to ask, before it does.
function Ask({ service, write, again, onCancel }: { service: Calendar; write: boolean; again: boolean; onCancel: () => void }) {
  const [access, setAccess] = useState<"read" | "write">(write || !again ? "write" : "read");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>();
  const name = serviceName(service);

  async function leaveFor() {
    setBusy(true);
    setProblem(undefined);
    // Renews the session where it is due: the way to the provider is a link, which cannot.
    const reply = await api.get<Schemas["CalendarConnection"]>(`/integrations/calendar/${service}`);
    if (reply.ok) return location.assign(`/api/v1/integrations/calendar/${service}/connect?access=${access}`);
    setBusy(false);
    setProblem(reply.problem);
  }

  return (
    <div class="editor ask" data-ask={service}>
      <p>{t("connections.calendar.ask", { service: name })}</p>
      <fieldset>
        <legend>{t("connections.calendar.choose")}</legend>
        {(["write", "read"] as const).map((one) => (
          <label key={one} class="check"><input type="radio" name={`access-${service}`} checked={access === one} onChange={() => setAccess(one)} /><span>{t("connections.calendar.may." + one)}<br /><span class="muted">{t("connections.calendar.why." + one)}</span></span></label>
        ))}
      </fieldset>
      <ul>
        {["events", "busy", ...(access === "write" ? ["change"] : [])].map((one) => <li key={one}>{t("connections.calendar.asked." + one)}</li>)}
      </ul>
      <p class="muted">{t("connections.calendar.promise", { service: name })}</p>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void leaveFor()} />}
      <div class="row">
        <Button kind="primary" busy={busy} onClick={() => void leaveFor()}>{t("connections.calendar.go", { service: name })}</Button>
        <Button kind="quiet" onClick={onCancel}>{t("action.cancel")}</Button>
      </div>
    </div>
  );
}

function Upcoming({ service, resource }: { service: Calendar; resource: Resource<Events> }) {
  const snapshot = useResource(resource);
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("connections.calendar.upcoming")} service={service} name={`${service}-events`} level={4} isEmpty={(data) => !data.events?.length} empty={<p class="muted">{t("connections.calendar.none")}</p>}>
      {(data) => (
        <ul class="plain-list" data-list="events">
          {data.events.map((e) => (
            <li key={e.id}>
              <span class="muted">{e.all_day ? day(e.start) : e.time_known ? moment(e.start) : `${e.start} (${e.time_zone ?? "?"})`}</span>{" "}
              <span class={e.status === "canceled" ? "struck" : ""}>{e.title ?? t("connections.calendar.private")}</span>
              {e.kind !== "default" && <span class="muted"> - {t("connections.calendar.kind." + e.kind)}</span>}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const moment = (at: string) => new Date(at).toLocaleString(spoken(), { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const day = (date: string) => new Date(date + "T00:00:00").toLocaleDateString(spoken(), { weekday: "short", day: "numeric", month: "short" });

function Slots({ service, resource }: { service: Calendar; resource: Resource<Free> }) {
  const snapshot = useResource(resource);
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("connections.calendar.free", { zone })} service={service} name={`${service}-free`} level={4} isEmpty={(data) => !data.slots?.length && !data.unreadable?.length} empty={<p class="muted">{t("connections.calendar.no_slots")}</p>}>
      {(data) => data.unreadable.length ? (
        <p class="wrong"><Icon name="circle-alert" small /><span>{t("connections.calendar.unreadable", { why: data.unreadable.map((u) => `${u.calendar}: ${u.reason}`).join("; ") })}</span></p>
      ) : (
        <ul class="plain-list" data-list="free">{data.slots.map((s) => <li key={s.start}>{moment(s.start)}</li>)}</ul>
      )}
    </Panel>
  );
}

function Leave({ service, onClose }: { service: Calendar; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const name = serviceName(service);
  async function leave() {
    setBusy(true);
    const reply = await api.send<Schemas["CalendarEnd"]>("DELETE", `/integrations/calendar/${service}`);
    setBusy(false);
    if (!reply.ok && reply.problem.code !== "provider_not_connected") return setError(wordsFor(reply.problem, service).title);
    for (const one of Object.values(calendars[service])) one.reset();
    integrations.expire();
    integrations.view(0);
    onClose();
    toast("ok", t("connections.left_title", { service: name }), t(reply.ok && reply.data.revoked ? "connections.calendar.left" : "connections.calendar.left_here", { service: name }));
  }
  return (
    <Dialog title={t("connections.leave_title", { service: name })} onClose={onClose}>
      <p>{t("connections.calendar.breaks")}</p>
      {error && <p class="wrong" role="alert"><Icon name="circle-alert" small /><span>{error}</span></p>}
      <div class="row">
        <Button kind="danger" busy={busy} onClick={() => void leave()}>{t("connections.leave_what", { service: name })}</Button>
        <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </Dialog>
  );
}
