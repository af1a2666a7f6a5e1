// Activity: what came in, as it comes, and what went on to the customer's own addresses.
import "words:activity";
import { useState } from "preact/hooks";
import { Destinations } from "./destinations";
import { EventPage } from "./event";
import type { Event } from "./words";
import { t } from "../kit/i18n";
import { Export } from "../kit/export";
import { Filters, ListPanel, only, useList } from "../kit/lists";
import { Button, Heading, Icon, useTitle } from "../kit/parts";
import { ReplayMany } from "./replay";
import { roomOf, usePath, useQuery } from "../kit/router";
import { serviceName } from "../kit/problem";
import { api, endpoints, mayManage, profile, useCell, useLive, useResource } from "../kit/state";
import { Tail } from "./tail";
import { toast } from "../kit/toasts";

const names = ["provider", "type", "status"];

export default function Activity() {
  const { id } = roomOf(usePath());
  return id ? <EventPage key={id} id={id} /> : <Both />;
}

function Both() {
  const [query] = useQuery();
  const out = query.get("tab") === "out";
  useTitle(t("activity.title"));
  return (
    <main id="main">
      <Heading>{t("activity.title")}</Heading>
      <p class="lead">{t("activity.lead")}</p>
      <nav aria-label={t("activity.tabs")}>
        <ul class="tabs">
          <li><a class="button" href="/activity" aria-current={out ? undefined : "page"}>{t("activity.in")}</a></li>
          <li><a class="button" href="/activity?tab=out" aria-current={out ? "page" : undefined}>{t("activity.out")}</a></li>
        </ul>
      </nav>
      {out ? <Destinations /> : <Incoming />}
    </main>
  );
}

function Incoming() {
  const [query, set] = useQuery();
  const [many, setMany] = useState(false);
  const filters = only(query, names);
  const list = useList<Event>("/events", "events", filters, 100);
  const demo = useCell(profile) === "sandbox";
  useLive<Event>("event", () => !list.resource.snapshot.data?.rows.length && list.resource.changed()); // the first one of all
  const fields = (
    <Filters query={query} set={set} filters={[
      { name: "provider", label: t("activity.filter.provider"), options: ["vapi", "twilio"].map((p) => [p, serviceName(p)]) },
      { name: "type", label: t("activity.filter.type") },
      { name: "status", label: t("activity.filter.status"), options: ["received", "done", "retrying", "dead"].map((s) => [s, t("activity.status." + s)]) },
    ]} />
  );
  const empty = <div class="box"><Icon name="activity" /><h3>{t("activity.empty.title")}</h3><p>{t("activity.empty.text")}</p>{demo && mayManage() && <TestEvent />}</div>;
  return (
    <>
      <ListPanel list={list} title={t("activity.in")} service="ava" name="events" demo={demo} safe={t("activity.safe")} filtered={filters.size > 0} empty={empty} takeAway={<Export of="events" filters={filters} />} filters={fields} onClear={() => set(Object.fromEntries(names.map((n) => [n, ""])))}>
        {(rows) => (
          <>
            <Tail key={filters.toString()} list={list} filters={filters} rows={rows} />
            {mayManage() && <div class="row"><Button icon="rotate-ccw" onClick={() => setMany(true)}>{t("activity.again")}</Button></div>}
          </>
        )}
      </ListPanel>
      {many && <ReplayMany onClose={() => setMany(false)} />}
    </>
  );
}

// The pretend Twilio sends a signed text; it takes the same way as a real one.
function TestEvent() {
  const twilio = useResource(endpoints).data?.endpoints.find((e) => e.provider === "twilio");
  const [busy, setBusy] = useState(false);
  async function send() {
    setBusy(true);
    const sent = await api.sandbox("webhooks", { kind: "message", url: twilio!.urls.message });
    setBusy(false);
    if (!sent) toast("bad", t("sandbox.failed"), t("problems.offline.text"));
  }
  return <Button kind="primary" icon="send" busy={busy} blocked={!twilio} onClick={() => void send()}>{t("activity.empty.button")}</Button>;
}
