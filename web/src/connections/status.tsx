// How a connection stands, as a badge.
import "words:connections";
import type { Schemas } from "../kit/api";
import { secondsLeft } from "../kit/countdown";
import { t } from "../kit/i18n";
import { Badge, useNow } from "../kit/parts";

export function Status({ one, readAt }: { one: Schemas["Integration"]; readAt: number }) {
  const resting = one.status === "resting";
  const now = useNow(500, resting);
  const left = secondsLeft(readAt + (one.retry_in_seconds ?? 0) * 1000, now);
  const look = { connected: ["ok", "circle-check"], not_connected: ["quiet", "unplug"], needs_attention: ["bad", "triangle-alert"], resting: ["warn", "clock"], demo: ["info", "flask-conical"] } as const;
  const [tone, icon] = look[one.status];
  return <Badge tone={tone} icon={icon}>{t("connections.status." + (resting && !left ? "back" : one.status), { n: left })}</Badge>;
}

// Why nothing is sent for a moment, in words: what is behind it is a circuit breaker.
export function Resting({ one, name }: { one: Schemas["Integration"]; name: string }) {
  if (one.status !== "resting") return null;
  return <p class="muted" data-resting={one.breaker}>{t(one.breaker === "half_open" ? "connections.trying_text" : "connections.resting_text", { service: name })}</p>;
}
