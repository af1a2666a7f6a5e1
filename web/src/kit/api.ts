// The one way from the page to Ava. Knows cookies, the CSRF token, whose session it is and one refresh at a time, in all tabs
// together; knows no screen.
import type { components } from "../api-types";
import { retryAfter } from "./countdown";

export type Schemas = components["schemas"];
export type Session = Schemas["Session"];
export type ProblemCode = Schemas["ProblemCode"];

// What the server said, or `offline` when it could not be asked at all.
export interface Problem extends Omit<Partial<Schemas["Problem"]>, "code"> {
  code: ProblemCode | "offline";
  wait?: number; // seconds until another try makes sense
}

export type Reply<T> =
  | { ok: true; data: T; stale: boolean; age: number; wait?: number; etag?: string }
  | { ok: false; problem: Problem };

// The stream's word on a request that is under way: Ava tries again at the provider.
export interface Retry {
  correlation_id: string;
  service: string;
  attempt: number;
  max_attempts: number;
  next_retry_in_seconds: number;
}

export interface Options {
  body?: unknown;
  ifMatch?: string;
  key?: string; // Idempotency-Key: the same again is done once
  id?: string; // X-Correlation-ID: what the log, and a problem, call this request
  signal?: AbortSignal;
}

export interface Client {
  get<T>(path: string, options?: Options): Promise<Reply<T>>;
  send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, options?: Options): Promise<Reply<T>>;
  // Sign in, set up: no session yet, so a 401 means nothing here.
  open(path: string, body: unknown): Promise<Reply<Session>>;
  // Who is here; isOver: there is no session that is good, and it is now asked whether an old one can be renewed.
  resume(isOver?: () => void): Promise<Reply<Session>>;
  // One's own: goes on in a new session.
  changePassword(body: Schemas["PasswordChange"]): Promise<Reply<Schemas["PasswordChanged"]>>;
  signOut(): Promise<Reply<undefined>>;
  // Nobody is here any more: what was asked before asks nobody to sign in, and is not asked again for whoever comes next.
  left(): void;
  // Hands it to whoever waits for that request: by its signal, which a panel has ("retry", a CustomEvent); else to `retried`.
  tell(retry: Retry): void;
  // The pretend providers, which know no session: whether they did it.
  sandbox(path: string, body: unknown): Promise<boolean>;
}

export interface Seams {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  now: () => number;
  newId: () => string;
  // What the server's clock said.
  date?: (serverMs: number) => void;
  // Runs `what` while no other tab of this browser runs such a thing.
  alone: <T>(what: () => Promise<T>) => Promise<T>;
  // The cookie is another person's, or another workspace's, than this page shows.
  somebodyElse: () => void;
  // A request that no panel waits for is tried again; undefined: it is answered.
  retried?: (retry: Retry | undefined) => void;
  // Asks the person to sign in again; true when a session is there, false when they left.
  sessionOver: () => Promise<boolean>;
}

const base = "/api/v1";

// Whom a page shows: what belongs to one never reaches another.
export const whoOf = (session: Session): string => `${session.user.id} ${session.workspace.id}`;

