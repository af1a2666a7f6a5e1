// Home: one sentence of health, what needs a person, what to do next.
import "words:home";
import { useMemo } from "preact/hooks";
import type { Reply, Schemas } from "../kit/api";
import { secondsLeft } from "../kit/countdown";
import { t } from "../kit/i18n";
import { later } from "../kit/later";
import { Heading, Icon, useNow, useTitle } from "../kit/parts";
import { Panel } from "../kit/panel";
import { serviceName } from "../kit/problem";
import { Resource } from "../kit/resource";
import { api, integrations, session, useCell, useLive, useResource, useSoon } from "../kit/state";

type Integration = Schemas["Integration"];

// Last, so that nothing has to move when it comes.
const CallChart = later(() => import("../kit/callchart").then((m) => m.CallChart), 300);

export default function Home() {
  const snapshot = useResource(integrations);
  const user = useCell(session)?.user;
  useTitle(t("home.title"));
  return (
    <main id="main">
      <Heading>{user?.name ? t("home.hello", { name: user.name }) : t("home.welcome")}</Heading>
      <p class="lead">{t("home.lead")}</p>
      <Panel resource={integrations} snapshot={snapshot} title={t("home.health")} service="ava" name="health">
        {(data) => <Health list={data.integrations} readAt={snapshot.at} />}
      </Panel>
      {snapshot.data && <Today />}
      {snapshot.data && <Next list={snapshot.data.integrations} />}
      <CallChart />
    </main>
  );
}

