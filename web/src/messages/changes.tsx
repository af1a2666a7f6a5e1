// What a version of a template changed, read when somebody asks for it.
import "words:templates";
import { useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Button } from "../kit/parts";
import { api } from "../kit/state";
import { diff } from "./diff";

type Version = Schemas["TemplateVersionDetail"];
type Both = { before?: Version; after: Version };

const parts = ["subject", "text", "html"] as const;

export function Changes({ path, version, shown }: { path: string; version: number; shown: string }) {
  const [both, setBoth] = useState<Both>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem & { until?: number }>();

  async function read() {
    setBusy(true);
    setProblem(undefined);
    const ask = (n: number) => api.get<Version>(`${path}/versions/${n}`);
    const [after, before] = await Promise.all([ask(version), version > 1 ? ask(version - 1) : undefined]);
    setBusy(false);
    if (!after.ok) return setProblem(dated(after.problem));
    if (before && !before.ok) return setProblem(dated(before.problem));
    setBoth({ before: before?.data, after: after.data });
  }

  return (
    <div class="changed" data-changes={version}>
      <Button kind="quiet" busy={busy} pressed={Boolean(both)} aria-label={shown} onClick={() => (both ? setBoth(undefined) : void read())}>{t("templates.what_changed")}</Button>
      {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void read()} />}
      {both && <Shown {...both} />}
    </div>
  );
}

function Shown({ before, after }: Both) {
  const changed = parts.map((part) => [part, diff(before?.[part] ?? null, after[part])] as const).filter(([, lines]) => lines.length);
  if (!changed.length) return <p class="muted">{t("templates.nothing_changed")}</p>;
  return (
    <>
      {changed.map(([part, lines]) => (
        <section key={part} aria-label={t("templates.field." + part)} data-part={part}>
          <h4>{t("templates.field." + part)}</h4>
          <div class="diff" tabIndex={0} role="group" aria-label={t("templates.field." + part)}>
            {lines.map((line, n) => line.kind === "skipped" ? <p key={n} class="muted" aria-hidden="true">…</p>
              : line.kind === "gone" ? <del key={n}>{line.text || " "}</del> : line.kind === "new" ? <ins key={n}>{line.text || " "}</ins> : <p key={n}>{line.text || " "}</p>)}
          </div>
        </section>
      ))}
    </>
  );
}
