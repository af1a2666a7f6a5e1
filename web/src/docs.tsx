// The reference page: reads the contract from this very Ava and shows it, with commands that can be copied and run.
import "words:docs";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Schemas } from "./kit/api";
import { languageOf, speak, t } from "./kit/i18n";
import { chosenLanguage } from "./kit/prefs";
import { Button, Copy, Heading, Icon } from "./kit/parts";
import { Box, Loading } from "./kit/panel";
import { asked, canBeTried, type Document, example, type Language, languages, methods, type Operation, resolve, shape, usualFor } from "./reference";

function Docs() {
  const [doc, setDoc] = useState<Document | undefined>();
  const [failed, setFailed] = useState(false);
  const [filter, setFilter] = useState("");
  const [language, speak] = useState<Language>("curl");
  const here = useSession();
  const load = () => {
    setFailed(false);
    fetch("/api/v1/openapi.json")
      .then((r) => (r.ok ? (r.json() as Promise<Document>) : Promise.reject(new Error(String(r.status)))))
      .then(setDoc, () => setFailed(true));
  };
  useEffect(load, []);
  useEffect(() => {
    if (doc && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [doc]);
  const all = doc ? operations(doc) : [];
  const wanted = all.filter((o) => (o.path + o.method + o.op.summary).toLowerCase().includes(filter.trim().toLowerCase()));
  return (
    <div class="shell docs">
      <a class="skip" href="#main">{t("app.skip")}</a>
      <header class="side">
        <a class="brand-link" href="/" aria-label={t("app.home")}><span class="brand"><Icon name="ava" />{t("app.name")}</span></a>
        {doc && (
          <nav aria-label={t("docs.sections")}><ul>{doc.tags.map((tag) => <li key={tag.name}><a href={`#tag-${tag.name}`}>{tag.name}</a></li>)}</ul></nav>
        )}
      </header>
      <div class="content">
        <main id="main" data-state={doc ? "ready" : failed ? "error" : "loading"}>
          <Heading>{t("docs.title")}</Heading>
          {failed && <Box level={2} tone="bad" icon="circle-alert" title={t("docs.failed")} text=""><Button kind="primary" onClick={load}>{t("action.try_again")}</Button></Box>}
          {!doc && !failed && <Loading name="page" />}
          {doc && (
            <>
              {doc.info.description.trim().split(/\n\n/).map((p) => <p key={p} class="lead" lang="en"><Marked text={p} /></p>)}
              <p><a href="/api/v1/openapi.json">openapi.json</a>, {t("docs.version", { version: doc.info.version })}</p>
              <p>{here ? t("docs.here", { who: here.user.email, workspace: here.workspace.name }) : here === undefined ? "" : <Marked text={t("docs.not_here")} />} {here === null && <a href={"/signin?next=/"}>{t("signin.title")}</a>}</p>
              <fieldset class="languages"><legend>{t("docs.language")}</legend>{languages.map((one) => <label key={one}><input type="radio" name="language" checked={one === language} onChange={() => speak(one)} /> {t("docs.languages." + one)}</label>)}</fieldset>
              <div class="command"><pre tabIndex={0} aria-label={t("docs.key")}><code>export KEY=$(ava key create --user you@example.com --name docs)</code></pre></div>
              <div class="field"><label for="filter">{t("docs.filter")}</label><input id="filter" type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></div>
              {!wanted.length && <Box level={2} tone="info" icon="info" title={t("docs.nothing")} text=""><Button onClick={() => setFilter("")}>{t("action.clear_filters")}</Button></Box>}
              {doc.tags.map((tag) => {
                const mine = wanted.filter((o) => o.op.tags[0] === tag.name);
                return mine.length > 0 && (
                  <section key={tag.name} aria-labelledby={`tag-${tag.name}`}>
                    <h2 id={`tag-${tag.name}`}>{tag.name}</h2>
                    <p class="muted" lang="en">{tag.description}</p>
                    {mine.map((o) => <Route key={o.op.operationId} doc={doc} language={language} here={here ?? undefined} {...o} />)}
                  </section>
                );
              })}
            </>
          )}
        </main>
      </div>
    </div>
  );
}

function operations(doc: Document) {
  return Object.entries(doc.paths).flatMap(([path, item]) => methods.filter((m) => item[m]).map((method) => ({ path, method, op: item[method]! })));
}

// `code` in a sentence of the contract.
function Marked({ text }: { text: string }) {
  return <>{text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}

interface RouteProps {
  doc: Document;
  path: string;
  method: string;
  op: Operation;
}

function Route({ doc, path, method, op, language, here }: RouteProps & { language: Language; here?: Here }) {
  const body = op.requestBody?.content;
  const type = body && Object.keys(body)[0]!;
  const good = Object.entries(op.responses).filter(([status]) => /^[23]/.test(status));
  const command = example(language, location.origin, path, method, op);
  const parameters = (op.parameters ?? []).map((p) => resolve(doc, p));
  return (
    <article class="card route" id={op.operationId}>
      <h3><span class={`method ${method}`}>{method.toUpperCase()}</span> <code>{path}</code></h3>
      <p lang="en"><strong>{op.summary}.</strong> <Marked text={op.description} /></p>
      <details>
        <summary>{t("docs.more")}<span class="hidden"> {op.operationId}</span></summary>
        {parameters.length > 0 && (
          <>
            <h4>{t("docs.parameters")}</h4>
            <dl class="facts">{parameters.map((p) => <><dt><code>{p.name}</code></dt><dd>{p.in}{p.required ? "" : ", " + t("docs.optional")}. <span lang="en">{p.description}</span></dd></>)}</dl>
          </>
        )}
        {body && type && <><h4>{t("docs.body", { type })}</h4><pre tabIndex={0}><code>{shape(doc, body[type]!.schema)}</code></pre></>}
        {good.map(([status, raw]) => {
          const answer = resolve(doc, raw);
          const content = answer.content && Object.entries(answer.content)[0];
          return <div key={status}><h4>{t("docs.answer", { status })}</h4><p lang="en">{answer.description}</p>{content && <pre tabIndex={0}><code>{shape(doc, content[1].schema)}</code></pre>}</div>;
        })}
        {op["x-problems"].length > 0 && (
          <><h4>{t("docs.problems")}</h4><p class="codes">{op["x-problems"].map((code) => <a key={code} href={`/problems/${code}`}><code>{code}</code></a>)}</p></>
        )}
      </details>
      <div class="command"><pre tabIndex={0} aria-label={t("docs.command")}><code>{command}</code></pre><Copy text={command} label={t("docs.command")} /></div>
      {here && canBeTried(path, op) && <Try doc={doc} path={path} method={method} op={op} here={here} />}
    </article>
  );
}

// --- asked from here ---

type Here = Schemas["Session"];

// Whoever is signed in here asks as themselves; null: nobody is.
function useSession(): Here | null | undefined {
  const [here, set] = useState<Here | null | undefined>();
  useEffect(() => {
    fetch("/api/v1/auth/me", { credentials: "same-origin" }).then(async (r) => set(r.ok ? ((await r.json()) as Here) : null), () => set(null));
  }, []);
  return here;
}

interface Answered {
  status: number;
  ms: number;
  headers: [string, string][];
  text: string;
}
const told = ["content-type", "x-correlation-id", "ratelimit", "retry-after", "etag", "location", "age", "cache-status", "ava-attempts"];
const shownMax = 20_000;

async function ask(url: string, method: string, body: string | undefined, csrf: string | null): Promise<Answered> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "get" && csrf) headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const began = performance.now();
  const response = await fetch(url, { method: method.toUpperCase(), headers, body: body ?? null, credentials: "same-origin", cache: "no-store", redirect: "manual" });
  let text = await response.text();
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // no JSON: as it came
  }
  return { status: response.status, ms: Math.round(performance.now() - began), headers: told.flatMap((name) => (response.headers.has(name) ? [[name, response.headers.get(name)!] as [string, string]] : [])), text: text.length > shownMax ? text.slice(0, shownMax) + "\n..." : text };
}

