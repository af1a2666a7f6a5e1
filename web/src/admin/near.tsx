// Who is nearest to a limit of requests now: the workspace together, its keys, and who looks.
import "words:health";
import "words:limits";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Badge } from "../kit/parts";
import { count } from "./figures";

type Rate = Schemas["WorkspaceHealth"]["requests"]["nearest"][number];

const nearFrom = 0.8; // of what may be: said in words too, not by the colour of the bar alone

export function Near({ rows }: { rows: Rate[] }) {
  return (
    <section class="stack" data-near>
      <h3>{t("health.near.title")}</h3>
      {rows.length ? <dl class="numbers">{rows.map((one) => <Row key={`${one.of} ${one.id} ${one.method} ${one.path}`} one={one} />)}</dl> : <p class="muted">{t("health.near.none")}</p>}
    </section>
  );
}

function Row({ one }: { one: Rate }) {
  const whose = t("health.near.of." + one.of, { name: one.name ?? "" });
  return (
    <div data-of={one.of}>
      <dt>{whose} {one.path && <code class="fine">{one.method} {one.path}</code>}</dt>
      <dd>
        <strong>{count(one.used)}</strong> <span class="muted">{t("limits.of", { max: count(one.limit) })}</span>
        {one.used >= one.limit ? <Badge tone="bad" icon="circle-alert">{t("health.near.full")}</Badge> : one.used >= one.limit * nearFrom && <Badge tone="warn" icon="clock">{t("health.near.near")}</Badge>}
        <meter min={0} max={one.limit} high={one.limit * nearFrom} optimum={0} value={one.used} aria-label={whose + (one.path ? ` ${one.method} ${one.path}` : "")}>{one.used}</meter>
        <span class="muted fine">{t("health.near.free", { n: one.reset_seconds })}</span>
      </dd>
    </div>
  );
}
