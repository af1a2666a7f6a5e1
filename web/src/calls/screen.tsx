// Calls: every call as it goes on, one of them in detail; below, what a day may take, what callers get instead, how the month went.
import "words:calls";
import { useEffect, useRef, useState } from "preact/hooks";
import { CallDetail, StandingBadge } from "./call";
import { isOver, isWaiting, lasted, who, type Call, type Operation } from "./words";
import { Fallback } from "./fallback";
import { isPhone, money, t } from "../kit/i18n";
import { later } from "../kit/later";
import { Limits } from "./limits";
import { Export } from "../kit/export";
import { Filters, ListPanel, only, plainNumber, useList } from "../kit/lists";
import { Button, Heading, Icon, useNow, useTitle, When } from "../kit/parts";
import { PlaceCall } from "./place";
import { go, roomOf, usePath, useQuery } from "../kit/router";
import { api, profile, useCell, useLive } from "../kit/state";

const CallChart = later(() => import("../kit/callchart").then((m) => m.CallChart), 300);

// The wizard shows its first call as the room does.
export { Entries, Standing } from "./call";
export { isOver, lasted, who, type Call, type Operation } from "./words";

export default function Calls() {
  const { id } = roomOf(usePath());
  return id ? <CallDetail key={id} id={id} /> : <List />;
}

const names = ["status", "direction", "to"];
const states = ["requested", "waiting", "queued", "ringing", "in-progress", "ended", "completed", "busy", "no-answer", "failed", "canceled", "unknown", "unconfirmed"];

function List() {
  const demo = useCell(profile) === "sandbox";
  const [query, set] = useQuery();
  const filters = only(query, names);
  const list = useList<Call>("/calls", "calls", filters);
  const rows = list.snapshot.data?.rows ?? [];
  const operations = useOperations(rows);
  useTitle(t("calls.title"));
  useLive<Call>("call", (call) => (call ? list.put(call, fits(call, filters)) : list.resource.changed()));
  const make = <Button kind="primary" icon="phone-call" onClick={() => set({ new: "call" })}>{t("calls.make")}</Button>;
  const empty = <div class="box"><Icon name="phone-call" /><h3>{t("calls.empty.title")}</h3>{make}</div>;
  return (
    <main id="main">
      <div class="head"><Heading>{t("calls.title")}</Heading>{rows.length > 0 && make}</div>
      <p class="lead">{t("calls.lead")}</p>
      <ListPanel list={list} title={t("calls.list")} service="ava" name="calls" demo={demo} safe={t("calls.safe")} filtered={filters.size > 0} empty={empty} takeAway={<Export of="calls" filters={filters} />} filters={<CallFilters query={query} set={set} />} onClear={() => set(Object.fromEntries(names.map((n) => [n, ""])))}>
        {(all) => <Table calls={all} operations={operations} />}
      </ListPanel>
      <Limits asked={query.get("limits") === "change"} onDone={() => set({ limits: "" })} />
      <Fallback />
      <CallChart />
      {query.get("new") === "call" && <PlaceCall onClose={() => set({ new: "" })} />}
    </main>
  );
}

function CallFilters({ query, set }: { query: URLSearchParams; set: (change: Record<string, string>) => void }) {
  return (
    <Filters query={query} set={(change) => set(change.to ? { to: plainNumber(change.to) } : change)} filters={[
      { name: "status", label: t("calls.filter.status"), options: states.map((s) => [s, t("calls.status." + s)]) },
      { name: "direction", label: t("calls.filter.direction"), options: ["outbound", "inbound"].map((d) => [d, t("calls.filter_direction." + d)]) },
      { name: "to", label: t("calls.filter.to") },
    ]} />
  );
}

const fits = (call: Call, filters: URLSearchParams) => [...filters].every(([name, value]) => call[name as "status" | "direction" | "to"] === value);

// Of calls that wait: their place. When one of them moves on, the others have another place.
function useOperations(calls: Call[]): Map<string, Operation> {
  const [known, set] = useState(new Map<string, Operation>());
  const asked = useRef(new Set<string>());
  const waiting = calls.filter(isWaiting).flatMap((c) => (c.operation_id ? [c.operation_id] : []));
  const learn = (o: Operation) => set((had) => new Map(had).set(o.object_id, o));
  const ask = (id: string) => void api.get<Operation>("/operations/" + id).then((reply) => reply.ok && learn(reply.data));
  useEffect(() => {
    for (const id of waiting.slice(0, 20)) if (!asked.current.has(id)) ask(id);
    asked.current = new Set(waiting);
  }, [waiting.join()]);
  useLive<Operation>("operation", (now) => {
    if (!now) return waiting.slice(0, 20).forEach(ask);
    const before = known.get(now.object_id);
    learn(now);
    if (before?.status === "queued" && now.status !== "queued") waiting.filter((id) => id !== now.id).slice(0, 20).forEach(ask);
  });
  return known;
}

function Table({ calls, operations }: { calls: Call[]; operations: Map<string, Operation> }) {
  const now = useNow(1000, calls.some((c) => !isOver(c) && c.started_at));
  const column = (name: string) => t("calls.column." + name);
  return (
    <table class="cards rows">
      <caption class="hidden">{t("calls.list")}</caption>
      <thead><tr>{["who", "when", "lasted", "how"].map((c) => <th key={c} scope="col">{column(c)}</th>)}<th scope="col" class="number">{column("cost")}</th></tr></thead>
      <tbody>
        {calls.map((call) => (
          <tr key={call.id} data-row={call.id} data-call={call.status} onClick={(e) => !(e.target as Element).closest("a, button") && !getSelection()?.toString() && go("/calls/" + call.id)}>
            <th scope="row"><span class="way">{t(`calls.direction.${call.direction}`)}</span> <a class={`mono ${isPhone((call.direction === "outbound" ? call.to : call.from) ?? "") ? "nowrap" : "break"}`} href={"/calls/" + call.id}>{who(call)}</a></th>
            <td data-label={column("when")}><When at={call.created_at} /></td>
            <td data-label={column("lasted")} class="nowrap">{lasted(call, now)}</td>
            <td data-label={column("how")}><StandingBadge call={call} operation={operations.get(call.id)} /></td>
            <td data-label={column("cost")} class="number">{call.cost ? money(call.cost.amount_micros, call.cost.currency) : t("calls.no_cost")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
