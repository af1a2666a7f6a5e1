// Addresses that get no more e-mails: who, why, since when; and the way to let one in again.
import "words:messages";
import "words:refusals";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Filters, ListPanel, only, useList } from "../kit/lists";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Badge, Button, Dialog, Icon, When } from "../kit/parts";
import { said } from "../kit/said";
import { useQuery } from "../kit/router";
import { api, mayManage, useChanged } from "../kit/state";
import { toast } from "../kit/toasts";
import { undoBy } from "../kit/undo";
import { mailAddress } from "./letter";

type Suppression = Schemas["Suppression"];

export function Suppressed() {
  const [query, set] = useQuery();
  const filters = only(query, ["address"]);
  const list = useList<Suppression>("/suppressions", "suppressions", filters);
  useChanged("suppression", list.resource);
  const [lifting, setLifting] = useState<Suppression>();
  const empty = <div class="box"><Icon name="circle-check" /><h3>{t("suppressed.empty.title")}</h3><p>{t("suppressed.empty.text")}</p></div>;
  return (
    <>
      <ListPanel list={list} title={t("suppressed.title")} service="ava" name="suppressed" safe={t("messages.safe")} filtered={filters.size > 0} empty={empty}
        filters={<Filters query={query} set={set} filters={[{ name: "address", label: t("suppressed.find") }]} />} onClear={() => set({ address: "" })}>
        {(all) => <Table all={all} onLift={setLifting} />}
      </ListPanel>
      {lifting && <Lift one={lifting} onClose={() => setLifting(undefined)} onDone={() => void list.resource.reload()} />}
    </>
  );
}

function Table({ all, onLift }: { all: Suppression[]; onLift: (one: Suppression) => void }) {
  const column = (name: string) => t("suppressed.column." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("suppressed.title")}</caption>
      <thead><tr>{["who", "why", "since", "lift"].map((c) => <th key={c} scope="col"><span class={c === "lift" ? "hidden" : undefined}>{column(c)}</span></th>)}</tr></thead>
      <tbody>
        {all.map((one) => (
          <tr key={one.id} data-suppressed={one.address}>
            <th scope="row"><span class="mono break">{one.address}</span></th>
            <td data-label={column("why")}>
              <div>
                <Badge tone={one.reason === "asked" ? "quiet" : "bad"} icon={one.reason === "asked" ? "info" : "triangle-alert"}>{t("suppressed.reason." + one.reason)}</Badge>
                {one.detail && <p class="muted fine">{said(one.detail)}</p>}
                {one.message_id && <p class="fine"><a href={mailAddress(one.message_id)}>{t("suppressed.see_mail")}</a></p>}
              </div>
            </td>
            <td data-label={column("since")}><span class="nowrap"><When at={one.created_at} /></span></td>
            <td><Button icon="rotate-ccw" blocked={mayManage() ? false : t("forbidden.title")} aria-label={t("suppressed.lift_what", { address: one.address })} onClick={() => onLift(one)}>{t("suppressed.lift")}</Button></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Lift({ one, onClose, onDone }: { one: Suppression; onClose: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  async function lift() {
    setBusy(true);
    const reply = await api.send<undefined>("DELETE", "/suppressions/" + one.id);
    setBusy(false);
    if (!reply.ok && reply.problem.code !== "not_found") return setProblem(dated(reply.problem)); // gone: somebody else was quicker
    const { address, detail, message_id } = one;
    // What a provider told stands with its mail; without one nobody can say it again.
    const body = one.reason === "asked" ? { address, detail } : message_id && { address, message_id };
    const undo = reply.ok && body ? undoBy(() => api.send<Suppression>("POST", "/suppressions", { body }), onDone) : undefined;
    toast("ok", t("suppressed.lifted"), t("suppressed.lifted_text", { address }), undo);
    onDone();
    onClose();
  }
  return (
    <Dialog title={t("suppressed.lift_title", { address: one.address })} onClose={onClose}>
      <p>{t("suppressed.lift_says." + one.reason)}</p>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />}
      <div class="row"><Button kind="danger" busy={busy} onClick={() => void lift()}>{t("suppressed.lift")}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
    </Dialog>
  );
}