export function createClient({ fetch, now, newId, date, alone, somebodyElse, retried, sessionOver }: Seams): Client {
  let csrf: string | null = null;
  let who: string | undefined;
  let refreshing: Promise<Reply<Session>> | undefined;
  let asking: Promise<boolean> | undefined;
  let leaving: Promise<unknown> | undefined; // somebody signs out
  let departures = 0;
  let isOut = false; // until somebody comes
  let toldOf: string | undefined; // which of them `retried` knows of
  const underWay = new Map<string, AbortSignal | undefined>();

  async function once<T>(method: string, path: string, { body, ifMatch, key, signal }: Options, id = newId()): Promise<Reply<T>> {
    const headers: Record<string, string> = { Accept: "application/json", "X-Correlation-ID": id };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
    if (ifMatch) headers["If-Match"] = ifMatch;
    if (key) headers["Idempotency-Key"] = key;
    let response: Response;
    try {
      response = await fetch(base + path, {
        method, headers, signal: signal ?? null, credentials: "same-origin", cache: "no-store", redirect: "error",
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch (e) {
      if (signal?.aborted) throw e;
      return { ok: false, problem: { code: "offline" } };
    }
    date?.(Date.parse(response.headers.get("Date") ?? ""));
    return read<T>(response);
  }

  async function read<T>(response: Response): Promise<Reply<T>> {
    const wait = retryAfter(response.headers.get("Retry-After"), now());
    let data: unknown;
    try {
      data = response.status === 204 ? undefined : await response.json();
    } catch {
      data = undefined; // a proxy's page, or a cut answer: the status has to do
      if (response.ok) return { ok: false, problem: { code: "internal_error", ...reference(response) } };
    }
    if (response.ok) {
      const stale = (data as { stale?: boolean } | undefined)?.stale === true;
      const etag = response.headers.get("ETag") ?? undefined;
      return { ok: true, data: data as T, stale, age: Number(response.headers.get("Age")) || 0, wait, etag };
    }
    const problem: Problem = { code: "internal_error", ...reference(response), ...(data as object) };
    problem.wait = wait ?? problem.retry?.next_retry_in_seconds ?? undefined;
    return { ok: false, problem };
  }

  // However many requests of however many tabs meet an old session, there is one refresh: who waited for another tab finds
  // the new session.
  function refresh(): Promise<Reply<Session>> {
    refreshing ??= alone(async () => {
      const me = await once<Session>("GET", "/auth/me", {});
      return keep(codeOf(me) === "session_required" ? await once<Session>("POST", "/auth/refresh", {}) : me);
    }).finally(() => (refreshing = undefined));
    return refreshing;
  }

  function ask(): Promise<boolean> {
    asking ??= sessionOver().finally(() => (asking = undefined));
    return asking;
  }

  // Cookies are shared by all tabs: what this page would do from here on would be done as somebody else.
  function keep<T extends Session>(reply: Reply<T>, isNew = false): Reply<T> {
    if (!reply.ok) return reply;
    if (who !== undefined && who !== whoOf(reply.data) && !isNew) {
      somebodyElse();
      return { ok: false, problem: { code: "csrf_failed" } };
    }
    isOut = false;
    who = whoOf(reply.data);
    csrf = reply.data.csrf_token;
    return reply;
  }

  async function request<T>(method: string, path: string, options: Options): Promise<Reply<T>> {
    const id = options.id ?? newId();
    underWay.set(id, options.signal);
    try {
      return await answered<T>(method, path, options, id);
    } finally {
      underWay.delete(id);
      if (toldOf === id) retried?.((toldOf = undefined));
    }
  }

  // Another tab may have moved the session on; then the new token is taken, for one more try.
  async function withToken<T>(again: () => Promise<Reply<T>>): Promise<Reply<T>> {
    const reply = await again();
    return codeOf(reply) === "csrf_failed" && keep(await once<Session>("GET", "/auth/me", {})).ok ? again() : reply;
  }

  async function answered<T>(method: string, path: string, options: Options, id: string): Promise<Reply<T>> {
    const again = () => once<T>(method, path, options, id);
    const mine = who;
    const before = isOut ? -1 : departures;
    // Of two answers on their way, the end of the session is often heard before the word of who ended it.
    const isLeft = async () => (await leaving, departures !== before);
    let reply = await withToken(again);
    if (codeOf(reply) !== "session_required" || (await isLeft())) return reply;
    const renewed = await refresh();
    // Only a session that is over is a reason to ask: an Ava that cannot be reached is none.
    if (!renewed.ok && codeOf(renewed) !== "session_required") return renewed;
    if (await isLeft()) return reply;
    if (renewed.ok) reply = await again();
    // Whoever signs in may be another person: what this one asked for is not done in their name.
    if (codeOf(reply) === "session_required" && !(await isLeft()) && (await ask()) && who === mine) reply = await again();
    return reply;
  }

  function left(): void {
    departures++;
    isOut = true;
  }

  function signOut(): Promise<Reply<undefined>> {
    const id = newId();
    const out = withToken(() => once<undefined>("POST", "/auth/logout", {}, id)).then((reply) => {
      if (codeOf(reply) !== "offline") left();
      return reply;
    });
    leaving = out.catch(() => {}).finally(() => (leaving = undefined));
    return out;
  }

  return {
    get: (path, options = {}) => request("GET", path, options),
    send: (method, path, options = {}) => request(method, path, options),
    open: async (path, body) => {
      await refreshing?.catch(() => {}); // its answer may end the cookie that this one brings
      return keep(await once<Session>("POST", path, { body }), true);
    },
    resume: async (isOver) => {
      const me = keep(await once<Session>("GET", "/auth/me", {}));
      if (codeOf(me) !== "session_required") return me;
      const renewed = refresh();
      isOver?.();
      return renewed;
    },
    changePassword: async (body) => keep(await request<Schemas["PasswordChanged"]>("PUT", "/auth/password", { body })),
    signOut,
    left,
    tell: (retry) => {
      if (!underWay.has(retry.correlation_id)) return; // another tab's, or over
      const signal = underWay.get(retry.correlation_id);
      if (signal) return void signal.dispatchEvent(new CustomEvent("retry", { detail: retry }));
      toldOf = retry.correlation_id;
      retried?.(retry);
    },
    sandbox: (path, body) =>
      fetch("/sandbox/api/" + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).then((r) => r.ok, () => false),
  };
}

function codeOf(reply: Reply<unknown>): string {
  return reply.ok ? "" : reply.problem.code;
}

function reference(response: Response): { correlation_id?: string } {
  const id = response.headers.get("X-Correlation-ID");
  return id ? { correlation_id: id } : {};
}
