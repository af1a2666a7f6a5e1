// Numbers: what the Twilio account holds, who answers, and bringing numbers into Ava's care and out of it.
import "words:numbers";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { phone, t } from "../kit/i18n";
import { ImportNumbers } from "./import";
import { Badge, Button, Dialog, Heading, Icon, useTitle, When } from "../kit/parts";
import { dated, Panel, Trouble, troubleOf } from "../kit/panel";
import { wordsFor } from "../kit/problem";
import { Spark, useSparks } from "../kit/spark";
import { api, integrations, mayManage, numbers, profile, useCell, useResource } from "../kit/state";
import { toast } from "../kit/toasts";

type Listed = Schemas["Number"];

export default function Numbers() {
  const snapshot = useResource(numbers);
  const demo = useCell(profile) === "sandbox";
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const [importing, setImporting] = useState<{ chosen?: string }>();
  const [leaving, setLeaving] = useState<Listed>();
  const free = (snapshot.data?.numbers ?? []).filter((n) => !n.imported || isElsewhere(n));
  useTitle(t("numbers.title"));

  async function more() {
    const had = numbers.snapshot.data;
    if (!had?.next_cursor || busy) return;
    setBusy(true);
    const reply = await api.get<Schemas["NumberList"]>(`/twilio/numbers?limit=20&cursor=${encodeURIComponent(had.next_cursor)}`);
    setBusy(false);
    setProblem(reply.ok ? undefined : dated(reply.problem));
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
  const sparks = useSparks("number");
  return (
    <main id="main">
      <Heading>{t("numbers.title")}</Heading>
      <p class="lead">{t("numbers.lead")}</p>
      <Panel resource={numbers} snapshot={snapshot} title={t("numbers.list")} service="twilio" name="numbers" demo={demo} safe={t("numbers.safe")} isEmpty={(d) => !d.numbers.length} empty={empty}>
        {(data) => (
          <>
            <Health listed={data.numbers} />
            <div class="row"><Button kind="primary" icon="plug" blocked={!mayManage() ? t("forbidden.title") : !free.length} onClick={() => setImporting({})}>{t("numbers.import")}</Button></div>
            <table class="cards">
              <caption class="hidden">{t("numbers.list")}</caption>
              <thead><tr><th scope="col">{t("numbers.number")}</th><th scope="col">{t("numbers.name")}</th><th scope="col">{t("numbers.can")}</th><th scope="col">{t("numbers.calls")}</th><th scope="col">{t("numbers.texts")}</th><th scope="col">{t("numbers.state")}</th><th scope="col"><span class="hidden">{t("numbers.act")}</span></th></tr></thead>
              <tbody>
                {data.numbers.map((n) => (
                  <tr key={n.provider_id}>
                    <th scope="row"><span class="mono nowrap">{phone(n.phone_number)}</span> <Spark days={sparks.get(n.phone_number)} /></th>
                    <td data-label={t("numbers.name")}>{n.friendly_name ?? t("numbers.unnamed")}</td>
                    <td data-label={t("numbers.can")}>{can(n)}</td>
                    <td data-label={t("numbers.calls")}><Party party={n.calls_go_to} /></td>
                    <td data-label={t("numbers.texts")}><Party party={n.texts_go_to} /></td>
                    <td data-label={t("numbers.state")}>{n.imported ? <Badge tone="ok" icon="circle-check">{t("numbers.imported")}</Badge> : <Badge tone="quiet" icon="circle">{t("numbers.at_twilio")}</Badge>}</td>
                    <td>{mayManage() && (n.imported && !isElsewhere(n)
                      ? <Button kind="quiet" aria-label={t("numbers.release_this", { number: phone(n.phone_number) })} onClick={() => setLeaving(n)}>{t("numbers.release")}</Button>
                      : <Button aria-label={t("numbers.import_this", { number: phone(n.phone_number) })} onClick={() => setImporting({ chosen: n.provider_id })}>{t("numbers.import_short")}</Button>)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {problem && <Trouble problem={problem} service="twilio" strip snapshot={troubleOf(problem, busy)} retry={() => void more()} />}
            <div class="row between">
              <p class="muted" role="status">{t("numbers.count", { n: data.numbers.length })}</p>
              {data.next_cursor && <Button busy={busy} onClick={() => void more()}>{t("action.more")}</Button>}
            </div>
          </>
        )}
      </Panel>
      {importing && <ImportNumbers from={free} chosen={importing.chosen} onClose={() => setImporting(undefined)} onDone={() => void numbers.reload()} />}
      {leaving && <Release one={leaving} onClose={() => setLeaving(undefined)} />}
    </main>
  );
}

// In Ava's care, but somebody leads its calls elsewhere.
const isElsewhere = (n: Listed) => n.imported && n.calls_go_to === "other";

const parties = { nobody: ["quiet", "circle"], ava: ["ok", "circle-check"], vapi: ["ok", "bot"], other: ["warn", "triangle-alert"] } as const;

function Party({ party }: { party: Listed["calls_go_to"] }) {
  const [tone, icon] = parties[party];
  return <Badge tone={tone} icon={icon}>{t(`numbers.goes_to.${party}`)}</Badge>;
}

// Has Twilio reached Ava, and do the imported numbers still lead here?
function Health({ listed }: { listed: Listed[] }) {
  const snapshot = useResource(integrations);
  const twilio = snapshot.data?.integrations.find((i) => i.provider === "twilio");
  const lost = listed.filter(isElsewhere).length;
  return (
    <>
      {twilio && <p class="heard"><span class={twilio.last_webhook_at ? "light on" : "light"} aria-hidden="true" />{twilio.last_webhook_at ? <>{t("numbers.heard")} <When at={twilio.last_webhook_at} /></> : t("numbers.not_heard")}</p>}
      {lost > 0 && <p class="wrong" role="status"><Icon name="triangle-alert" small /><span>{t("numbers.not_ours", { n: lost })}</span></p>}
    </>
  );
}

function Release({ one, onClose }: { one: Listed; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const number = phone(one.phone_number);
  async function release() {
    setBusy(true);
    const reply = await api.send<Schemas["NumberReleased"]>("DELETE", `/twilio/numbers/${one.id}`);
    setBusy(false);
    onClose();
    if (!reply.ok) return toast("bad", t("numbers.not_released"), wordsFor(reply.problem, "twilio").text);
    toast("ok", t("numbers.released"), t(reply.data.left.length ? "numbers.released_left" : "numbers.released_text", { number }));
    await numbers.reload();
  }
  return (
    <Dialog title={t("numbers.release_title", { number })} onClose={onClose}>
      <p>{t("numbers.release_text")}</p>
      <div class="row">
        <Button kind="danger" busy={busy} onClick={() => void release()}>{t("numbers.release_this", { number })}</Button>
        <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
      </div>
    </Dialog>
  );
}

function can(n: Schemas["Number"]): string {
  const { voice, sms, mms } = n.capabilities;
  const words = [voice && t("numbers.voice"), sms && t("numbers.sms"), mms && t("numbers.mms")].filter(Boolean);
  return words.length ? words.join(", ") : t("numbers.nothing");
}
