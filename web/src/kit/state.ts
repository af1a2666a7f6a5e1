// What the whole dashboard knows: who is here, and the resources its panels share.
import { useEffect, useRef, useState } from "preact/hooks";
import { createClient, whoOf, type Retry, type Schemas, type Session } from "./api";
import { learnDate } from "./clock";
import type {} from "../early";
import { newId } from "./ids";
import { Live, type Change, type Locks } from "./live";
import { go, safeNext } from "./router";
import { realSeams, Resource, type Snapshot } from "./resource";

export class Cell<T> {
  private listeners = new Set<() => void>();
  constructor(public value: T) {}
  set(value: T): void {
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}

// Draws anew when it changes. It is listened to a moment after it was drawn: what came in between counts too.
function useChanges<T>(of: { subscribe: (listener: () => void) => () => void }, now: () => T): T {
  const [, redraw] = useState({});
  const drawn = now();
  useEffect(() => {
    if (now() !== drawn) redraw({});
    return of.subscribe(() => redraw({}));
  }, [of]);
  return drawn;
}

export function useCell<T>(cell: Cell<T>): T {
  return useChanges(cell, () => cell.value);
}

export type Profile = Schemas["Profile"];
export const session = new Cell<Session | undefined>(undefined);
export const profile = new Cell<Profile | undefined>(undefined);

// The dialog over the page sets this; signing in, or leaving, answers it.
export const signInAgain = new Cell<((signedIn: boolean) => void) | undefined>(undefined);

// What early.ts has asked already is taken once, then asked for real.
function take(url: string): Promise<Response> | undefined {
  const answer = globalThis.avaEarly?.[url];
  if (answer) delete globalThis.avaEarly![url];
  return answer;
}

// The one thing to know before anybody is here: which profile, and whether an account exists.
export const ready = new Cell<Schemas["Ready"] | undefined>(undefined);
export async function readiness(): Promise<void> {
  try {
    const response = await (take("/health/ready") ?? fetch("/health/ready", { cache: "no-store" }));
    ready.set((await response.json()) as Schemas["Ready"]);
    profile.set(ready.value?.profile);
  } catch {
    // not reachable: the form says so when it is sent
  }
}

// What somebody asked for outside of a panel, a save for one, and Ava tries again.
export const retried = new Cell<(Retry & { until: number }) | undefined>(undefined);

// A page of somebody else's begins from nothing: what was read or typed here is not for them.
const beginAnew = () => location.assign("/");

const locks = globalThis.navigator?.locks as LockManager | undefined;
const hasChannels = typeof BroadcastChannel === "function";

export const api = createClient({
  fetch: (url, init) => take(url) ?? fetch(url, init),
  now: Date.now,
  newId,
  date: (serverMs) => learnDate(serverMs, Date.now()),
  alone: <T>(what: () => Promise<T>) => (locks ? (locks.request("ava-session", what) as Promise<T>) : what()),
  somebodyElse: beginAnew,
  retried: (retry) => retried.set(retry && { ...retry, until: Date.now() + retry.next_retry_in_seconds * 1000 }),
  sessionOver: () =>
    new Promise<boolean>((resolve) => {
      signInAgain.set((signedIn) => {
        signInAgain.set(undefined);
        resolve(signedIn);
      });
    }),
});

export const settings = new Resource((signal) => api.get<Schemas["SettingList"]>("/vapi/settings", { signal }));
export const integrations = new Resource((signal) => api.get<Schemas["IntegrationList"]>("/integrations", { signal }));
export const endpoints = new Resource((signal) => api.get<Schemas["EndpointList"]>("/webhooks/endpoints", { signal }), 20_000);
export const assistants = new Resource((signal) => api.get<Schemas["AssistantList"]>("/assistants?limit=20", { signal }));
export const numbers = new Resource((signal) => api.get<Schemas["NumberList"]>("/twilio/numbers?limit=20", { signal }));
export const limits = new Resource((signal) => api.get<Schemas["Limits"]>("/limits", { signal }));
export const fallback = new Resource((signal) => api.get<Schemas["Fallback"]>("/fallback", { signal }));
export const destinations = new Resource((signal) => api.get<Schemas["DestinationList"]>("/destinations?limit=20", { signal }));
export const ownInvitations = new Resource((signal) => api.get<Schemas["OwnInvitationList"]>("/invitations?limit=100", { signal }));
export const credentials = {
  vapi: new Resource((signal) => api.get<Schemas["Credential"]>("/credentials/vapi", { signal }), 60_000),
  twilio: new Resource((signal) => api.get<Schemas["Credential"]>("/credentials/twilio", { signal }), 60_000),
  resend: new Resource((signal) => api.get<Schemas["Credential"]>("/credentials/resend", { signal }), 60_000),
  smtp: new Resource((signal) => api.get<Schemas["Credential"]>("/credentials/smtp", { signal }), 60_000),
};

export function forgetAll(): void {
  for (const r of [settings, assistants, integrations, endpoints, numbers, limits, fallback, destinations, ownInvitations, ...Object.values(credentials)]) r.reset();
}

export const live = new Live({
  ...realSeams,
  fetch: (url, init) => fetch(url, init),
  locks: locks as Locks | undefined,
  channel: hasChannels ? (name, hear) => {
    const channel = new BroadcastChannel(name);
    channel.onmessage = (e) => hear(e.data);
    return { post: (message) => channel.postMessage(message), close: () => channel.close() };
  } : undefined,
  isSeen: () => document.visibilityState === "visible",
  somebodyElse: beginAnew,
  renew: async () => {
    const reply = await api.resume();
    return reply.ok ? "in" : reply.problem.code === "session_required" ? "out" : "unknown";
  },
});
live.on("connection", () => integrations.changed());
live.on("retry", (retry) => retry !== undefined && api.tell(retry as Retry));

// What somebody changed, here or elsewhere. undefined: something may have been missed.
interface Changed { what: string }
const kept: Record<string, Resource<unknown>[]> = {
  limits: [limits], fallback: [fallback], endpoint: [endpoints], number: [numbers],
  connection: [integrations, endpoints, settings, assistants, numbers],
} as Record<string, Resource<unknown>[]>;
live.on("changed", (data) => {
  const what = (data as Changed | undefined)?.what;
  for (const [name, all] of Object.entries(kept)) if (what === undefined || what === name) all.forEach((r) => r.changed());
  if (what === undefined || what === "connection") for (const r of Object.values(credentials)) r.snapshot.data ? r.changed() : r.expire();
});
for (const name of ["number", "numbers"] as const) live.on(name, () => numbers.changed());

// A list of one screen follows what others change of it.
export function useChanged(what: string, resource: { changed: () => void }): void {
  useLive<Changed>("changed", (change) => (!change || change.what === what) && resource.changed());
}

// A connection changed: everything read through it is out of date.
export function connectionChanged(provider: keyof typeof credentials): void {
  credentials[provider].expire();
  integrations.expire();
  endpoints.expire();
  for (const r of { vapi: [settings, assistants], twilio: [numbers], resend: [], smtp: [] }[provider]) r.reset();
}

// Tabs tell each other who is here: cookies are shared, so what one does holds for all.
let news: BroadcastChannel | undefined;
export function hearOthers(): void {
  if (!hasChannels) return;
  news = new BroadcastChannel("ava-session");
  news.onmessage = (e: MessageEvent<string | null>) => void hear(e.data);
}

async function hear(who: string | null): Promise<void> {
  if (!session.value) {
    if (who && location.pathname === "/signin") location.assign(safeNext(new URLSearchParams(location.search).get("next")));
  } else if (!who) leave(false);
  else if (who !== whoOf(session.value)) beginAnew();
  else if (live.status.is === "out") live.hurry();
  if (session.value && signInAgain.value && (await api.resume()).ok) signInAgain.value?.(true);
}

export function enter(now: Session): void {
  if (session.value && whoOf(session.value) !== whoOf(now)) beginAnew();
  session.set(now);
  if (ready.value) ready.set({ ...ready.value, setup_needed: false });
  profile.set(now.profile);
  if (live.status.is === "out") live.hurry();
  news?.postMessage(whoOf(now));
}

// Nobody is here any more. Told to the other tabs by the one that was left.
export function leave(isFirst = true): void {
  api.left();
  signInAgain.value?.(false);
  session.set(undefined);
  forgetAll();
  if (isFirst) news?.postMessage(null);
  go("/signin");
}

// Reads on view, when the window comes back after a minute, and when the network does.
export function useResource<T>(resource: Resource<T>, wanted = true): Snapshot<T> {
  const snapshot = useChanges(resource, () => resource.snapshot);
  useEffect(() => {
    if (!wanted) return;
    resource.view();
    const focus = () => document.visibilityState === "visible" && resource.view(60_000);
    const online = () => resource.snapshot.state === "offline" && void resource.reload();
    document.addEventListener("visibilitychange", focus);
    addEventListener("focus", focus);
    const offline = () => resource.learn({ code: "offline" });
    addEventListener("online", online);
    addEventListener("offline", offline);
    return () => {
      document.removeEventListener("visibilitychange", focus);
      removeEventListener("focus", focus);
      removeEventListener("online", online);
      removeEventListener("offline", offline);
    };
  }, [resource, wanted]);
  return snapshot;
}

// While this is on the page it hears what happens; undefined: something may have been missed.
export function useLive<T>(name: Change, hear: (data: T | undefined) => void): void {
  const newest = useRef(hear);
  newest.current = hear;
  useEffect(() => live.on(name, (data) => newest.current(data as T | undefined)), [name]);
}

// Many things at once are one reason to read anew.
export function useSoon(ms: number, what: () => void): () => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const newest = useRef(what);
  newest.current = what;
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      newest.current();
    }, ms);
  };
}

export function mayManage(): boolean {
  const role = session.value?.workspace.role;
  return role === "owner" || role === "admin" || session.value?.user.admin === true;
}
