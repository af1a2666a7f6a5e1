// The house: banner, side bar, the room of this address, toasts, and the dialog when a session is over.
import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { whoOf, type Problem, type Schemas } from "./kit/api";
import { t } from "./kit/i18n";
import { Connection } from "./kit/connection";
import { later } from "./kit/later";
import { Button, Dialog, focusHeading, Heading, Icon, useAttention } from "./kit/parts";
import { Box, Loading, Trouble, troubleOf } from "./kit/panel";
import { hasShortcuts, setShortcuts, toggleTheme } from "./kit/prefs";
import { serviceName, wordsFor } from "./kit/problem";
import { heard } from "./kit/said";
import { follow, go, isRoom, roomOf, usePath } from "./kit/router";
import { SessionOver } from "./signin/screen";
import SignIn from "./signin/screen";
import { api, Cell, enter, hearOthers, integrations, leave, live, ownInvitations, profile, readiness, session, useCell, useResource } from "./kit/state";
import { toast, Toasts } from "./kit/toasts";
import { withWords } from "./kit/words";

type Screen = ComponentType<Record<string, never>>;
const lazy: Record<string, () => Promise<{ default: Screen }>> = {
  "/": () => import("./home/screen"),
  "/calls": () => import("./calls/screen"),
  "/assistant": () => import("./assistants/screen"),
  "/numbers": () => import("./numbers/screen"),
  "/messages": () => import("./messages/screen"),
  "/activity": () => import("./activity/screen"),
  "/connections": () => import("./connections/screen"),
  "/admin": () => import("./admin/screen"),
  "/account": () => import("./account/screen"),
  "/setup": () => import("./setup/screen"),
};
const entries = [
  { path: "/", icon: "house", key: "h", name: "home.title" },
  { path: "/calls", icon: "phone-call", key: "l", name: "calls.title" },
  { path: "/assistant", icon: "bot", key: "a", name: "assistant.title" },
  { path: "/numbers", icon: "phone", key: "n", name: "numbers.title" },
  { path: "/messages", icon: "message-square", key: "m", name: "messages.title" },
  { path: "/connections", icon: "plug", key: "c", name: "connections.title" },
  { path: "/activity", icon: "activity", key: "y", name: "activity.title" },
  { path: "/admin", icon: "shield", key: "d", name: "admin.title" },
];

const search = new Cell(false); // somebody looks for something

// The token of an invitation link: it leaves the address at once, and is used when it is known who is here.
let invitation = location.pathname === "/signin" ? new URLSearchParams(location.hash.slice(1)).get("invitation") : null;
if (invitation) history.replaceState(null, "", "/signin");

async function accept(token: string) {
  const reply = await api.send<Schemas["Workspace"]>("POST", "/invitations/accept", { body: { token } });
  if (reply.ok) {
    ownInvitations.changed();
    return toast("ok", t("signin.joined", { name: reply.data.name }), t("signin.joined_text"));
  }
  const words = wordsFor(reply.problem, "ava");
  toast("bad", words.title, heard(reply.problem.detail ?? "") ?? words.text);
}

