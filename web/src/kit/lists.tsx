// Lists that grow and live: filters in the address, pages by cursor, rows that change while somebody looks at them.
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Problem, Reply } from "./api";
import { t } from "./i18n";
import { local, moment } from "./moment";
import { dated, Panel, Trouble, troubleOf, type PanelProps } from "./panel";
import { Button, Icon, Select } from "./parts";
import { Resource, type Snapshot } from "./resource";
import { api, useResource } from "./state";

export interface Rows<Row> {
  rows: Row[];
  next_cursor: string | null;
}

export interface List<Row> {
  resource: Resource<Rows<Row>>;
  snapshot: Snapshot<Rows<Row>>;
  busy: boolean;
  problem?: Problem & { until?: number };
  more: () => Promise<void>;
  put: (row: Row, isNew: boolean) => void;
}

type Answer = Record<string, unknown> & { next_cursor: string | null };

// Of the query only what is a filter here: the address says other things too.
export function only(query: URLSearchParams, names: string[]): URLSearchParams {
  return new URLSearchParams(names.flatMap((n) => (query.get(n) ? [[n, query.get(n)!]] : [])));
}

// The first page anew, and below it what was read further down, if there is no gap between them. Ids rise with time.
export function joined<Row extends { id: string }>(fresh: Rows<Row>, had: Rows<Row> | undefined): Rows<Row> {
  const last = fresh.rows.at(-1)?.id;
  if (!had || !last || !fresh.next_cursor || !had.rows.some((r) => r.id >= last)) return fresh;
  const older = had.rows.filter((r) => r.id < last);
  return older.length ? { rows: [...fresh.rows, ...older], next_cursor: had.next_cursor } : fresh;
}

// A page may be empty and yet not the last one: Ava looks at so many rows for each. Reads on, some pages far.
const PAGES = 5;
export async function readOn<Row>(page: (cursor: string | null) => Promise<Reply<Rows<Row>>>): Promise<Reply<Rows<Row>>> {
  let reply = await page(null);
  for (let n = 1; n < PAGES && reply.ok && !reply.data.rows.length && reply.data.next_cursor; n++) reply = await page(reply.data.next_cursor);
  return reply;
}

export function useList<Row extends { id: string }>(path: string, field: string, filters: URLSearchParams, size = 20, wanted = true, shape: (said: unknown) => Row = (said) => said as Row): List<Row> {
  const address = `${path}?limit=${size}${filters.size ? "&" + filters : ""}`;
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const read = (url: string, signal?: AbortSignal): Promise<Reply<Rows<Row>>> =>
    readOn(async (cursor) => {
      const reply = await api.get<Answer>(cursor ? `${address}&cursor=${encodeURIComponent(cursor)}` : url, { signal });
      return reply.ok ? { ...reply, data: { rows: (reply.data[field] as unknown[]).map(shape), next_cursor: reply.data.next_cursor } } : reply;
    });
  const resource = useMemo(() => {
    const made: Resource<Rows<Row>> = new Resource(async (signal) => {
      const reply = await read(address, signal);
      return reply.ok ? { ...reply, data: joined(reply.data, made.snapshot.data) } : reply;
    });
    return made;
  }, [address]);
  const snapshot = useResource(resource, wanted);

  async function more() {
    const had = resource.snapshot.data;
    if (!had?.next_cursor || busy) return;
    setBusy(true);
    const reply = await read(`${address}&cursor=${encodeURIComponent(had.next_cursor)}`);
    setBusy(false);
    setProblem(reply.ok ? undefined : dated(reply.problem));
    const now = resource.snapshot.data?.rows ?? []; // rows may have come while we asked
    if (reply.ok) resource.put({ rows: [...now, ...reply.data.rows.filter((r) => !now.some((n) => n.id === r.id))], next_cursor: reply.data.next_cursor });
  }

  // A row that is shown changes in its place; one that is new comes first.
  function put(row: Row, isNew: boolean) {
    const had = resource.snapshot.data;
    if (!had) return resource.changed();
    resource.outdate();
    const is = had.rows.some((r) => r.id === row.id);
    if (is) resource.put({ ...had, rows: had.rows.map((r) => (r.id === row.id ? row : r)) });
    else if (isNew) resource.put({ ...had, rows: [row, ...had.rows] });
  }

  return { resource, snapshot, busy, problem, more, put };
}

