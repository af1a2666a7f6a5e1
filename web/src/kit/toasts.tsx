// Toasts: at most three, bottom right, gone after six seconds unless they report a failure or are looked at.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "./i18n";
import { Retrying } from "./panel";
import { Button, Icon } from "./parts";
import { serviceName } from "./problem";
import { retried, useCell } from "./state";

export interface Toast {
  id: number;
  tone: "ok" | "bad";
  title: string;
  text: string;
  action?: { label: string; run: () => void };
}

let next = 1;
let toasts: Toast[] = [];
const listeners = new Set<() => void>();

function change(to: Toast[]): void {
  toasts = to.slice(-3);
  for (const listener of listeners) listener();
}

export function toast(tone: Toast["tone"], title: string, text: string, action?: Toast["action"]): void {
  change([...toasts, { id: next++, tone, title, text, action }]);
}

function close(id: number): void {
  change(toasts.filter((one) => one.id !== id));
}

export function Toasts() {
  const again = useCell(retried);
  const [, redraw] = useState({});
  useEffect(() => {
    const listener = () => redraw({});
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((one) => <One key={one.id} toast={one} />)}
      {again && <div class="toast warn" data-toast="retrying"><Icon name="clock" /><div class="toast-words"><strong>{t("panel.held_up", { service: serviceName(again.service) })}</strong><Retrying attempt={again.attempt} max={again.max_attempts} until={again.until} /></div></div>}
    </div>
  );
}

function One({ toast: one }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  const left = useRef(6000);
  useEffect(() => {
    if (held || one.tone === "bad") return;
    const since = Date.now();
    const id = setTimeout(() => close(one.id), left.current);
    return () => {
      clearTimeout(id);
      left.current = Math.max(1000, left.current - (Date.now() - since));
    };
  }, [held, one]);
  return (
    <div
      class={`toast ${one.tone}`} data-toast={one.tone}
      onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)} onFocusOut={() => setHeld(false)}
    >
      <Icon name={one.tone === "ok" ? "circle-check" : "circle-alert"} />
      <div class="toast-words">
        <strong>{one.title}</strong>
        <p>{one.text}</p>
        {one.action && <Button onClick={() => { close(one.id); one.action!.run(); }}>{one.action.label}</Button>}
      </div>
      <button type="button" class="button quiet icon-only" aria-label={t("action.close")} onClick={() => close(one.id)}><Icon name="x" small /></button>
    </div>
  );
}
