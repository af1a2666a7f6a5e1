// The reference page: reads the contract from this very Ava and shows it, with commands that can be copied and run.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "./kit/i18n";
import { Button, Copy, Heading, Icon } from "./kit/parts";
import { Box, Loading } from "./kit/panel";
import { curl, type Document, methods, type Operation, resolve, shape } from "./reference";

function Docs() {
  const [doc, setDoc] = useState<Document | undefined>();
  const [failed, setFailed] = useState(false);
  const [filter, setFilter] = useState("");
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
              {doc.info.description.trim().split(/\n\n/).map((p) => <p key={p} class="lead"><Marked text={p} /></p>)}
              <p><a href="/api/v1/openapi.json">openapi.json</a>, {t("docs.version", { version: doc.info.version })}</p>
              <div class="command"><pre tabIndex={0} aria-label={t("docs.key")}><code>export KEY=$(ava key create --user you@example.com --name docs)</code></pre></div>
              <div class="field"><label for="filter">{t("docs.filter")}</label><input id="filter" type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></div>
              {!wanted.length && <Box level={2} tone="info" icon="info" title={t("docs.nothing")} text=""><Button onClick={() => setFilter("")}>{t("action.clear_filters")}</Button></Box>}
              {doc.tags.map((tag) => {
                const mine = wanted.filter((o) => o.op.tags[0] === tag.name);
                return mine.length > 0 && (
                  <section key={tag.name} aria-labelledby={`tag-${tag.name}`}>
                    <h2 id={`tag-${tag.name}`}>{tag.name}</h2>
                    <p class="muted">{tag.description}</p>
                    {mine.map((o) => <Route key={o.op.operationId} doc={doc} {...o} />)}
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

function Route({ doc, path, method, op }: { doc: Document; path: string; method: string; op: Operation }) {
  const body = op.requestBody?.content;
  const type = body && Object.keys(body)[0]!;
  const good = Object.entries(op.responses).filter(([status]) => /^[23]/.test(status));
  const command = curl(location.origin, path, method, op);
  const parameters = (op.parameters ?? []).map((p) => resolve(doc, p));
  return (
    <article class="card route" id={op.operationId}>
      <h3><span class={`method ${method}`}>{method.toUpperCase()}</span> <code>{path}</code></h3>
      <p><strong>{op.summary}.</strong> <Marked text={op.description} /></p>
      <details>
        <summary>{t("docs.more")}<span class="hidden"> {op.operationId}</span></summary>
        {parameters.length > 0 && (
          <>
            <h4>{t("docs.parameters")}</h4>
            <dl class="facts">{parameters.map((p) => <><dt><code>{p.name}</code></dt><dd>{p.in}{p.required ? "" : ", " + t("docs.optional")}. {p.description}</dd></>)}</dl>
          </>
        )}
        {body && type && <><h4>{t("docs.body", { type })}</h4><pre tabIndex={0}><code>{shape(doc, body[type]!.schema)}</code></pre></>}
        {good.map(([status, raw]) => {
          const answer = resolve(doc, raw);
          const content = answer.content && Object.entries(answer.content)[0];
          return <div key={status}><h4>{t("docs.answer", { status })}</h4><p>{answer.description}</p>{content && <pre tabIndex={0}><code>{shape(doc, content[1].schema)}</code></pre>}</div>;
        })}
        {op["x-problems"].length > 0 && (
          <><h4>{t("docs.problems")}</h4><p class="codes">{op["x-problems"].map((code) => <a key={code} href={`/problems/${code}`}><code>{code}</code></a>)}</p></>
        )}
      </details>
      <div class="command"><pre tabIndex={0} aria-label={t("docs.command")}><code>{command}</code></pre><Copy text={command} label={t("docs.command")} /></div>
    </article>
  );
}

render(<Docs />, document.getElementById("app")!);
