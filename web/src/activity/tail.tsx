// The live tail: newest first, only what can be seen is drawn, and it holds still while somebody points at it, reads further down or pressed Space.
import "words:activity";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { looks, placesOf, windowOf, type Event } from "./words";
import { t } from "../kit/i18n";
import type { List } from "../kit/lists";
import { Badge, Button, Icon, When } from "../kit/parts";
import { hasShortcuts } from "../kit/prefs";
import { serviceName } from "../kit/problem";
import { useLive } from "../kit/state";

const rowHeight = 64; // as in app.css
const most = 10_000; // rows kept; the oldest go

export function Tail({ list, filters, rows }: { list: List<Event>; filters: URLSearchParams; rows: Event[] }) {
  const [stopped, stop] = useState(false);
  const [pointed, point] = useState(false);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [held, setHeld] = useState<Event[]>([]);
  const box = useRef<HTMLDivElement>(null);
  const came = useRef(new Set<string>()); // rows that came while somebody looked
  const focused = useRef<string | undefined>(undefined); // the row that has the focus
  const still = stopped || pointed || top > 0;

  const take = (events: Event[]) => {
    const had = list.resource.snapshot.data;
    if (!had) return;
    const known = new Set(had.rows.map((r) => r.id));
    const fresh = events.filter((e) => !known.has(e.id)), now = [...fresh, ...had.rows];
    for (const e of fresh) came.current.add(e.id);
    if (came.current.size > 2 * most) came.current = new Set(now.filter((e) => came.current.has(e.id)).map((e) => e.id));
    list.resource.put(now.length > most ? { rows: now.slice(0, most), next_cursor: null } : { ...had, rows: now });
  };
  useLive<Event>("event", (event) => {
    if (!event) return list.resource.changed();
    const is = list.resource.snapshot.data?.rows.some((r) => r.id === event.id);
    const fits = [...filters].every(([name, value]) => event[name as "type"] === value);
    if (is) list.put(event, false);
    else if (held.some((h) => h.id === event.id)) setHeld(held.map((h) => (h.id === event.id ? event : h)));
    else if (fits && still) setHeld((had) => [event, ...had].slice(0, most));
    else if (fits) take([event]);
  });
  useEffect(() => {
    if (still || !held.length) return;
    take(held);
    setHeld([]);
  }, [still, held]);
  useEffect(() => {
    const measure = () => box.current && setHeight(box.current.clientHeight);
    measure();
    const press = (e: KeyboardEvent) => {
      if (e.key !== " " || !hasShortcuts() || document.querySelector("dialog[open]") || (e.target as Element).closest?.("input, textarea, select, button, summary")) return;
      e.preventDefault();
      stop((was) => !was);
    };
    addEventListener("resize", measure);
    addEventListener("keydown", press);
    return () => {
      removeEventListener("resize", measure);
      removeEventListener("keydown", press);
    };
  }, []);

  const { first, last } = windowOf(rows.length, top, height, rowHeight), places = placesOf(height, rowHeight);
  // What goes out of sight gives its place to what comes, which is much quicker than to make it anew. What is news is made: it
  // is told as an addition.
  const news = useMemo(() => Math.max(0, rows.findIndex((e) => !came.current.has(e.id))), [rows]);
  const keyOf = (e: Event, i: number) => (came.current.has(e.id) ? e.id : (first + i - news) % places);
  // The focus stays with its row; where that has given its place away, with the list.
  useLayoutEffect(() => {
    const li = box.current?.contains(document.activeElement) ? document.activeElement!.closest<HTMLElement>("[data-row]") : null;
    if (!li || li.dataset.row === focused.current) return;
    const row = [...box.current!.querySelectorAll<HTMLElement>("[data-row]")].find((one) => one.dataset.row === focused.current);
    (row?.querySelector("a") ?? box.current!).focus({ preventScroll: true });
  });
  function scrolled() {
    setTop(box.current!.scrollTop);
    if (windowOf(rows.length, box.current!.scrollTop, height, rowHeight).last >= rows.length && list.snapshot.data?.next_cursor) void list.more();
  }
  const catchUp = () => {
    take(held);
    setHeld([]);
    stop(false);
    box.current?.scrollTo({ top: 0 });
  };

  return (
    <>
      <div class="row" data-tail={still ? "paused" : "live"}>
        <Button icon={stopped ? "play" : "pause"} pressed={stopped} onClick={() => stop(!stopped)}>{t(stopped ? "activity.go_on" : "activity.pause")}</Button>
        {held.length > 0 && <Button kind="primary" onClick={catchUp}>{t("activity.new", { n: held.length })}</Button>}
        <span class="muted" role="status">{stopped ? t("activity.paused") : t("activity.shown", { n: rows.length })}</span>
      </div>
      <div ref={box} class="tail" role="log" aria-live={still ? "off" : "polite"} aria-relevant="additions" aria-label={t("activity.list")} title={t("activity.held")} tabIndex={0}
        onScroll={scrolled} onMouseEnter={() => point(true)} onMouseLeave={() => point(false)}>
        <ul style={{ height: rows.length * rowHeight + "px" }} onFocusIn={(e) => (focused.current = (e.target as Element).closest<HTMLElement>("[data-row]")?.dataset.row)}>
          {rows.slice(first, last).map((e, i) => (
            <li key={keyOf(e, i)} style={{ top: (first + i) * rowHeight + "px" }} aria-setsize={rows.length} aria-posinset={first + i + 1} data-row={e.id} data-event={e.status}><Row event={e} /></li>
          ))}
        </ul>
      </div>
    </>
  );
}

function Row({ event }: { event: Event }) {
  const [tone, icon] = looks[event.status];
  return (
    <a href={"/activity/" + event.id}>
      <span class="service"><Icon name={event.provider === "vapi" ? "bot" : "phone"} small /> {serviceName(event.provider)}</span>
      <span class="type"><strong>{event.type}</strong></span>
      <span class="about mono muted">{event.resource}</span>
      <When at={event.received_at} />
      <Badge tone={tone} icon={icon}>{t("activity.status." + event.status)}</Badge>
    </a>
  );
}
