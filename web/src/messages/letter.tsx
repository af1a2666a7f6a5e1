// One e-mail: how it stands at each of those it goes to, what it says, and the files that went with it.
import "words:messages";
import "words:refusals";
import { useMemo } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { number, t } from "../kit/i18n";
import { Panel } from "../kit/panel";
import { Badge, Copy, Icon, When } from "../kit/parts";
import { Resource } from "../kit/resource";
import { api, useLive, useResource, useSoon } from "../kit/state";
import { serviceName } from "../kit/problem";
import { said } from "../kit/said";
import { look, Standing } from "./standing";

type Message = Schemas["Message"];

export const mailAddress = (id: string) => "/messages?mail=" + encodeURIComponent(id);

export function Letter({ id }: { id: string }) {
  const resource = useMemo(() => new Resource((signal) => api.get<Message>("/messages/" + encodeURIComponent(id), { signal })), [id]);
  const snapshot = useResource(resource);
  const soon = useSoon(300, () => resource.changed());
  useLive<Message>("message", (now) => (!now || now.id === id) && soon());
  return (
    <>
      <p><a href="/messages" class="back"><Icon name="arrow-left" small />{t("messages.all")}</a></p>
      <Panel resource={resource} snapshot={snapshot} title={snapshot.data?.subject || t("messages.one")} service="ava" name="mail" safe={t("messages.safe")}>
        {(mail) => (
          <>
            <div data-mail={mail.status}><Standing message={mail} /></div>
            {mail.recipients?.length ? <Recipients all={mail.recipients} /> : null}
            {mail.body && <pre class="text" tabIndex={0} aria-label={t("messages.body")}>{mail.body}</pre>}
            {mail.attachments?.length ? <Files all={mail.attachments} /> : null}
            <Facts mail={mail} />
          </>
        )}
      </Panel>
    </>
  );
}

function Recipients({ all }: { all: NonNullable<Message["recipients"]> }) {
  const column = (name: string) => t("messages.recipient." + name);
  return (
    <table class="cards">
      <caption class="hidden">{t("messages.recipients")}</caption>
      <thead><tr>{["who", "kind", "how"].map((c) => <th key={c} scope="col">{column(c)}</th>)}</tr></thead>
      <tbody>
        {all.map((one, n) => {
          const { tone, icon, words } = look(one.status);
          return (
            <tr key={n} data-recipient={one.status}>
              <th scope="row"><span class="mono break">{one.address}</span></th>
              <td data-label={column("kind")}>{t("messages.kind." + one.kind)}</td>
              <td data-label={column("how")}><div><Badge tone={tone} icon={icon}>{words}</Badge>{one.error && <p class={one.status === "waiting" ? "muted fine" : "wrong"}>{said(one.error)}</p>}</div></td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

// 1536 -> "1.5 kB".
function size(bytes: number): string {
  if (bytes < 1000) return t("messages.bytes", { n: bytes });
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : [bytes / 1e6, "MB"];
  return `${number(value, 1)} ${unit}`;
}

function Files({ all }: { all: NonNullable<Message["attachments"]> }) {
  return (
    <section aria-label={t("messages.files")} data-files>
      <h3>{t("messages.files")}</h3>
      <ul class="plain-list">{all.map((f) => <li key={f.filename + f.sha256}><span class="break" title={f.content_type}>{f.filename}</span> <span class="muted nowrap">{size(f.size)}</span></li>)}</ul>
      <p class="muted fine">{t("messages.files_gone")}</p>
    </section>
  );
}

function Facts({ mail }: { mail: Message }) {
  const ids: [string, string | null | undefined][] = [["id", mail.id], ["provider_id", mail.provider_id], ["operation_id", mail.operation_id]];
  return (
    <dl class="facts ids">
      <dt>{t("messages.from")}</dt><dd class="break">{mail.from}</dd>
      <dt>{t("messages.fact.through")}</dt><dd>{serviceName(mail.provider)}</dd>
      <dt>{t("messages.column.when")}</dt><dd><When at={mail.created_at} /></dd>
      {ids.map(([name, value]) => value && <><dt>{t("messages.fact." + name)}</dt><dd><code>{value}</code><Copy text={value} label={t("messages.fact." + name)} /></dd></>)}
    </dl>
  );
}
