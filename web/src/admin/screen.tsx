// Admin: who may come in, what they did, how Ava fares, and how it is set up. One address for each section; sections that
// are not seen are not loaded.
import "words:admin";
import type { ComponentType } from "preact";
import { Forbidden } from "../kit/forbidden";
import { t } from "../kit/i18n";
import { later } from "../kit/later";
import { Heading, useTitle } from "../kit/parts";
import { roomOf, usePath } from "../kit/router";
import { session, useCell } from "../kit/state";
import { everybody, mayRun, mayWatch } from "./rights";

interface Section {
  name: string;
  may: () => boolean;
  view: ComponentType<object>;
}

const sections: Section[] = [
  { name: "people", may: everybody, view: later(() => import("./people").then((m) => m.People)) },
  { name: "keys", may: everybody, view: later(() => import("./keys").then((m) => m.Keys)) },
  { name: "audit", may: mayWatch, view: later(() => import("./audit").then((m) => m.Audit)) },
  { name: "health", may: mayWatch, view: later(() => import("./health").then((m) => m.Health)) },
  { name: "settings", may: mayRun, view: later(() => import("./settings").then((m) => m.Settings)) },
  { name: "backups", may: mayRun, view: later(() => import("./backups").then((m) => m.Backups)) },
];

export default function Admin() {
  const here = useCell(session);
  const { id } = roomOf(usePath());
  const now = sections.find((one) => one.name === (id ?? "people"));
  useTitle(t(now ? "admin.section." + now.name : "admin.title"));
  if (!now) return <main id="main"><Heading>{t("problems.not_found.title")}</Heading><p>{t("problems.not_found.text")}</p><a class="button" href="/admin">{t("admin.title")}</a></main>;
  const View = now.view;
  return (
    <main id="main">
      <Heading>{t("admin.title")}</Heading>
      <p class="lead">{t("admin.lead." + now.name, { workspace: here?.workspace.name ?? "" })}</p>
      <nav aria-label={t("admin.sections")}>
        <ul class="tabs">
          {sections.map((one) => <li key={one.name}><a class="button" href={"/admin/" + one.name} aria-current={one === now ? "page" : undefined}>{t("admin.section." + one.name)}</a></li>)}
        </ul>
      </nav>
      {now.may() ? <View /> : <Forbidden installer={now.may === mayRun} />}
    </main>
  );
}