export function App() {
  const path = usePath();
  const here = useCell(session);
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>();
  const demo = useCell(profile) === "sandbox";
  const moved = useRef(false);

  async function begin() {
    setProblem(undefined);
    let known: Promise<void> | undefined;
    const knows = () => (known ??= readiness());
    // A form to sign in with need not wait for the word that there is nothing to renew: for a stranger there never is.
    const reply = await api.resume(() => location.pathname === "/signin" && void knows().then(() => setAsked(true)));
    if (reply.ok) {
      enter(reply.data);
      if (known) go("/", true);
    } else if (reply.problem.code === "session_required") {
      if (location.pathname !== "/setup" && location.pathname !== "/signin") go("/signin?next=" + encodeURIComponent(location.pathname + location.search), true);
      await knows();
    } else if (!known) setProblem(reply.problem);
    setAsked(true);
  }
  useEffect(() => {
    hearOthers();
    // A setup link belongs to somebody without a session: no need to ask who they are.
    if (location.pathname === "/setup" && location.hash.includes("t=")) {
      void readiness().then(() => setAsked(true));
    } else void begin();
  }, []);
  useEffect(() => {
    if (!here || !invitation) return;
    void accept(invitation);
    invitation = null;
  }, [here]);
  useEffect(() => (here ? listen(whoOf(here)) : undefined), [here]);
  useEffect(() => {
    if (moved.current) focusHeading();
    moved.current = true;
    scrollTo(0, 0);
  }, [path]);
  useEffect(() => {
    if (asked && !here && !problem && path !== "/signin" && path !== "/setup") go("/signin", true);
  }, [asked, here, path]);

  // Until it is known who is here nothing of the house is drawn, so that nothing has to move.
  if (!asked) return <main id="main" class="boot"><Loading name="page" /></main>;
  const inside = here && path !== "/setup" && path !== "/signin";
  return (
    <div class={inside ? "shell" : "shell alone"} onClick={follow}>
      <a class="skip" href="#main" onClick={(e) => {
        e.preventDefault();
        const to = document.getElementById("top") ?? document.getElementById("main");
        to?.focus();
        to?.scrollIntoView();
      }}>{t("app.skip")}</a>
      {demo && <aside class="banner" data-state="demo" aria-label={t("demo.badge")}><Icon name="flask-conical" small /><p>{t("demo.banner")}</p></aside>}
      {inside ? <Side path={path} /> : <header class="top"><Brand /></header>}
      <div class="content">
        {inside && <Connection />}
        {problem && !here ? (
            <main id="main" class="narrow"><Heading>{t("app.name")}</Heading>
              <div class="panel" data-state={problem.code === "offline" ? "offline" : "error"} data-panel="start">
                <Trouble level={2} problem={problem} service="ava" strip={false} retry={() => void begin()} snapshot={{ ...troubleOf(problem), byPerson: false }} />
              </div>
            </main>
          ) : <Room path={path} />}
      </div>
      <Keys inside={Boolean(inside)} />
      {inside && <Searching />}
      <Toasts />
      <SessionOver />
      <Attention />
    </div>
  );
}

// Listens as long as somebody is here. A page that is put to sleep lets another tab have the stream; one that nobody sees goes
// on, if that costs no connection.
function listen(who: string): () => void {
  const awake = () => {
    if (live.isShared || document.visibilityState === "visible") live.start(who);
    else live.stop();
    if (document.visibilityState === "visible") live.awake();
  };
  const asleep = () => live.stop();
  const hears: [EventTarget, string, () => void][] = [[document, "visibilitychange", awake], [document, "resume", awake], [window, "pageshow", awake], [window, "online", awake], [document, "freeze", asleep], [window, "pagehide", asleep]];
  awake();
  for (const [where, name, what] of hears) where.addEventListener(name, what);
  return () => {
    for (const [where, name, what] of hears) where.removeEventListener(name, what);
    live.stop();
  };
}

function Room({ path }: { path: string }) {
  const { room } = roomOf(path);
  const [screen, setScreen] = useState<{ room: string; view: Screen } | undefined>();
  const [lost, setLost] = useState(false);
  useEffect(() => {
    let current = true;
    setLost(false);
    const load = lazy[room];
    if (load) withWords(load()).then(
      (m) => current && setScreen({ room, view: m.default }),
      () => current && setLost(true),
    );
    return () => {
      current = false;
    };
  }, [room]);
  if (path === "/signin") return <SignIn />;
  if (!isRoom(path))
    return (
      <main id="main"><Heading>{t("problems.not_found.title")}</Heading><p>{t("problems.not_found.text")}</p><a class="button" href="/">{t("app.go_home")}</a></main>
    );
  if (lost)
    return (
      <main id="main" class="narrow"><Heading>{t("problems.offline.title")}</Heading>
        <div class="panel" data-state="offline"><Box level={2} tone="warn" icon="wifi-off" title={t("problems.offline.title")} text={t("problems.offline.text")}><Button kind="primary" onClick={() => location.reload()}>{t("action.try_again")}</Button></Box></div>
      </main>
    );
  if (!screen || screen.room !== room) return <main id="main"><Loading name="page" /></main>;
  const View = screen.view;
  return <Boundary key={path}><View /></Boundary>;
}

// One screen may stumble; the rest of the page goes on.
class Boundary extends Component<{ children: ComponentChildren }, { fallen?: string }> {
  override state: { fallen?: string } = {};
  override componentDidCatch(error: unknown) {
    const reference = "page-" + crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
    console.error(reference, error);
    this.setState({ fallen: reference });
  }
  override render() {
    if (!this.state.fallen) return this.props.children;
    return (
      <main id="main" class="narrow" data-state="crash">
        <Heading>{t("crash.title")}</Heading>
        <p>{t("crash.text")}</p>
        <p class="reference">{t("panel.reference")} <code>{this.state.fallen}</code></p>
        <Button kind="primary" onClick={() => location.reload()}>{t("action.reload")}</Button>
      </main>
    );
  }
}

