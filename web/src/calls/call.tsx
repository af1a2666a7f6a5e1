// One call: how it stands, what happened to it, and who can mend how it ended. Drawn anew when something happens to it.
import "words:calls";
import "words:ended";
import "words:refusals";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { Picture } from "./picture";
import { isOver, isWaiting, lasted, standing, who, type Call, type Operation } from "./words";
import { exact, grouped, has, moment, money, phone, t } from "../kit/i18n";
import { said } from "../kit/said";
import { dated, HeldUp, Panel, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Copy, Heading, Icon, useNow, useTitle, When } from "../kit/parts";
import { Resource } from "../kit/resource";
import { api, destinations, useLive, useResource, useSoon } from "../kit/state";
import { toast } from "../kit/toasts";

type Timeline = Schemas["Timeline"];

export function CallDetail({ id }: { id: string }) {
  const resource = useMemo(() => new Resource((signal) => api.get<Timeline>(`/calls/${encodeURIComponent(id)}/timeline`, { signal })), [id]);
  const snapshot = useResource(resource);
  const call = snapshot.data?.call;
  const operation = useOperation(call);
  const soon = useSoon(300, () => resource.changed());
  useLive<Call>("call", (now) => (!now || now.id === id) && soon());
  useLive<Schemas["Event"]>("event", (now) => (!now || now.resource === call?.provider_id || now.resource === call?.carrier_id) && soon());
  useLive<Operation>("operation", (now) => now?.object_id === id && soon());
  const title = call ? t(`calls.${call.direction}_with`, { who: who(call) }) : t("calls.one");
  useTitle(title);
  return (
    <main id="main">
      <p><a href="/calls" class="back"><Icon name="arrow-left" small />{t("calls.all")}</a></p>
      <Heading>{title}</Heading>
      <Panel resource={resource} snapshot={snapshot} title={t("calls.happened")} service="ava" name="call">
        {(data) => (
          <>
            <Standing timeline={data} operation={operation} onChanged={() => void resource.reload()} />
            <Entries timeline={data} />
            <Facts timeline={data} />
          </>
        )}
      </Panel>
    </main>
  );
}

// While the provider has no word on it, the operation that places it knows more.
function useOperation(call: Call | undefined): Operation | undefined {
  const [known, set] = useState<Operation>();
  const id = call && isWaiting(call) ? call.operation_id : null;
  useEffect(() => {
    if (id) void api.get<Operation>("/operations/" + id).then((reply) => reply.ok && set(reply.data));
  }, [id]);
  useLive<Operation>("operation", (now) => now?.id === call?.operation_id && now && set(now));
  return known;
}

export function Standing({ timeline, operation, onChanged }: { timeline: Timeline; operation?: Operation; onChanged: () => void }) {
  const { call, ended } = timeline;
  const now = useNow(1000, !isOver(call) && Boolean(call.started_at));
  const stands = standing(call, operation);
  const problem = operation?.status === "failed" ? operation.problem : undefined;
  return (
    <div class="standing" data-call={call.status} data-state={call.status === "unknown" ? "unknown" : isOver(call) ? "ended" : "live"}>
      <p class={`health ${stands.tone}`} role="status"><Icon name={stands.icon} /><span data-standing>{stands.text}</span></p>
      {operation && isWaiting(call) && <HeldUp operation={operation} />}
      {ended && <p class="muted">{t("calls.mend." + ended.who)}</p>}
      {problem?.code === "budget_exhausted" && <p><a href="/calls?limits=change">{t("problems.budget_exhausted.action")}</a></p>}
      {call.status === "unconfirmed" && <p>{t("calls.check_first")}</p>}
      <dl class="numbers">
        <div><dt>{t("calls.lasted")}</dt><dd>{lasted(call, now)}</dd></div>
        <div><dt>{t("calls.cost")}</dt><dd>{call.cost ? money(call.cost.amount_micros, call.cost.currency) : t("calls.no_cost")}</dd></div>
        <div><dt>{t("calls.when")}</dt><dd><When at={call.created_at} /></dd></div>
      </dl>
      {!isOver(call) && !call.is_ending && call.status !== "unconfirmed" && <End call={call} onChanged={onChanged} />}
    </div>
  );
}

function End({ call, onChanged }: { call: Call; onChanged: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  async function end() {
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<Call>("POST", `/calls/${call.id}/end`, {});
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("calls.ending"), t("calls.ending_text", { who: who(call) }));
    onChanged();
  }
  return (
    <>
      {problem && <Trouble problem={problem} service={call.provider} strip snapshot={troubleOf(problem, busy)} retry={() => void end()} />}
      <div class="row"><Button kind="danger" icon="x" busy={busy} onClick={() => void end()}>{t("calls.end")}</Button></div>
    </>
  );
}

// The entries in words: people meet the host that was told, not the id Ava has for it.
export function Entries({ timeline }: { timeline: Timeline }) {
  const told = useResource(destinations, timeline.entries.some((e) => e.kind === "forwarded")).data?.destinations;
  const named = (text: string) => text.replace(/dst_\w+/, (id) => hostOf(told?.find((one) => one.id === id)?.url) ?? id);
  return (
    <>
      <Picture timeline={timeline} />
      {timeline.is_cut && <p class="muted">{t("calls.is_cut")}</p>}
      <ol class="timeline" aria-label={t("calls.happened")}>
        {timeline.entries.map((e, i) => (
          <li key={i} data-entry={e.kind} class={has("calls.marked." + e.kind) ? "marked" : ""}>
            <time dateTime={e.at} title={exact(Date.parse(e.at))}>{moment(Date.parse(e.at))}</time>
            <span>{grouped(named(said(e.text)))} {e.event_id && <a href={"/activity/" + e.event_id}>{t("calls.see_event")}</a>}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

const hostOf = (url?: string) => url && new URL(url).host;

// Names are read; ids are for who looks into it, folded, each with its Copy.
function Facts({ timeline: { call, asked_by, correlation_id } }: { timeline: Timeline }) {
  const plain: [string, string | null][] = [["to", call.to && phone(call.to)], ["from", call.from && phone(call.from)], ["assistant_name", call.assistant_name], ["asked_by", asked_by]];
  const ids: [string, string | null][] = [["id", call.id], [`${call.provider}_id`, call.provider_id], ["carrier_id", call.carrier_id], ["assistant_id", call.assistant_id], ["operation_id", call.operation_id], ["reference", correlation_id]];
  return (
    <>
      <dl class="facts">{plain.map(([name, value]) => value && <><dt>{t("calls.fact." + name)}</dt><dd>{value}</dd></>)}</dl>
      <details data-ids>
        <summary>{t("panel.details")}</summary>
        <dl class="facts ids">
          {ids.map(([name, value]) => value && <><dt>{t("calls.fact." + name)}</dt><dd><code>{value}</code><Copy text={value} label={t("calls.fact." + name)} /></dd></>)}
          {call.metadata && <><dt>{t("calls.fact.metadata")}</dt><dd><code>{JSON.stringify(call.metadata)}</code></dd></>}
        </dl>
      </details>
    </>
  );
}

export function StandingBadge({ call, operation }: { call: Call; operation?: Operation }) {
  const { text, tone, icon } = standing(call, operation);
  return call.ended ? <span class={tone === "bad" ? "wrong" : "calm"}><Icon name={icon} small /><span>{text}</span></span> : <Badge tone={tone} icon={icon}>{text}</Badge>;
}
