// Undo of a save: what was there before is put back, unless somebody has changed it since.
import "words:history";
import { t } from "./i18n";
import { wordsFor } from "./problem";
import type { Reply } from "./api";
import type { Resource } from "./resource";
import { api } from "./state";
import { toast, type Toast } from "./toasts";

// Undo of any other write: `back` is the write that makes it as it was, `then` what the page does with its answer.
export function undoBy<T>(back: () => Promise<Reply<T>>, then: (answer: Reply<T>) => void): NonNullable<Toast["action"]> {
  return {
    label: t("history.undo"),
    run: () => void back().then((reply) => {
      then(reply);
      if (reply.ok) toast("ok", t("undo.done"), t("undo.done_text"));
      else toast("bad", t("undo.not_done"), t("history.not_undone", { reason: wordsFor(reply.problem, "ava").title }));
    }),
  };
}

// The same, unless somebody has changed it since: what they made of it stays. isOurs: is it still as it was saved?
export function undoOurs<T>(isOurs: () => boolean, back: () => Promise<Reply<T>>, then: (answer: Reply<T>) => void): NonNullable<Toast["action"]> {
  return undoBy<T>(async () => (isOurs() ? back() : { ok: false, problem: { code: "version_conflict" } }), then);
}

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
