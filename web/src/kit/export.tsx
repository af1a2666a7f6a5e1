// A list taken away whole, as a file, by the filters that are set.
import { t } from "./i18n";
import { Icon } from "./parts";
import { api } from "./state";

const forms = ["csv", "jsonl"] as const;

// The browser takes the file itself, however long it is. It cannot renew a session, so that is done before.
async function take(link: HTMLAnchorElement) {
  const here = await api.get("/auth/me");
  if (!here.ok) return;
  const now = document.createElement("a");
  now.href = link.href;
  now.download = "";
  now.click();
}

export function Export({ of, filters }: { of: "calls" | "messages" | "events" | "audit"; filters?: URLSearchParams }) {
  const address = (form: string) => `/api/v1/exports/${of}?` + new URLSearchParams([...(filters ?? []), ["format", form]]);
  return (
    <p class="export">
      <Icon name="download" /> <span>{t(filters?.size ? "export.filtered" : "export.all")}</span>{" "}
      {forms.map((form) => (
        <a key={form} class="button quiet" href={address(form)} download data-export={form} onClick={(e) => {
          e.preventDefault();
          void take(e.currentTarget);
        }}>{t("export." + form)}</a>
      ))}
    </p>
  );
}
