// Where one is, for people who belong to several workspaces: going to another begins the page anew there.
import { useMemo, useState } from "preact/hooks";
import type { Schemas, Session } from "./api";
import { t } from "./i18n";
import { Select } from "./parts";
import { wordsFor } from "./problem";
import { Resource } from "./resource";
import { api, enter, useResource } from "./state";
import { toast } from "./toasts";

export function Workspaces({ here }: { here: Session }) {
  const own = useMemo(() => new Resource((signal) => api.get<Schemas["WorkspaceList"]>("/workspaces?limit=100", { signal }), 300_000), []);
  const list = (useResource(own).data?.workspaces ?? []).filter((w) => w.role);
  const [busy, setBusy] = useState(false);
  if (list.length < 2) return null;
  async function go(id: string) {
    if (busy || id === here.workspace.id) return;
    setBusy(true);
    const reply = await api.send<Session>("PUT", "/auth/workspace", { body: { workspace_id: id } });
    setBusy(false);
    if (reply.ok) return enter(reply.data); // begins anew there, in all tabs
    toast("bad", t("app.not_moved"), wordsFor(reply.problem, "ava").title);
  }
  return <Select name="workspace" label={t("app.workspace")} value={here.workspace.id} options={list.map((w) => [w.id, w.name])} onInput={(id) => void go(id)} />;
}
