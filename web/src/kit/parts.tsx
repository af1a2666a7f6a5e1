// The bricks: icon, button, field, age, badge, copy. Small, dumb, labelled.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { serverNow } from "./clock";
import { ago, exact, t } from "./i18n";

declare const SPRITE: string;

export function Icon({ name, small }: { name: string; small?: boolean }) {
  return (
    <svg class={small ? "icon small" : "icon"} aria-hidden="true" focusable="false">
      <use href={`${SPRITE}#${name}`} />
    </svg>
  );
}

interface ButtonProps {
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: string;
  busy?: boolean;
  type?: "button" | "submit";
  blocked?: string | boolean; // why it cannot work now: it keeps its focus and says so
  onClick?: (e: MouseEvent) => void;
  pressed?: boolean; // one of several, and this is the one
  "aria-label"?: string;
  "data-change"?: boolean;
  children?: ComponentChildren;
}

export function Button({ kind = "plain", icon, busy, blocked, pressed, type = "button", children, onClick, ...rest }: ButtonProps) {
  const why = useId();
  const stopped = busy || Boolean(blocked);
  return (
    <>
      <button
        {...rest}
        type={type}
        class={`button ${kind}`}
        aria-disabled={stopped || undefined}
        aria-busy={busy || undefined}
        aria-pressed={pressed}
        aria-describedby={typeof blocked === "string" ? why : undefined}
        onClick={(e) => {
          if (stopped) e.preventDefault();
          else onClick?.(e);
        }}
      >
        {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} small />}
        <span>{children}</span>
      </button>
      {typeof blocked === "string" && <span id={why} class="blocked">{blocked}</span>}
    </>
  );
}

export interface FieldProps {
  label: string;
  name: string;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "email" | "password" | "number" | "range" | "tel" | "url" | "datetime-local";
  hint?: ComponentChildren;
  error?: string;
  lines?: number;
  secret?: boolean;
  extra?: ComponentChildren;
  input?: { autocomplete?: string; autofocus?: boolean; min?: number; max?: number; step?: number; "aria-valuetext"?: string };
}

// Label above, hint below, error below the field; a secret can be shown while it is typed.
export function Field({ label, name, value, onInput, type = "text", hint, error, lines, secret, extra, input }: FieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const described = [hint && id + "h", error && id + "e"].filter(Boolean).join(" ") || undefined;
  const common = {
    id, name, value, "aria-describedby": described, "aria-invalid": error ? true : undefined,
    spellcheck: secret ? false : undefined, autocapitalize: secret || type === "email" ? "none" : undefined,
    onInput: (e: Event) => onInput((e.currentTarget as HTMLInputElement).value),
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {lines ? (
        <textarea {...common} rows={lines} />
      ) : (
        <div class="control">
          <input {...input} {...common} type={(secret ? (shown ? "text" : "password") : type) as "text"} />
          {secret && (
            <button type="button" class="button quiet" aria-pressed={shown} aria-controls={id} onClick={() => setShown(!shown)}>
              {shown ? t("action.hide") : t("action.show")}
              <span class="hidden"> {label}</span>
            </button>
          )}
        </div>
      )}
      {extra}
      {hint && <div class="hint" id={id + "h"}>{hint}</div>}
      {error && <div class="wrong" id={id + "e"}><Icon name="circle-alert" small /><span>{error}</span></div>}
    </div>
  );
}

export function Select({ label, name, value, options, onInput, hint }: { label: string; name: string; value: string; options: [value: string, words: string][]; onInput: (value: string) => void; hint?: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name} value={value} aria-describedby={hint && id + "h"} onChange={(e) => onInput(e.currentTarget.value)}>
        {options.map(([v, words]) => <option key={v} value={v}>{words}</option>)}
      </select>
      {hint && <div class="hint" id={id + "h"}>{hint}</div>}
    </div>
  );
}

// A clock that ticks only while somebody looks at it.
export function useNow(everyMs: number, running = true): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    set((was) => (Date.now() - was < 100 ? was : Date.now())); // just drawn: not once more
    const id = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(id);
  }, [everyMs, running]);
  return now;
}

// How long ago: a text is a time of the server's clock, a number one of this computer's.
export function When({ at }: { at: string | number }) {
  const here = useNow(15_000);
  const now = typeof at === "number" ? here : serverNow(here);
  const ms = typeof at === "number" ? at : Date.parse(at);
  return <time dateTime={new Date(ms).toISOString()} title={exact(ms)}>{ago(ms, Math.max(now, ms))}</time>;
}

export function Badge({ tone, icon, children }: { tone: "ok" | "warn" | "bad" | "info" | "quiet"; icon: string; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}><Icon name={icon} small />{children}</span>;
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  if (!navigator.clipboard) return null; // over plain http from afar the browser has none: the text can still be selected
  return (
    <button
      type="button" class="button quiet icon-only" aria-label={t("action.copy_what", { what: label })} title={t("action.copy")}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 2000);
        });
      }}
    >
      <Icon name={done ? "check" : "copy"} small />
      <span class="hidden" role="status">{done ? t("action.copied") : ""}</span>
    </button>
  );
}

// After a move the heading has the focus: the one that is there, or the next one that comes when the room is still on its way.
let awaited = false;
export function focusHeading(): void {
  const top = document.getElementById("top");
  awaited = !top;
  top?.focus();
}

// What had the focus is gone: the heading takes it, so that nobody begins again at the top of the page.
export function keepFocus(): void {
  if (!document.activeElement || document.activeElement === document.body) focusHeading();
}

// One h1 per page. It takes the focus when the person moved here, unless they went on meanwhile.
export function Heading({ children }: { children: ComponentChildren }) {
  useEffect(() => {
    if (awaited) keepFocus();
    awaited = false;
  }, []);
  return <h1 tabIndex={-1} id="top">{children}</h1>;
}

// The name of the page, and before it whatever needs attention: both write through here.
const tab = { page: t("app.name"), attention: "" };
function showTitle(): void {
  document.title = tab.attention || t("app.title", { page: tab.page });
}

export function useTitle(page: string): void {
  useEffect(() => {
    tab.page = page;
    showTitle();
  }, [page]);
}

export function useAttention(attention: string): void {
  useEffect(() => {
    tab.attention = attention;
    showTitle();
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (!icon?.dataset.dot) return;
    icon.dataset.calm ??= icon.getAttribute("href")!;
    icon.href = attention ? icon.dataset.dot : icon.dataset.calm;
  }, [attention]);
}

export function Dialog({ title, onClose, children, closable = true }: { title: string; onClose: () => void; children: ComponentChildren; closable?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => () => keepFocus(), []);
  // In the commit, not after its paint: by then the person may have gone on, and the focus would be taken from them.
  useLayoutEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement as HTMLElement | null;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref} aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        if (closable) onClose();
      }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        {closable && <button type="button" class="button quiet icon-only" aria-label={t("action.close")} onClick={onClose}><Icon name="x" small /></button>}
      </div>
      {children}
    </dialog>
  );
}

// Before what cannot be taken back: names the thing, says what breaks, and the button says the verb.
export function Sure({ title, text, verb, danger, busy, onClose, onYes, children }: { title: string; text: string; verb: string; danger?: boolean; busy: boolean; onClose: () => void; onYes: () => void; children?: ComponentChildren }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      {children}
      <div class="row"><Button kind={danger ? "danger" : "primary"} busy={busy} onClick={onYes}>{verb}</Button><Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button></div>
    </Dialog>
  );
}
