// A panel: one resource on the page in exactly one state, with the words and the way out that belong to it.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "./api";
import { isSpoken, secondsLeft } from "./countdown";
import { clock, t } from "./i18n";
import { Button, Copy, Icon, keepFocus, useNow, When } from "./parts";
import { actionOf, serviceName, sites, wordsFor } from "./problem";
import type { Resource, Snapshot, State } from "./resource";

export interface PanelProps<T> {
  resource: Resource<T>;
  snapshot: Snapshot<T>;
  title: string;
  service: "vapi" | "twilio" | "resend" | "smtp" | "google" | "microsoft" | "ava";
  name: string; // "settings": for the words of loading
  safe?: string; // said under an error when true
  isEmpty?: (data: T) => boolean;
  empty?: ComponentChildren;
  saving?: boolean;
  demo?: boolean;
  level?: 2 | 4; // 4 inside a card
  children: (data: T) => ComponentChildren;
}

export function Panel<T>(props: PanelProps<T>) {
  const { resource, snapshot, title, service, name, saving, children } = props;
  const { data, problem } = snapshot;
  let state: string = snapshot.state;
  if (data !== undefined && state === "loading") state = "ready";
  if (state === "ready" && saving) state = "saving";
  if (state === "ready" && data !== undefined && props.isEmpty?.(data)) state = "empty";
  const showsData = data !== undefined && state !== "empty";
  const ref = useRef<HTMLElement>(null);
  const hadFocus = ref.current?.contains(document.activeElement); // before what comes now: its row may be gone then
  useLayoutEffect(() => {
    if (hadFocus) keepFocus();
  });
  return (
    <section ref={ref} class="panel" data-state={state} data-panel={name} data-code={problem?.code} aria-busy={snapshot.busy} aria-label={title}>
      <header class="panel-head">
        {props.level === 4 ? <h4>{title}</h4> : <h2>{title}</h2>}
        {props.demo && <span class="badge info"><Icon name="flask-conical" small />{t("demo.badge")}</span>}
        {data !== undefined && snapshot.at > 0 && (
          <p class="age">
            {t("panel.updated")} <When at={snapshot.at} />
            <button type="button" class="button quiet icon-only" aria-label={t("panel.refresh", { what: title })} title={t("action.refresh")} aria-disabled={snapshot.busy || undefined} onClick={() => !snapshot.busy && void resource.reload()}>
              <Icon name="refresh-cw" small />
            </button>
          </p>
        )}
      </header>
      {state === "loading" && <Loading name={name} onCancel={() => resource.cancel()} />}
      {problem && state !== "loading" && state !== "retrying" && (
        <Trouble problem={problem} service={service} snapshot={snapshot} safe={props.safe} strip={data !== undefined} retry={() => void resource.reload()} />
      )}
      {snapshot.isStopped && !problem && data !== undefined && (
        <div class="strip info" data-strip="stopped">
          <Icon name="info" />
          <p class="strip-words" role="status"><span><strong>{t("panel.stopped")}</strong> {snapshot.at > 0 && t("panel.values_from", { time: clock(snapshot.at) })}</span></p>
          <Button onClick={() => void resource.reload()}>{t("action.try_again")}</Button>
        </div>
      )}
      {state === "error" && !problem && (
        <Box tone="info" icon="info" title={t("panel.stopped")} text="">
          <Button kind="primary" onClick={() => void resource.reload()}>{t("action.try_again")}</Button>
        </Box>
      )}
      {state === "retrying" && <Retrying attempt={snapshot.attempt} max={snapshot.max} until={snapshot.until} onCancel={() => resource.cancel()} />}
      {state === "empty" && props.empty}
      {showsData && children(data)}
    </section>
  );
}

// Nothing for 150 ms, then the shape of what comes, then after five seconds a word and a way out.
export function Loading({ name, onCancel }: { name: string; onCancel?: () => void }) {
  const [phase, setPhase] = useState(0);
  useEffect(() => {
    const a = setTimeout(() => setPhase(1), 150);
    const b = setTimeout(() => setPhase(2), 5000);
    return () => {
      clearTimeout(a);
      clearTimeout(b);
    };
  }, []);
  return (
    <div class="loading">
      <p role="status" class={phase === 2 ? "slow" : "hidden"}>
        {phase > 0 && t("loading." + name)} {phase === 2 && t("panel.slow")}
      </p>
      {phase === 2 && onCancel && <Button onClick={onCancel}>{t("action.cancel")}</Button>}
      {phase > 0 && <div class="bars" aria-hidden="true"><span /><span /><span /></div>}
    </div>
  );
}

// Something is tried again, by this page or by Ava: which attempt is next, and when.
export function Retrying({ attempt, max, until, onCancel }: { attempt: number; max: number; until?: number; onCancel?: () => void }) {
  const now = useNow(250);
  const left = secondsLeft(until ?? now, now);
  const words = t("panel.retrying", { attempt, max });
  return (
    <div class="strip warn" data-retrying={attempt}>
      <div class="strip-words">
        <p role="status"><strong>{words}</strong></p>
        <progress max={max} value={attempt} aria-label={words} />
        <p class="muted" aria-live="off">{left ? t("panel.next_try", { n: left }) : t("panel.next_try_now")}</p>
        {onCancel && <p class="muted">{t("panel.cancel_waiting")}</p>}
      </div>
      {onCancel && <Button onClick={onCancel}>{t("action.cancel")}</Button>}
    </div>
  );
}

// The same for an operation, which says itself that it is held up.
export function HeldUp({ operation }: { operation: Schemas["Operation"] }) {
  const until = useMemo(() => Date.now() + (operation.next_retry_in_seconds ?? 0) * 1000, [operation]);
  return operation.status === "retrying" ? <Retrying attempt={operation.attempt} max={operation.max_attempts} until={until} /> : null;
}

