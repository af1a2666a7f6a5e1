// What went to one address, and what became of it; any of them can go once more.
import "words:destinations";
import { useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { ListPanel, useList } from "../kit/lists";
import { Badge, Button, When } from "../kit/parts";
import { wordsFor } from "../kit/problem";
import { api, mayManage, useLive, useSoon } from "../kit/state";
import { toast } from "../kit/toasts";

type Delivery = Schemas["Delivery"];
const looks: Record<Delivery["status"], ["ok" | "warn" | "bad" | "info" | "quiet", string]> = { waiting: ["info", "clock"], retrying: ["warn", "refresh-cw"], delivered: ["ok", "circle-check"], failed: ["bad", "triangle-alert"], held: ["quiet", "pause"] };
const none = new URLSearchParams();

export function Deliveries({ one }: { one: Schemas["Destination"] }) {
  const list = useList<Delivery>(`/destinations/${one.id}/deliveries`, "deliveries", none, 10);
  const [busy, setBusy] = useState("");
  const soon = useSoon(1000, () => list.resource.changed());
  useLive("event", soon); // each event may have become a delivery
  useLive("destination", soon);
  async function resend(delivery: Delivery) {
    setBusy(delivery.id);
    const reply = await api.send<Delivery>("POST", `/destinations/${one.id}/deliveries/${delivery.id}/resend`, {});
    setBusy("");
    if (!reply.ok) return toast("bad", wordsFor(reply.problem, "ava").title, wordsFor(reply.problem, "ava").text);
    list.put(reply.data, true);
    toast("ok", t("destinations.resent"), t("destinations.resent_text"));
    soon();
  }
  const column = (name: string) => t("destinations.column." + name);
  return (
    <ListPanel list={list} level={4} title={t("destinations.deliveries_to", { url: one.url })} service="ava" name="deliveries" filtered={false} filters={null} onClear={() => {}} empty={<p class="muted">{t("destinations.no_deliveries")}</p>}>
      {(rows) => (
        <table class="cards">
          <caption class="hidden">{t("destinations.deliveries")}</caption>
          <thead><tr>{["type", "when", "how", "again"].map((c) => <th key={c} scope="col">{column(c)}</th>)}</tr></thead>
          <tbody>
            {rows.map((d) => (
              <tr key={d.id} data-delivery={d.status}>
                <th scope="row"><a class="mono" href={"/activity/" + d.event_id}>{d.type}</a></th>
                <td data-label={column("when")}><When at={d.created_at} /></td>
                <td data-label={column("how")}><div><Badge tone={looks[d.status][0]} icon={looks[d.status][1]}>{t("destinations.delivery." + d.status)}</Badge> <span class="muted fine">{t("destinations.attempts", { n: d.attempts })}{lastAnswer(d)}</span></div></td>
                <td data-label={column("again")}>{mayManage() && one.enabled && <Button busy={busy === d.id} onClick={() => void resend(d)}>{t("destinations.resend")}</Button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </ListPanel>
  );
}

function lastAnswer(delivery: Delivery): string {
  const last = delivery.tried[0];
  if (!last) return "";
  return ", " + (last.error ?? t("destinations.answered", { status: last.status_code ?? "-" }));
}
