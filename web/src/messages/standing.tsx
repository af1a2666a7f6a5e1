// How a message stands, in a word with its colour, and what there is to say beside it.
import "words:messages";
import "words:refusals";
import type { Schemas } from "../kit/api";
import { clock, has, t } from "../kit/i18n";
import { Badge } from "../kit/parts";
import { serviceName } from "../kit/problem";
import { said } from "../kit/said";

type Message = Schemas["Message"];
type Tone = "ok" | "warn" | "bad" | "info" | "quiet";

const looks: Record<string, [Tone, string]> = {
  delivered: ["ok", "circle-check"], read: ["ok", "circle-check"], received: ["quiet", "message-square"], undelivered: ["bad", "triangle-alert"], failed: ["bad", "triangle-alert"],
  canceled: ["quiet", "x"], bounced: ["bad", "triangle-alert"], complained: ["bad", "triangle-alert"], suppressed: ["bad", "triangle-alert"], delivery_delayed: ["warn", "clock"],
  waiting: ["warn", "clock"], unknown: ["warn", "clock"], unconfirmed: ["warn", "triangle-alert"],
};

// A word that nobody documented is shown as it came.
export function look(status: string): { tone: Tone; icon: string; words: string } {
  const [tone, icon] = looks[status] ?? ["info", "send"];
  return { tone, icon, words: has("messages.status." + status) ? t("messages.status." + status) : status };
}

export function Standing({ message }: { message: Message }) {
  const { tone, icon, words } = look(message.status);
  return (
    <>
      <Badge tone={tone} icon={icon}>{words}</Badge>
      {message.status === "unknown" && <p class="muted fine">{t("messages.unknown", { service: serviceName(message.provider) })}</p>}
      {message.status === "unconfirmed" && <p class="wrong">{t("messages.check_first")}</p>}
      {message.next_attempt_at && <p class="muted fine" data-next>{t("messages.tried_again", { time: clock(Date.parse(message.next_attempt_at)) })}</p>}
      {message.error && <p class={message.status === "waiting" ? "muted fine" : "wrong"}>{said(message.error)}</p>}
      {message.warnings?.map((w) => <p key={w.code} class="muted fine" data-warning={w.code}>{said(w.detail)}</p>)}
    </>
  );
}