function Health({ list, readAt }: { list: Integration[]; readAt: number }) {
  const resting = list.filter((i) => i.status === "resting");
  // One of the two ways for e-mail is enough, and the own server is the second choice.
  const mails = list.some((i) => i.provider === "smtp" && i.status !== "not_connected");
  // Calendars are for who wants them.
  const optional = ["smtp", "google", "microsoft"];
  const needs = list.filter((i) => i.status === "needs_attention" || (i.status === "not_connected" && !optional.includes(i.provider) && !(i.provider === "resend" && mails)));
  const now = useNow(500, resting.length > 0);
  const left = (i: Integration) => secondsLeft(readAt + (i.retry_in_seconds ?? 0) * 1000, now);
  const first = resting[0];
  return (
    <>
      <p class={`health ${first ? "warn" : needs.length ? "quiet" : "ok"}`} data-health={first ? "resting" : needs.length ? "attention" : "ok"}>
        <Icon name={first ? "clock" : needs.length ? "info" : "circle-check"} />
        {first ? (left(first) ? t("home.resting", { service: serviceName(first.provider), n: left(first) }) : t("home.back_soon", { service: serviceName(first.provider) })) : needs.length ? t("home.partly") : t("home.all_well")}
      </p>
      {needs.length > 0 && (
        <>
          <h3>{t("home.attention")}</h3>
          <ul class="plain-list">
            {needs.map((i) => (
              <li key={i.provider}>
                <Icon name={i.status === "not_connected" ? "unplug" : "triangle-alert"} />
                <span>{t(i.status === "not_connected" ? "home.not_connected" : "home.needs_attention", { service: serviceName(i.provider) })}</span>
                <a href={`/connections?open=${i.provider}`}>{t(i.status === "not_connected" ? "connections.connect_what" : "connections.reconnect_what", { service: serviceName(i.provider) })}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

interface Now {
  sums: Schemas["CallSums"];
  dead: number;
  deadMore: boolean;
  failing: number;
  nearly: boolean;
  invitations: number;
}

// Five questions, one answer: what does not come is left out of it, unless it is all of it.
async function readToday(signal: AbortSignal): Promise<Reply<Now>> {
  const since = new Date().toISOString().slice(0, 10) + "T00:00:00Z";
  const [calls, dead, to, limits, invitations] = await Promise.all([
    api.get<Schemas["CallAnalytics"]>("/analytics/calls?by=day&since=" + since, { signal }), api.get<Schemas["EventList"]>("/events?status=dead&limit=100", { signal }),
    api.get<Schemas["DestinationList"]>("/destinations?limit=100", { signal }), api.get<Schemas["Limits"]>("/limits", { signal }),
    api.get<Schemas["OwnInvitationList"]>("/invitations?limit=100", { signal }),
  ]);
  if (!calls.ok) return calls;
  const data = {
    sums: calls.data.totals, dead: dead.ok ? dead.data.events.length : 0, deadMore: dead.ok && dead.data.next_cursor !== null,
    failing: to.ok ? to.data.destinations.filter((d) => d.needs_attention).length : 0, nearly: limits.ok && limits.data.today.is_nearly_used_up,
    invitations: invitations.ok ? invitations.data.invitations.length : 0,
  };
  return { ...calls, data };
}

function Today() {
  const resource = useMemo(() => new Resource(readToday), []);
  const snapshot = useResource(resource);
  const soon = useSoon(3000, () => resource.changed());
  useLive("call", soon);
  useLive("destination", soon);
  useLive<Schemas["Event"]>("event", (event) => (!event || event.status === "dead" || event.replays > 0) && soon());
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("home.today")} service="ava" name="today">
      {(now) => (
        <>
          <dl class="numbers">
            <div><dt>{t("home.calls_today")}</dt><dd data-calls-today class="big">{now.sums.calls}</dd></div>
            <div><dt>{t("home.failed_today")}</dt><dd data-failed-today class="big">{now.sums.faults}</dd></div>
          </dl>
          <Wants now={now} />
          <p><a href="/calls">{t("home.all_calls")}</a></p>
        </>
      )}
    </Panel>
  );
}

function Wants({ now }: { now: Now }) {
  const all = [
    now.invitations > 0 && { key: "invitation", text: t("home.wants.invitation", { n: now.invitations }), href: "/account", way: t("home.see", { n: now.invitations }) },
    now.failing > 0 && { key: "destination", text: t("home.wants.destination", { n: now.failing }), href: "/activity?tab=out", way: t("home.see", { n: now.failing }) },
    now.dead > 0 && { key: "dead", text: t(now.deadMore ? "home.wants.dead_many" : "home.wants.dead", { n: now.dead }), href: "/activity?status=dead", way: t("home.see", { n: now.dead }) },
    now.nearly && { key: "budget", text: t("home.wants.budget"), href: "/calls?limits=change", way: t("home.change_budget") },
  ].filter((w) => w !== false);
  if (!all.length) return null;
  return (
    <>
      <h3>{t("home.attention")}</h3>
      <ul class="plain-list">{all.map((w) => <li key={w.key} data-wants={w.key}><Icon name="triangle-alert" /><span>{w.text}</span><a href={w.href}>{w.way}</a></li>)}</ul>
    </>
  );
}

function Next({ list }: { list: Integration[] }) {
  const has = (p: string) => list.some((i) => i.provider === p && i.status !== "not_connected");
  const steps = [
    has("vapi") && { href: "/calls?new=call", icon: "phone-call", key: "call" },
    has("vapi") && { href: "/assistant", icon: "bot", key: "assistant" },
    has("twilio") && { href: "/numbers", icon: "phone", key: "numbers" },
    { href: "/connections", icon: "plug", key: "connections" },
    { href: "/docs", icon: "book-open", key: "docs" },
  ].filter((s) => s !== false);
  return (
    <section aria-labelledby="next">
      <h2 id="next">{t("home.next")}</h2>
      <ul class="tiles">
        {steps.map((s) => (
          <li key={s.key}><a class="tile" href={s.href}><Icon name={s.icon} /><strong>{t(`home.step.${s.key}.title`)}</strong><span>{t(`home.step.${s.key}.text`)}</span></a></li>
        ))}
      </ul>
    </section>
  );
}
