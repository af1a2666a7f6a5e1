// Events of the inbox in words and as a command.
import type { Schemas } from "../kit/api";

export type Event = Schemas["Event"];
export type EventDetail = Schemas["EventDetail"];
type Tone = "ok" | "warn" | "bad" | "info" | "quiet";

export const looks: Record<Event["status"], [Tone, string]> = { received: ["info", "clock"], done: ["ok", "circle-check"], retrying: ["warn", "refresh-cw"], dead: ["bad", "triangle-alert"] };

const quoted = (text: string) => "'" + text.replaceAll("'", "'\\''") + "'";
const dropped = /^(host|content-length|connection|accept-encoding|x-forwarded-.*|forwarded|via)$/i;

// What came, to be sent to an address of one's own; without whatever proves who sent it.
export function curl(event: Pick<EventDetail, "provider" | "headers" | "body">): string {
  const lines = ['curl -sS "$URL"'];
  for (const [name, value] of Object.entries(event.headers)) if (!dropped.test(name) && value !== "[redacted]" && name.toLowerCase() !== "content-type") lines.push("-H " + quoted(`${name}: ${value}`));
  if (event.provider === "twilio") {
    for (const [name, value] of Object.entries(event.body)) lines.push("--data-urlencode " + quoted(`${name}=${String(value)}`));
  } else {
    lines.push("-H " + quoted("Content-Type: application/json"), "--data-raw " + quoted(JSON.stringify(event.body)));
  }
  return lines.join(" \\\n  ");
}

// Of very many rows of one height, those that can be seen and a few around them.
export function windowOf(count: number, top: number, height: number, row: number, around = 4): { first: number; last: number } {
  const first = Math.max(0, Math.min(count, Math.floor(top / row) - around));
  return { first, last: Math.min(count, Math.ceil((top + height) / row) + around) };
}

// As many rows as a window has at most, wherever it stands.
export function placesOf(height: number, row: number, around = 4): number {
  return Math.ceil(height / row) + 1 + 2 * around;
}