// Loaded when somebody searches for the first time.
function Searching() {
  const open = useCell(search);
  const [view, setView] = useState<{ Search: ComponentType<{ onClose: () => void }> } | undefined>();
  useEffect(() => {
    if (open && !view) void withWords(import("./search/dialog")).then((m) => setView({ Search: m.default }), () => (search.set(false), toast("bad", t("problems.offline.title"), t("problems.offline.text"))));
  }, [open]);
  return open && view ? <view.Search onClose={() => search.set(false)} /> : null;
}

function Brand() {
  return <span class="brand"><Icon name="ava" />{t("app.name")}</span>;
}

const Workspaces = later(() => import("./kit/workspaces").then((m) => m.Workspaces), 500);

function Side({ path }: { path: string }) {
  const here = useCell(session);
  const [leaving, setLeaving] = useState(false);
  async function signOut() {
    setLeaving(true);
    const reply = await api.signOut();
    setLeaving(false);
    if (!reply.ok && reply.problem.code === "offline") return toast("bad", t("problems.offline.title"), t("problems.offline.text"));
    leave();
  }
  return (
    <header class="side">
      <a class="brand-link" href="/" aria-label={t("app.home")}><Brand /></a>
      <button type="button" class="button searches" aria-keyshortcuts={hasShortcuts() ? "/" : undefined} onClick={() => search.set(true)}><Icon name="search" small /><span>{t("search.title")}</span><kbd aria-hidden="true">/</kbd></button>
      <nav aria-label={t("app.rooms")}>
        <ul>
          {entries.map((e) => (
            <li key={e.path}><a href={e.path} aria-current={roomOf(path).room === e.path ? "page" : undefined}><Icon name={e.icon} /><span>{t(e.name)}</span></a></li>
          ))}
        </ul>
      </nav>
      <div class="side-end">
        {here && <Workspaces here={here} />}
        <a class="who" href="/account" title={t("account.title")} aria-current={path === "/account" ? "page" : undefined}><Icon name="circle-user" small /><span>{here?.user.name ?? here?.user.email}</span></a>
        <div class="row tight">
          <button type="button" class="button quiet icon-only" aria-label={t("app.theme")} title={t("app.theme")} onClick={toggleTheme}><Icon name="sun-moon" small /></button>
          <a class="button quiet icon-only" href="/docs" aria-label={t("app.help")} title={t("app.help")}><Icon name="circle-help" small /></a>
          <Button kind="quiet" icon="log-out" busy={leaving} onClick={() => void signOut()}>{t("app.sign_out")}</Button>
        </div>
      </div>
    </header>
  );
}

// g and a letter jumps, ? lists the keys, . changes the theme. All can be switched off.
function Keys({ inside }: { inside: boolean }) {
  const [open, setOpen] = useState(false);
  const [on, setOn] = useState(hasShortcuts);
  useEffect(() => {
    let g = 0;
    const press = (e: KeyboardEvent) => {
      const typing = (e.target as Element).closest?.("input:not([type=range]):not([type=radio]), textarea, select, [contenteditable]");
      if (!hasShortcuts() || typing || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
      const entry = Date.now() - g < 1500 && inside ? entries.find((one) => one.key === e.key) : undefined;
      g = e.key === "g" ? Date.now() : 0;
      if (entry) go(entry.path);
      else if (e.key === "?") setOpen(true);
      else if (e.key === "/" && inside) search.set(true);
      else if (e.key === ".") toggleTheme();
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [inside]);
  if (!open) return null;
  return (
    <Dialog title={t("keys.title")} onClose={() => setOpen(false)}>
      <dl class="facts">
        {entries.map((e) => <><dt><kbd>g</kbd> <kbd>{e.key}</kbd></dt><dd>{t(e.name)}</dd></>)}
        <dt><kbd>/</kbd></dt><dd>{t("search.title")}</dd>
        <dt><kbd>.</kbd></dt><dd>{t("keys.theme")}</dd>
        <dt><kbd>?</kbd></dt><dd>{t("keys.this")}</dd>
      </dl>
      <label class="check"><input type="checkbox" checked={on} onChange={(e) => {
        setShortcuts(e.currentTarget.checked);
        setOn(e.currentTarget.checked);
      }} /> {t("keys.on")}</label>
    </Dialog>
  );
}

// The tab says when something needs a person: a number in the title, a dot in the icon.
function Attention() {
  const wanting = (useResource(integrations, false).data?.integrations ?? []).filter((i) => i.status === "resting" || i.status === "needs_attention");
  const first = wanting[0];
  useAttention(first ? t("app.title_attention", { n: wanting.length, what: t("app.attention." + first.status, { service: serviceName(first.provider) }) }) : "");
  return null;
}
