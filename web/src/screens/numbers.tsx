// Numbers: what the Twilio account holds, page by page.
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../api";
import { phone, t } from "../i18n";
import { Badge, Button, Heading, Icon, useTitle } from "../parts";
import { Panel, Trouble } from "../panel";
import { api, numbers, profile, useCell, useResource } from "../state";

export default function Numbers() {
  const snapshot = useResource(numbers);
  const demo = useCell(profile) === "sandbox";
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  useTitle(t("numbers.title"));

  async function more() {
    const had = numbers.snapshot.data;
    if (!had?.next_cursor || busy) return;
    setBusy(true);
    const reply = await api.get<Schemas["NumberList"]>(`/twilio/numbers?limit=20&cursor=${encodeURIComponent(had.next_cursor)}`);
    setBusy(false);
    setProblem(reply.ok ? undefined : { ...reply.problem, until: reply.problem.wait === undefined ? undefined : Date.now() + reply.problem.wait * 1000 });
    if (reply.ok) numbers.put({ ...reply.data, numbers: [...had.numbers, ...reply.data.numbers] });
  }

  const empty = (
    <div class="box">
      <Icon name="phone" />
      <h3>{t("numbers.empty.title")}</h3>
      <p>{t("numbers.empty.text")}</p>
      <a class="button primary" href="/connections?open=twilio">{t("numbers.empty.button")}</a>
    </div>
  );
  return (
    <main id="main">
      <Heading>{t("numbers.title")}</Heading>
      <p class="lead">{t("numbers.lead")}</p>
      <Panel resource={numbers} snapshot={snapshot} title={t("numbers.list")} service="twilio" name="numbers" demo={demo} safe={t("numbers.safe")} isEmpty={(d) => !d.numbers.length} empty={empty}>
        {(data) => (
          <>
            <table class="cards">
              <caption class="hidden">{t("numbers.list")}</caption>
              <thead><tr><th scope="col">{t("numbers.number")}</th><th scope="col">{t("numbers.name")}</th><th scope="col">{t("numbers.can")}</th><th scope="col">{t("numbers.state")}</th></tr></thead>
              <tbody>
                {data.numbers.map((n) => (
                  <tr key={n.provider_id}>
                    <th scope="row" class="mono">{phone(n.phone_number)}</th>
                    <td data-label={t("numbers.name")}>{n.friendly_name ?? t("numbers.unnamed")}</td>
                    <td data-label={t("numbers.can")}>{can(n)}</td>
                    <td data-label={t("numbers.state")}>{n.imported ? <Badge tone="ok" icon="circle-check">{t("numbers.imported")}</Badge> : <Badge tone="quiet" icon="circle">{t("numbers.at_twilio")}</Badge>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {problem && <Trouble problem={problem} service="twilio" strip snapshot={{ until: problem.until, total: problem.wait ?? 0, busy, byPerson: true, at: 0, state: problem.code.endsWith("rate_limited") ? "limited" : "error" }} retry={() => void more()} />}
            <div class="row between">
              <p class="muted" role="status">{t("numbers.count", { n: data.numbers.length })}</p>
              {data.next_cursor && <Button busy={busy} onClick={() => void more()}>{t("action.more")}</Button>}
            </div>
          </>
        )}
      </Panel>
    </main>
  );
}

function can(n: Schemas["Number"]): string {
  const { voice, sms, mms } = n.capabilities;
  const words = [voice && t("numbers.voice"), sms && t("numbers.sms"), mms && t("numbers.mms")].filter(Boolean);
  return words.length ? words.join(", ") : t("numbers.nothing");
}
