// Search from everywhere: a call, a number, a message or an event, by any id or by a piece of a number or of an address.
import "words:activity";
import "words:calls";
import "words:ended";
import "words:messages";
import "words:search";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { has, phone, t } from "../kit/i18n";
import { heard, said } from "../kit/said";
import { Dialog, Icon, When } from "../kit/parts";
import { serviceName, wordsFor } from "../kit/problem";
import { api } from "../kit/state";

type Results = Schemas["SearchResults"];
interface Hit {
  id: string;
  href: string;
  what: string;
  more: string;
  at?: string;
}

const pauseMs = 200, min = 2;
const named = (address: string) => (address.startsWith("+") ? phone(address) : address);
const statusOf = (states: string, status: string) => (has(states + status) ? t(states + status) : status);

function callHit(c: Results["calls"][number]): Hit {
  const other = c.direction === "outbound" ? c.to : c.from;
  return { id: c.id, href: "/calls/" + c.id, what: t(`calls.direction.${c.direction}`) + " " + (other ? named(other) : t("calls.hidden")), more: c.ended ? said(c.ended.text) : statusOf("calls.status.", c.status), at: c.created_at };
}

// A text has no page of its own: all that went to and fro with the same other side.
function messageHit(m: Results["messages"][number]): Hit {
  const out = m.direction === "outbound";
  const href = m.channel === "email" ? "/messages?mail=" + m.id : `/messages?${out ? "to" : "from"}=` + encodeURIComponent(out ? m.to : m.from);
  return { id: m.id, href, what: t(out ? "messages.to_who" : "messages.from_who", { who: named(out ? m.to : m.from) }), more: m.subject ?? (m.body || statusOf("messages.status.", m.status)), at: m.created_at };
}

const numberHit = (n: Results["numbers"][number]): Hit => ({ id: n.id, href: "/numbers", what: phone(n.phone_number), more: n.friendly_name ?? "" });
const eventHit = (e: Results["events"][number]): Hit => ({ id: e.id, href: "/activity/" + e.id, what: `${serviceName(e.provider)}: ${e.type}`, more: statusOf("activity.status.", e.status), at: e.received_at });

const groups = (found: Results): [string, Hit[]][] => [
  ["calls.title", found.calls.map(callHit)], ["messages.title", found.messages.map(messageHit)], ["numbers.title", found.numbers.map(numberHit)], ["activity.title", found.events.map(eventHit)],
];

// What was typed last counts, in whatever order the answers come.
function useSearch(typed: string) {
  const [found, setFound] = useState<Results | undefined>();
  const [problem, setProblem] = useState<Problem | undefined>();
  const [busy, setBusy] = useState(false);
  const q = typed.trim();
  useEffect(() => {
    setProblem(undefined);
    if ([...q].length < min) return setFound(undefined);
    const stop = new AbortController();
    const wait = setTimeout(() => {
      setBusy(true);
      api.get<Results>("/search?q=" + encodeURIComponent(q), { signal: stop.signal }).then((reply) => {
        setBusy(false);
        if (reply.ok) setFound(reply.data);
        else setProblem(reply.problem);
      }, () => undefined);
    }, pauseMs);
    return () => {
      clearTimeout(wait);
      stop.abort();
    };
  }, [q]);
  return { found, problem, busy };
}

export default function Search({ onClose }: { onClose: () => void }) {
  const [typed, type] = useState("");
  const { found, problem, busy } = useSearch(typed);
  const box = useRef<HTMLDivElement>(null);
  const hits = found ? groups(found) : [];
  const count = hits.reduce((sum, [, of]) => sum + of.length, 0);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);

  // Down and up go through field and hits.
  function move(e: KeyboardEvent) {
    const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
    if (!step) return;
    const all = [...box.current!.querySelectorAll<HTMLElement>("input, a")];
    all[all.indexOf(document.activeElement as HTMLElement) + step]?.focus();
    e.preventDefault();
  }

  return (
    <Dialog title={t("search.title")} onClose={onClose}>
      <div ref={box} class="search" role="search" data-state={problem ? "error" : busy ? "loading" : found ? (count ? "ready" : "empty") : "idle"} data-panel="search" onKeyDown={move}>
        <div class="field">
          <label for="search-q">{t("search.label")}</label>
          <input id="search-q" role="searchbox" enterKeyHint="search" value={typed} maxLength={100} autocomplete="off" spellcheck={false} aria-describedby="search-hint"
            onInput={(e) => type(e.currentTarget.value)} onKeyDown={(e) => e.key === "Enter" && box.current?.querySelector<HTMLAnchorElement>("a")?.click()} />
          <div class="hint" id="search-hint">{t("search.hint")}</div>
        </div>
        <p class="hidden" role="status">{problem ? wordsFor(problem, "ava").title : found && !busy ? t("search.count", { n: count }) : ""}</p>
        {problem && <p class="wrong"><Icon name="circle-alert" small /><span>{wordsFor(problem, "ava").title} {heard(problem.detail ?? "") ?? wordsFor(problem, "ava").text}</span></p>}
        {found && !problem && count === 0 && <p class="muted">{t("search.nothing")}</p>}
        {!problem && hits.map(([name, of]) => of.length > 0 && (
          <section key={name} aria-labelledby={name}>
            <h3 id={name}>{t(name)}</h3>
            <ul class="hits">
              {of.map((hit) => (
                <li key={hit.id}><a href={hit.href} data-hit={hit.id} onClick={() => setTimeout(onClose)}><b class="mono">{hit.what}</b> <span class="muted">{hit.more}</span> {hit.at && <span class="muted nowrap"><When at={hit.at} /></span>}</a></li>
              ))}
            </ul>
          </section>
        ))}
        {found?.is_cut && !problem && <p class="muted fine">{t("search.cut")}</p>}
      </div>
    </Dialog>
  );
}
