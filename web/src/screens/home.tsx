// Home: one sentence of health, what needs a person, what to do next.
import type { Schemas } from "../api";
import { secondsLeft } from "../countdown";
import { t } from "../i18n";
import { Heading, Icon, useNow, useTitle } from "../parts";
import { Panel } from "../panel";
import { serviceName } from "../problem";
import { integrations, session, useCell, useResource } from "../state";

type Integration = Schemas["Integration"];

export default function Home() {
  const snapshot = useResource(integrations);
  const user = useCell(session)?.user;
  useTitle(t("home.title"));
  return (
    <main id="main">
      <Heading>{user?.name ? t("home.hello", { name: user.name }) : t("home.welcome")}</Heading>
      <p class="lead">{t("home.lead")}</p>
      <Panel resource={integrations} snapshot={snapshot} title={t("home.health")} service="ava" name="health">
        {(data) => <Health list={data.integrations} readAt={snapshot.at} />}
      </Panel>
      {snapshot.data && <Next list={snapshot.data.integrations} />}
    </main>
  );
}

function Health({ list, readAt }: { list: Integration[]; readAt: number }) {
  const resting = list.filter((i) => i.status === "resting");
  const needs = list.filter((i) => i.status === "needs_attention" || i.status === "not_connected");
  const now = useNow(500, resting.length > 0);
  const left = (i: Integration) => secondsLeft(readAt + (i.retry_in_seconds ?? 0) * 1000, now);
  const first = resting[0];
  return (
    <>
      <p class={`health ${first ? "warn" : needs.length ? "quiet" : "ok"}`} data-health={first ? "resting" : needs.length ? "attention" : "ok"}>
        <Icon name={first ? "clock" : needs.length ? "info" : "circle-check"} />
        {first ? (left(first) ? t("home.resting", { service: serviceName(first.provider), n: left(first) }) : t("home.back_soon", { service: serviceName(first.provider) })) : needs.length ? t("home.partly") : t("home.all_well")}
      </p>
      {needs.length > 0 && (
        <>
          <h3>{t("home.attention")}</h3>
          <ul class="plain-list">
            {needs.map((i) => (
              <li key={i.provider}>
                <Icon name={i.status === "not_connected" ? "unplug" : "triangle-alert"} />
                <span>{t(i.status === "not_connected" ? "home.not_connected" : "home.needs_attention", { service: serviceName(i.provider) })}</span>
                <a href={`/connections?open=${i.provider}`}>{t(i.status === "not_connected" ? "connections.connect_what" : "connections.reconnect_what", { service: serviceName(i.provider) })}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Next({ list }: { list: Integration[] }) {
  const has = (p: string) => list.some((i) => i.provider === p && i.status !== "not_connected");
  const steps = [
    has("vapi") && { href: "/assistant", icon: "bot", key: "assistant" },
    has("twilio") && { href: "/numbers", icon: "phone", key: "numbers" },
    { href: "/connections", icon: "plug", key: "connections" },
    { href: "/docs", icon: "book-open", key: "docs" },
  ].filter((s) => s !== false);
  return (
    <section aria-labelledby="next">
      <h2 id="next">{t("home.next")}</h2>
      <ul class="tiles">
        {steps.map((s) => (
          <li key={s.key}><a class="tile" href={s.href}><Icon name={s.icon} /><strong>{t(`home.step.${s.key}.title`)}</strong><span>{t(`home.step.${s.key}.text`)}</span></a></li>
        ))}
      </ul>
    </section>
  );
}
