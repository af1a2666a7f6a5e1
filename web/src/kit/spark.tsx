// A small line in a row: calls of the last 30 days, and the same in words.
import { useMemo } from "preact/hooks";
import type { Schemas } from "./api";
import { t } from "./i18n";
import { Resource } from "./resource";
import { api, useLive, useResource, useSoon } from "./state";

const width = 90, height = 20;

// By number or by the assistant's id at its provider: the calls of each day.
export function useSparks(by: "number" | "assistant"): Map<string, number[]> {
  const resource = useMemo(() => new Resource((signal) => api.get<Schemas["CallAnalytics"]>("/analytics/calls?by=" + by, { signal }), 60_000), [by]);
  const data = useResource(resource).data;
  const soon = useSoon(3000, () => resource.changed());
  useLive<Schemas["Call"]>("call", (call) => (!call || call.ended) && soon());
  return useMemo(() => new Map(data?.groups.flatMap((g): [string, number[]][] => (g.key && g.days ? [[g.key, g.days]] : [])) ?? []), [data]);
}

// "M0 20L3.1 4...": the most of all days is the top.
export function line(days: number[]): string {
  const most = Math.max(1, ...days), step = width / Math.max(1, days.length - 1);
  return days.map((n, i) => `${i ? "L" : "M"}${Math.round(i * step * 10) / 10} ${Math.round((height - 1 - (n / most) * (height - 2)) * 10) / 10}`).join("");
}

export function Spark({ days }: { days: number[] | undefined }) {
  const sum = days?.reduce((all, n) => all + n, 0) ?? 0;
  if (!days || !sum) return null;
  return (
    <span class="spark" title={t("spark.calls", { n: sum })}>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true"><path d={line(days)} /></svg>
      <span class="muted">{t("spark.calls", { n: sum })}</span>
    </span>
  );
}
