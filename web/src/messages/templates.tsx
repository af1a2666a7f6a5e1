// Templates: what e-mails say. The list; one of them is written in template.tsx.
import "words:messages";
import "words:templates";
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { Filters } from "../kit/lists";
import { Panel } from "../kit/panel";
import { Badge, Button, Icon, When } from "../kit/parts";
import { Resource } from "../kit/resource";
import { go, useQuery } from "../kit/router";
import { api, mayManage, useChanged, useResource } from "../kit/state";
import { TemplatePage } from "./template";

type List = Schemas["TemplateList"];

export const address = (name?: string) => "/messages?tab=templates" + (name === undefined ? "" : "&open=" + encodeURIComponent(name));

// Of a name that is no template's the form for a new one opens: no name has a dot.
export const fresh = ".new";

export function Templates() {
  const [query, set] = useQuery();
  const open = query.get("open");
  if (open) return <TemplatePage key={open} name={open === fresh ? "" : open} />;
  return <All search={query.get("search") ?? ""} fields={<Filters query={query} set={set} filters={[{ name: "search", label: t("templates.search") }]} />} onClear={() => set({ search: "" })} />;
}

function All({ search, fields, onClear }: { search: string; fields: ComponentChildren; onClear: () => void }) {
  const path = "/templates?limit=100" + (search ? "&search=" + encodeURIComponent(search.toLowerCase()) : "");
  const resource = useMemo(() => new Resource((signal) => api.get<List>(path, { signal })), [path]);
  const snapshot = useResource(resource);
  useChanged("template", resource);
  const [busy, setBusy] = useState(false);
  const make = <Button kind="primary" icon="pencil" blocked={mayManage() ? false : t("forbidden.title")} onClick={() => go(address(fresh))}>{t("templates.new")}</Button>;
  const nothing = <div class="box" data-nothing><Icon name="info" /><h3>{t("list.nothing")}</h3><Button onClick={onClear}>{t("action.clear_filters")}</Button></div>;

  async function more(had: List) {
    setBusy(true);
    const reply = await api.get<List>(`${path}&cursor=${had.next_cursor}`);
    setBusy(false);
    if (reply.ok) resource.put({ ...reply.data, templates: [...had.templates, ...reply.data.templates] });
    else resource.learn(reply.problem);
  }

  return (
    <>
      {fields}
      <Panel resource={resource} snapshot={snapshot} title={t("templates.title")} service="ava" name="templates" safe={t("templates.safe")} isEmpty={(d) => !d.templates.length} empty={nothing}>
        {(data) => (
          <>
            <table class="cards">
              <caption class="hidden">{t("templates.title")}</caption>
              <thead><tr>{["name", "kind", "changed"].map((c) => <th key={c} scope="col">{t("templates.column." + c)}</th>)}</tr></thead>
              <tbody>
                {data.templates.map((one) => (
                  <tr key={one.name} data-template={one.name}>
                    <th scope="row"><a class="mono" href={address(one.name)}>{one.name}</a></th>
                    <td data-label={t("templates.column.kind")}><Kind one={one} /></td>
                    <td data-label={t("templates.column.changed")}>{one.updated_at ? <When at={one.updated_at} /> : <span class="muted">{t("templates.never")}</span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            <div class="row">{make}{data.next_cursor && <Button busy={busy} onClick={() => void more(data)}>{t("action.more")}</Button>}</div>
          </>
        )}
      </Panel>
    </>
  );
}

export function Kind({ one }: { one: Schemas["TemplateHead"] }) {
  if (one.built_in) return <Badge tone="quiet" icon="info">{t("templates.built_in")}</Badge>;
  return <Badge tone="info" icon="pencil">{t(one.replaces_built_in ? "templates.replaces" : "templates.own")}</Badge>;
}
