// How the services answered in the last day: lines for a half, 95 and 99 of a hundred, and when Ava left one alone. The table says the same.
import "words:answers";
import "words:chart";
import { useMemo } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { clock, duration, number, t } from "../kit/i18n";
import { Panel } from "../kit/panel";
import { serviceName } from "../kit/problem";
import { Resource } from "../kit/resource";
import { useWhileSeen } from "../kit/seen";
import { api, useLive, useResource } from "../kit/state";
import { gaps, path, rests, scale, type Slot, type Turn } from "./lines";

type Analytics = Schemas["ProviderAnalytics"];
type One = Analytics["providers"][number];

const width = 600, height = 120, every = 60_000;
const lines = ["p50_ms", "p95_ms", "p99_ms"] as const;

export function Answers() {
  const resource = useMemo(() => new Resource((signal) => api.get<Analytics>("/analytics/providers", { signal })), []);
  const snapshot = useResource(resource);
  useLive("connection", () => resource.changed()); // a breaker turned
  useWhileSeen(every, true, () => resource.changed());
  const asked = snapshot.data?.providers.filter((p) => p.slots.length) ?? [];
  if (snapshot.data && !asked.length) return null; // nothing was asked yet: the cards say what there is to say
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("answers.title")} service="ava" name="answers">
      {(data) => (
        <>
          <p class="muted">{t("answers.lead")}</p>
          <div class="stack">{asked.map((p) => <Chart key={p.provider} one={p} since={Date.parse(data.since)} slotMs={data.slot_seconds * 1000} />)}</div>
        </>
      )}
    </Panel>
  );
}

const ms = (value: number) => (value < 1000 ? t("answers.ms", { n: value }) : t("answers.s", { n: number(value / 1000, 1) }));

function Chart({ one, since, slotMs }: { one: One; since: number; slotMs: number }) {
  const until = Math.ceil(Date.now() / slotMs) * slotMs;
  const from = Math.max(until - 86_400_000, Math.floor(since / slotMs) * slotMs);
  const slots: Slot[] = one.slots.map((s) => ({ ...s, at: Date.parse(s.at) })).filter((s) => s.at >= from);
  const turns: Turn[] = one.breaker.map((b) => ({ at: Date.parse(b.at), open: b.to === "open" }));
  const last = slots.at(-1);
  const most = scale(Math.max(1, ...slots.map((s) => s.p99_ms)));
  const name = serviceName(one.provider);
  const place = (at: number) => ((at - from) / (until - from)) * width;
  const away = rests(turns, Date.now());
  return (
    <figure class="chart answers" data-chart={one.provider}>
      <h3>{name}</h3>
      {last && <p>{t("answers.sum", { half: ms(last.p50_ms), most: ms(last.p99_ms) })}</p>}
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={t("answers.label", { service: name, most: ms(most) })} preserveAspectRatio="none">
        {away.map((r) => <rect key={r.from} class="away" x={place(Math.max(r.from, from))} y="0" width={Math.max(2, place(r.until) - place(Math.max(r.from, from)))} height={height}><title>{t("answers.rest", { from: clock(r.from), until: clock(r.until) })}</title></rect>)}
        {lines.map((line, i) => gaps(slots, slotMs).map((part) => <path key={line + part[0]!.at} class={`line line-${i + 1}`} d={path(part, (s) => [place(s.at + slotMs / 2), height - (s[line] / most) * (height - 6) - 1], (width / (until - from)) * slotMs)} />))}
        <line class="floor" x1="0" x2={width} y1={height - .5} y2={height - .5} />
      </svg>
      <figcaption><span>{clock(from)}</span><span class="legend">{lines.map((line, i) => <span key={line}><i class={`key line-${i + 1}`} aria-hidden="true" />{t("answers." + line)} </span>)}{away.length > 0 && <span><i class="key away" aria-hidden="true" />{t("answers.away")}</span>}</span><span>{t("answers.up_to", { most: ms(most) })}</span></figcaption>
      {away.length > 0 && <ul class="plain-list fine">{away.slice(-3).reverse().map((r) => <li key={r.from}>{r.on ? t("answers.resting", { service: name, from: clock(r.from) }) : t("answers.rested", { service: name, from: clock(r.from), lasted: duration((r.until - r.from) / 1000) })}</li>)}</ul>}
      <details>
        <summary>{t("chart.table")}<span class="hidden"> {name}</span></summary>
        <table class="cards">
          <caption class="hidden">{t("answers.label", { service: name, most: ms(most) })}</caption>
          <thead><tr><th scope="col">{t("answers.from")}</th>{lines.map((line) => <th key={line} scope="col" class="number">{t("answers." + line)}</th>)}<th scope="col" class="number">{t("answers.failed")}</th></tr></thead>
          <tbody>{[...slots].reverse().map((s) => <tr key={s.at}><th scope="row">{clock(s.at)}</th>{lines.map((line) => <td key={line} class="number" data-label={t("answers." + line)}>{ms(s[line])}</td>)}<td class="number" data-label={t("answers.failed")}>{t("answers.percent", { n: s.failed_percent })}</td></tr>)}</tbody>
        </table>
      </details>
    </figure>
  );
}
