// A strip over the room when what happens does not reach this page: what is the matter, what is kept, when it is tried again.
import { useEffect, useRef, useState } from "preact/hooks";
import { secondsLeft } from "./countdown";
import { clock, t } from "./i18n";
import { Button, Icon, useNow } from "./parts";
import { api, live } from "./state";
import { toast } from "./toasts";
import type { Status } from "./wire";

const patienceMs = 3000; // a stream that comes back at once was no matter

export function Connection() {
  const [status, set] = useState<Status>(live.status);
  const [shown, show] = useState(false);
  const wasShown = useRef(false);
  useEffect(() => live.watch(() => set(live.status)), []);
  const troubled = status.is === "cut" || status.is === "held" || status.is === "out";
  useEffect(() => {
    if (!troubled) return show(false);
    const timer = setTimeout(() => show(true), status.is === "cut" ? patienceMs : 0);
    return () => clearTimeout(timer);
  }, [troubled, status.is]);
  useEffect(() => {
    if (status.is === "open" && wasShown.current) toast("ok", t("live.back"), t("live.back_text"));
    wasShown.current = shown;
  }, [shown]);
  return shown && troubled ? <Strip status={status} /> : null;
}

function Strip({ status }: { status: Status }) {
  const now = useNow(500);
  const left = secondsLeft(status.until ?? now, now);
  return (
    <div class="strip warn" data-connection={status.is}>
      <Icon name={status.is === "out" ? "lock" : "wifi-off"} />
      <div class="strip-words">
        <p role="status"><strong>{t(`live.${status.is}`)}</strong> {t(`live.${status.is}_text`, { time: clock(status.since) })}</p>
        {status.is === "cut" && <p class="muted" aria-live="off">{left ? t("panel.next_try", { n: left }) : t("panel.next_try_now")}</p>}
      </div>
      {status.is === "cut" && <Button onClick={() => live.hurry()}>{t("action.try_again")}</Button>}
      {status.is === "out" && <Button kind="primary" onClick={() => void api.get("/auth/me")}>{t("signin.button")}</Button>}
    </div>
  );
}
