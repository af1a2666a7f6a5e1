// The last 30 days on Home and under Calls: a bar a day of calls, minutes or cost, what of it somebody should mend, and why calls
// ended. The table says the same.
import "words:chart";
import "words:ended";
import { useMemo, useState } from "preact/hooks";
import type { Schemas } from "./api";
import { day, duration, money, t } from "./i18n";
import { said } from "./said";
import { Panel } from "./panel";
import { Resource } from "./resource";
import { api, useLive, useResource, useSoon } from "./state";

type Analytics = Schemas["CallAnalytics"];
type Day = Analytics["groups"][number];

const days = 30, width = 600, height = 120, gap = 4;
const measures = ["calls", "minutes", "cost"] as const;
type Measure = (typeof measures)[number];
const amount: Record<Measure, (d: Day) => number> = { calls: (d) => d.calls, minutes: (d) => d.seconds / 60, cost: (d) => d.cost_micros };

export function CallChart() {
  const resource = useMemo(() => new Resource((signal) => api.get<Analytics>("/analytics/calls?by=day", { signal })), []);
  const snapshot = useResource(resource);
  const soon = useSoon(3000, () => resource.changed());
  useLive<Schemas["Call"]>("call", (call) => (!call || call.ended) && soon());
  if (snapshot.data && !snapshot.data.totals.calls) return null; // nothing to draw: the list says so already
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("chart.title")} service="ava" name="chart">
      {(data) => (
        <>
          <p>{t("chart.sum", { n: data.totals.calls, answered: data.totals.answered, talked: duration(data.totals.seconds), cost: money(data.totals.cost_micros, data.currency) })}</p>
          <Bars data={data} />
          <Reasons reasons={data.ended_reasons.slice(0, 5)} />
        </>
      )}
    </Panel>
  );
}

// Days without calls are days too.
function everyDay(data: Analytics): Day[] {
  const last = Date.parse(data.until);
  const none = { calls: 0, answered: 0, faults: 0, seconds: 0, cost_micros: 0 };
  return Array.from({ length: days }, (_, i) => {
    const key = new Date(last - (days - 1 - i) * 86_400_000).toISOString().slice(0, 10);
    return data.groups.find((g) => g.key === key) ?? { ...none, key };
  });
}

const dayWords = (key: string | null) => day(Date.parse(key + "T00:00:00Z"));

function Bars({ data }: { data: Analytics }) {
  const [measure, show] = useState<Measure>("calls");
  const all = everyDay(data);
  const of = amount[measure];
  const most = Math.max(1, ...all.map(of));
  const step = width / days;
  const tall = (n: number) => (n / most) * (height - 4);
  const words = (d: Day) => (measure === "calls" ? t("chart.day", { day: dayWords(d.key), n: d.calls, faults: d.faults }) : t("chart.day_of", { day: dayWords(d.key), what: measure === "cost" ? money(d.cost_micros, data.currency) : duration(d.seconds) }));
  return (
    <figure class="chart">
      <fieldset class="languages"><legend class="hidden">{t("chart.measure")}</legend>{measures.map((one) => <label key={one}><input type="radio" name="measure" checked={one === measure} onChange={() => show(one)} /> {t("chart.measures." + one)}</label>)}</fieldset>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" data-measure={measure} aria-label={t("chart.label", { n: data.totals.calls, most: Math.max(...all.map((d) => d.calls)) })} preserveAspectRatio="none">
        {all.map((d, i) => (
          <g key={d.key}>
            <title>{words(d)}</title>
            <rect class="bar" x={i * step + gap / 2} y={height - tall(of(d))} width={step - gap} height={tall(of(d))} rx="2" />
            {measure === "calls" && <rect class="bar faults" x={i * step + gap / 2} y={height - tall(d.faults)} width={step - gap} height={tall(d.faults)} rx="2" />}
          </g>
        ))}
        <line class="floor" x1="0" x2={width} y1={height - .5} y2={height - .5} />
      </svg>
      <figcaption><span>{dayWords(all[0]!.key)}</span><span class="legend"><i class="bar" aria-hidden="true" />{t("chart.measures." + measure)}{measure === "calls" && <> <i class="bar faults" aria-hidden="true" />{t("chart.faults")}</>}</span><span>{dayWords(all[days - 1]!.key)}</span></figcaption>
      <details>
        <summary>{t("chart.table")}</summary>
        <table>
          <caption class="hidden">{t("chart.title")}</caption>
          <thead><tr><th scope="col">{t("chart.column.day")}</th>{["calls", "faults", "talked", "cost"].map((c) => <th key={c} scope="col" class="number">{t("chart.column." + c)}</th>)}</tr></thead>
          <tbody>
            {all.filter((d) => d.calls).reverse().map((d) => (
              <tr key={d.key}><th scope="row">{dayWords(d.key)}</th><td class="number">{d.calls}</td><td class="number">{d.faults}</td><td class="number">{duration(d.seconds)}</td><td class="number">{money(d.cost_micros, data.currency)}</td></tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function Reasons({ reasons }: { reasons: Analytics["ended_reasons"] }) {
  if (!reasons.length) return null;
  return (
    <div>
      <h3>{t("chart.reasons")}</h3>
      <ul class="reasons">
        {reasons.map((r) => <li key={r.reason}><span>{said(r.text)} {r.is_fault && <span class="muted">{t("calls.mend." + r.who)}</span>}</span><strong>{t("chart.count", { n: r.calls })}</strong></li>)}
      </ul>
    </div>
  );
}
