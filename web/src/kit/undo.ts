// Undo of a save: what was there before is put back, unless somebody has changed it since.
import { t } from "./i18n";
import { wordsFor } from "./problem";
import type { Resource } from "./resource";
import { api } from "./state";
import { toast, type Toast } from "./toasts";

// etag: of what was just saved; a newer one is somebody else's, and stays.
export function undo<T>(path: string, resource: Resource<T>, before: unknown, etag: string | undefined): Toast["action"] {
  return { label: t("history.undo"), run: () => void back() };

  async function back(): Promise<void> {
    const reply = await api.send<T>("PUT", path, { body: before, ifMatch: etag });
    if (reply.ok) {
      resource.put(reply.data, reply.etag);
      return toast("ok", t("undo.done"), t("undo.done_text"));
    }
    resource.changed();
    toast("bad", t("undo.not_done"), t("history.not_undone", { reason: wordsFor(reply.problem, "ava").title }));
  }
}