// How a problem that did not come from a resource is shown: a refused write, one more page.
export function troubleOf(problem: Problem & { until?: number }, busy = false) {
  const calm: Record<string, State> = { offline: "offline", rate_limited: "limited", provider_rate_limited: "limited", provider_unavailable: "degraded" };
  return { until: problem.until, total: problem.wait ?? 0, busy, byPerson: true, at: 0, state: calm[problem.code] ?? ("error" as const) };
}

// The moment from which a wait counts.
export function dated(problem: Problem): Problem & { until?: number } {
  return { ...problem, until: problem.wait === undefined ? undefined : Date.now() + problem.wait * 1000 };
}

interface TroubleProps {
  problem: Problem;
  service: string;
  snapshot: Pick<Snapshot<unknown>, "until" | "total" | "busy" | "byPerson" | "at" | "state">;
  safe?: string;
  strip: boolean; // data stays below: a strip; else a box in its place
  level?: 2 | 3;
  retry?: () => void;
}

export function Trouble({ problem, service, snapshot, safe, strip, level = 3, retry }: TroubleProps) {
  const waits = snapshot.until !== undefined;
  const now = useNow(250, waits);
  const left = waits ? secondsLeft(snapshot.until!, now) : 0;
  const words = wordsFor(problem, service, left);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (snapshot.byPerson && !strip) heading.current?.focus();
  }, [problem]);
  const calm = ["degraded", "limited", "offline"].includes(snapshot.state);
  const seen = strip && snapshot.at > 0 && snapshot.state !== "limited" ? t("panel.values_from", { time: clock(snapshot.at) }) : "";
  const spoken = waits && isSpoken(left, snapshot.total) ? t("panel.spoken", { title: words.title, text: words.text }) : "";
  const buttons = <Way problem={problem} service={service} label={words.action} left={left} busy={snapshot.busy} retry={retry} />;
  const announce = <span class="hidden" role="status">{spoken}</span>;
  if (strip)
    return (
      <div class={`strip ${calm ? "warn" : "bad"}`} data-strip={problem.code}>
        <Icon name={snapshot.state === "offline" ? "wifi-off" : calm ? "clock" : "circle-alert"} />
        <div class="strip-words">
          <p role={waits ? undefined : "status"}><strong>{t("panel.sentence", { text: words.title })}</strong> {words.text} {seen}</p>
          <Details problem={problem} />
        </div>
        {buttons}
        {announce}
      </div>
    );
  return (
    <div class={`box ${calm ? "warn" : "bad"}`}>
      <Icon name={snapshot.state === "offline" ? "wifi-off" : calm ? "clock" : "circle-alert"} />
      {level === 2 ? <h2 tabIndex={-1} ref={heading}>{words.title}</h2> : <h3 tabIndex={-1} ref={heading}>{words.title}</h3>}
      <p>{words.text}</p>
      {safe && problem.code !== "offline" && problem.code !== "provider_unavailable" && <p>{safe}</p>}
      <div class="row">{buttons}</div>
      <Details problem={problem} />
      {announce}
    </div>
  );
}

// The button that belongs to a problem.
function Way({ problem, service, label, left, busy, retry }: { problem: Problem; service: string; label: string; left: number; busy: boolean; retry?: () => void }) {
  const kind = actionOf(problem);
  if (kind === "connect" || kind === "connections")
    return <a class="button primary" href={`/connections?open=${problem.service ?? service}`}>{label}</a>;
  const site = sites[problem.service ?? service];
  if (kind === "visit" && site) return <a class="button primary" href={site} target="_blank" rel="noreferrer">{label}</a>;
  if (kind === "budget") return <a class="button primary" href="/calls?limits=change">{label}</a>;
  if (kind === "docs") return <a class="button" href="/docs">{label}</a>;
  if (kind === "reload") return <Button kind="primary" onClick={() => location.reload()}>{label}</Button>;
  if (kind === "sign_in") return <a class="button primary" href="/signin">{label}</a>;
  if (kind === "none" || kind === "visit" || !retry) return null;
  return <Button kind="primary" busy={busy} blocked={left > 0} onClick={retry}>{left > 0 ? t("action.try_again_in", { n: left }) : label}</Button>;
}

// What helps somebody who looks into it: folded, with the reference to copy.
function Details({ problem }: { problem: Problem }) {
  if (!problem.correlation_id) return null;
  return (
    <>
      <p class="reference">
        {t("panel.reference")} <code>{problem.correlation_id}</code>
        <Copy text={problem.correlation_id} label={t("panel.reference")} />
      </p>
      <details>
        <summary>{t("panel.details")}</summary>
        <dl class="facts">
          <dt>{t("panel.code")}</dt>
          <dd><a href={`/problems/${problem.code}`}><code>{problem.code}</code></a></dd>
          {problem.service && <><dt>{t("panel.service")}</dt><dd>{serviceName(problem.service)}</dd></>}
          {problem.retry?.attempt !== undefined && (
            <><dt>{t("panel.attempts")}</dt><dd>{t("panel.attempt_of", { attempt: problem.retry.attempt, max: problem.retry.max_attempts ?? problem.retry.attempt })}</dd></>
          )}
        </dl>
      </details>
    </>
  );
}

export function Box({ tone, icon, title, text, level = 3, children }: { tone: "info" | "bad" | "warn"; icon: string; title: string; text: string; level?: 2 | 3; children?: ComponentChildren }) {
  return (
    <div class={`box ${tone}`}>
      <Icon name={icon} />
      {level === 2 ? <h2>{title}</h2> : <h3>{title}</h3>}
      {text && <p>{text}</p>}
      {children && <div class="row">{children}</div>}
    </div>
  );
}