export function More<Row>({ list, service }: { list: List<Row>; service: string }) {
  return (
    <>
      {list.problem && <Trouble problem={list.problem} service={service} strip snapshot={troubleOf(list.problem, list.busy)} retry={() => void list.more()} />}
      {list.snapshot.data?.next_cursor && <div class="row"><Button busy={list.busy} onClick={() => void list.more()}>{t("action.more")}</Button></div>}
    </>
  );
}

type ListPanel<Row> = Omit<PanelProps<Rows<Row>>, "resource" | "snapshot" | "isEmpty" | "children" | "empty"> & {
  list: List<Row>;
  filtered: boolean;
  empty: ComponentChildren;
  onClear: () => void;
  filters: ComponentChildren;
  children: (rows: Row[]) => ComponentChildren;
  takeAway?: ComponentChildren; // below the rows
};

// Nothing there, and nothing that matches, are two things.
export function ListPanel<Row extends { id: string }>({ list, filtered, empty, onClear, filters, children, takeAway, ...rest }: ListPanel<Row>) {
  const rows = list.snapshot.data?.rows.length ?? 0;
  const [choosing, choose] = useState(filtered); // once there is something to choose from, the fields stay where they are
  if (!choosing && (filtered || rows)) choose(true);
  const nothing = (
    <div class="box" data-nothing>
      <Icon name="info" />
      <h3>{t("list.nothing")}</h3>
      <Button onClick={onClear}>{t("action.clear_filters")}</Button>
    </div>
  );
  return (
    <>
      {choosing && filters}
      <Panel {...rest} resource={list.resource} snapshot={list.snapshot} isEmpty={(d) => !d.rows.length && !d.next_cursor} empty={filtered ? nothing : empty}>
        {(data) => <>{children(data.rows)}{data.rows.length > 0 && takeAway}<More list={list} service={rest.service} /></>}
      </Panel>
    </>
  );
}

export interface Filter {
  name: string;
  label: string;
  options?: [value: string, words: string][]; // none: something to type
  any?: string; // what no choice means, where that is not all there is
  isTime?: boolean; // date and time: in the address as the API takes it, whatever the time zone of who opens it
}

function shown({ name, isTime }: Filter, query: URLSearchParams): string {
  const said = query.get(name) ?? "";
  return !isTime ? said : Number.isNaN(Date.parse(said)) ? "" : local(Date.parse(said));
}

export function Filters({ filters, query, set }: { filters: Filter[]; query: URLSearchParams; set: (change: Record<string, string>) => void }) {
  return (
    <form class="filters" role="search" aria-label={t("list.filters")} onSubmit={(e) => e.preventDefault()}>
      {filters.map((f) =>
        f.options ? (
          <Select key={f.name} name={f.name} label={f.label} value={query.get(f.name) ?? ""} options={[["", f.any ?? t("list.any")], ...f.options]} onInput={(value) => set({ [f.name]: value })} />
        ) : (
          <div class="field" key={f.name}>
            <label for={"filter-" + f.name}>{f.label}</label>
            <input id={"filter-" + f.name} name={f.name} type={(f.isTime ? "datetime-local" : "text") as "text"} value={shown(f, query)} onChange={(e) => set({ [f.name]: (f.isTime ? moment(e.currentTarget.value) : e.currentTarget.value.trim()) ?? "" })} />
          </div>
        ),
      )}
    </form>
  );
}

// "+33 6 12 34" as people type it, to what the API takes.
export const plainNumber = (typed: string) => typed.replace(/[\s().-]/g, "").replace(/^00/, "+");