// What writes says so before it does it: this is no rehearsal.
function Try({ doc, path, method, op, here }: RouteProps & { here: Here }) {
  const { body } = asked("", path, method, op);
  const fields = (op.parameters ?? []).map((p) => resolve(doc, p)).filter((p) => p.in === "query" || p.in === "path");
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(fields.map((p) => [p.name, (p.in === "path" && usualFor(path, p.name)) || ""])));
  const [typed, setTyped] = useState(body === undefined ? "" : JSON.stringify(body, null, 2));
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Answered | "offline" | undefined>();
  const writes = method !== "get";
  const given = (name: string) => values[name] ?? "";

  async function run() {
    setBusy(true);
    setSure(false);
    const query = new URLSearchParams(fields.filter((p) => p.in === "query" && given(p.name)).map((p) => [p.name, given(p.name)]));
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(given(name)));
    setAnswer(await ask(filled + (query.size ? "?" + query : ""), method, op.requestBody ? typed : undefined, here.csrf_token).catch(() => "offline" as const));
    setBusy(false);
  }

  return (
    <details class="try" data-try={op.operationId}>
      <summary>{t("docs.try")}<span class="hidden"> {op.operationId}</span></summary>
      <form onSubmit={(e) => {
        e.preventDefault();
        if (writes && !sure) setSure(true);
        else void run();
      }}>
        {fields.map((p) => (
          <div class="field" key={p.name}>
            <label for={`${op.operationId}-${p.name}`}><code>{p.name}</code></label>
            <input id={`${op.operationId}-${p.name}`} name={p.name} value={given(p.name)} required={p.in === "path"} onInput={(e) => setValues({ ...values, [p.name]: e.currentTarget.value })} />
          </div>
        ))}
        {op.requestBody && <div class="field"><label for={`${op.operationId}-body`}>{t("docs.body", { type: "JSON" })}</label><textarea id={`${op.operationId}-body`} class="mono" rows={Math.min(16, typed.split("\n").length + 1)} value={typed} spellcheck={false} onInput={(e) => setTyped(e.currentTarget.value)} /></div>}
        {sure && <p class="strip warn" role="alert">{t("docs.for_real", { workspace: here.workspace.name })}</p>}
        <div class="row"><Button type="submit" kind={sure ? "danger" : "plain"} busy={busy} icon="play">{t(sure ? "docs.do_it" : "docs.run")}</Button>{sure && <Button kind="quiet" onClick={() => setSure(false)}>{t("action.cancel")}</Button>}</div>
      </form>
      <div role="status">
        {answer === "offline" && <p class="wrong">{t("problems.offline.title")}. {t("problems.offline.text")}</p>}
        {answer && answer !== "offline" && (
          <>
            <p data-status={answer.status}>{t("docs.answered", { status: answer.status, ms: answer.ms })}</p>
            <pre tabIndex={0} aria-label={t("docs.answer", { status: answer.status })}><code>{answer.headers.map(([name, value]) => `${name}: ${value}\n`).join("")}{answer.text && "\n" + answer.text}</code></pre>
          </>
        )}
      </div>
    </details>
  );
}

void speak(languageOf(chosenLanguage(), navigator.languages)).then(() => {
  document.title = t("app.title", { page: t("docs.title") });
  render(<Docs />, document.getElementById("app")!);
});
