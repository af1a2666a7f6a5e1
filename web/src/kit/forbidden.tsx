// In place of what only an administrator may do: says so, and names who can, where that is known.
import { useEffect, useState } from "preact/hooks";
import type { Schemas } from "./api";
import { t } from "./i18n";
import { Box } from "./panel";
import { api, session } from "./state";

// installer: not those of the workspace can, but who runs this Ava; whoever that is, is not told.
export function Forbidden({ installer }: { installer?: boolean }) {
  const [who, setWho] = useState("");
  useEffect(() => {
    const id = session.value?.workspace.id;
    if (!id || installer) return;
    void api.get<Schemas["MemberList"]>(`/workspaces/${encodeURIComponent(id)}/members`).then((reply) => {
      if (reply.ok) setWho(reply.data.members.filter((m) => m.role !== "member").map((m) => m.name ?? m.email).join(", "));
    });
  }, [installer]);
  return (
    <div data-state="forbidden">
      <Box level={2} tone="info" icon="lock" title={t("forbidden.title")} text={installer ? t("forbidden.installer") : who ? t("forbidden.ask", { who }) : t("forbidden.text")} />
    </div>
  );
}
