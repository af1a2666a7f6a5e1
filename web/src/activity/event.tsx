// One event: what came, what became of it, and once more.
import "words:activity";
import { useMemo, useState } from "preact/hooks";
import type { Problem } from "../kit/api";
import { curl, looks, type Event, type EventDetail } from "./words";
import { t } from "../kit/i18n";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Copy, Heading, Icon, useTitle, When } from "../kit/parts";
import { serviceName } from "../kit/problem";
import { said } from "../kit/said";
import { Resource } from "../kit/resource";
import { api, mayManage, useLive, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

export function EventPage({ id }: { id: string }) {
  const resource = useMemo(() => new Resource((signal) => api.get<EventDetail>("/events/" + encodeURIComponent(id), { signal })), [id]);
  const snapshot = useResource(resource);
  useLive<Event>("event", (now) => {
    if (!now) return resource.changed();
    if (now.id === id && resource.snapshot.data) resource.put({ ...resource.snapshot.data, ...now });
  });
  const title = snapshot.data ? snapshot.data.type : t("activity.one");
  useTitle(title);
  return (
    <main id="main">
      <p><a href="/activity" class="back"><Icon name="arrow-left" small />{t("activity.all")}</a></p>
      <Heading>{title}</Heading>
      <Panel resource={resource} snapshot={snapshot} title={t("activity.one")} service="ava" name="event">
        {(event) => (
          <>
            <Facts event={event} />
            {event.cause && <p class="said" data-cause={event.cause}>{event.detail && <strong>{said(event.detail)} </strong>}{t("activity.cause." + event.cause)}</p>}
            <Again event={event} />
            <section><h3>{t("activity.headers")}</h3>
              <dl class="facts">{Object.entries(event.headers).map(([name, value]) => <><dt><code>{name}</code></dt><dd><code>{value}</code></dd></>)}</dl>
            </section>
            <section><h3>{t("activity.body")}</h3>
              <p class="muted fine">{t("activity.redacted")}</p>
              <pre class="body" tabIndex={0} aria-label={t("activity.body")}>{JSON.stringify(event.body, null, 2)}</pre>
            </section>
          </>
        )}
      </Panel>
    </main>
  );
}

function Facts({ event }: { event: EventDetail }) {
  const [tone, icon] = looks[event.status];
  const times = ["received_at", "settled_at", "next_attempt_at"] as const;
  return (
    <>
      <p data-standing={event.status}><Badge tone={tone} icon={icon}>{t("activity.status." + event.status)}</Badge></p>
      <dl class="facts ids">
        <dt>{t("activity.fact.provider")}</dt><dd>{serviceName(event.provider)}</dd>
        {times.map((name) => event[name] && <><dt>{t("activity.fact." + name)}</dt><dd><When at={event[name]} /></dd></>)}
        <dt>{t("activity.fact.attempts")}</dt><dd>{event.attempts}</dd>
        {event.replays > 0 && <><dt>{t("activity.fact.replays")}</dt><dd>{event.replays}</dd></>}
        {(["id", "resource"] as const).map((name) => event[name] && <><dt>{t("activity.fact." + name)}</dt><dd><code>{event[name]}</code><Copy text={event[name]} label={t("activity.fact." + name)} /></dd></>)}
      </dl>
    </>
  );
}

function Again({ event }: { event: EventDetail }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [command, show] = useState("");
  async function replay() {
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<Event>("POST", `/events/${event.id}/replay`, {});
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("activity.replayed"), t("activity.replayed_text"));
  }
  async function copy() {
    const text = curl(event);
    show(text);
    await navigator.clipboard?.writeText(text).then(() => toast("ok", t("activity.curl_done"), t("activity.curl_says")), () => {});
  }
  return (
    <>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void replay()} />}
      <div class="row">
        <Button icon="rotate-ccw" busy={busy} blocked={mayManage() ? false : t("forbidden.title")} onClick={() => void replay()}>{t("activity.replay")}</Button>
        <Button icon="copy" onClick={() => void copy()}>{t("activity.curl")}</Button>
      </div>
      <p class="muted fine">{t("activity.replay_says")}</p>
      {command && <pre class="body" tabIndex={0} aria-label={t("activity.curl")} data-curl>{command}</pre>}
    </>
  );
}
