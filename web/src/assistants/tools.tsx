// What assistants may do while they speak: a switch each, how they behave, and what they did last.
import "words:tools";
import { useMemo, useState } from "preact/hooks";
import type { Schemas } from "../kit/api";
import { has, t } from "../kit/i18n";
import { Panel } from "../kit/panel";
import { Badge, Button, Field, When } from "../kit/parts";
import { fieldSaid, wordsFor } from "../kit/problem";
import { Resource } from "../kit/resource";
import { api, assistants, mayManage, useChanged, useResource } from "../kit/state";
import { toast } from "../kit/toasts";
import { undoOurs } from "../kit/undo";

type Tool = Schemas["Tool"];
type ToolField = Schemas["ToolField"];
type Use = Schemas["ToolUse"];

const tools = new Resource((signal) => api.get<Schemas["ToolList"]>("/tools", { signal }), 60_000);
const word = (tool: Tool) => "tools.tool." + tool.name.replace(".", "_");
const nameOf = (tool: Tool) => t(has(word(tool) + ".name") ? word(tool) + ".name" : "tools.other", { name: tool.name });

export function Tools() {
  const snapshot = useResource(tools);
  useChanged("tool", tools);
  const [changed, setChanged] = useState(false);
  const put = (one: Tool) => {
    setChanged(true);
    const had = tools.snapshot.data;
    if (had) tools.put({ ...had, tools: had.tools.map((x) => x.name === one.name ? one : x.group === one.group ? { ...x, settings: one.settings } : x) });
  };
  return (
    <Panel resource={tools} snapshot={snapshot} title={t("tools.title")} service="ava" name="tools">
      {(data) => (
        <>
          <p class="muted">{t("tools.lead")}</p>
          <ul class="settings list">
            {data.tools.map((tool, i) => <Row key={tool.name} tool={tool} first={data.tools.findIndex((x) => x.group === tool.group) === i} put={put} />)}
          </ul>
          <Write count={data.tools.filter((x) => x.enabled).length} changed={changed} done={() => setChanged(false)} />
        </>
      )}
    </Panel>
  );
}

// Undo: what of it was changed is as it was, unless somebody has changed that since.
function backTo(part: "enabled" | "settings", was: Tool, saved: Tool, put: (one: Tool) => void) {
  const isOurs = () => JSON.stringify(tools.snapshot.data?.tools.find((x) => x.name === was.name)?.[part]) === JSON.stringify(saved[part]);
  return undoOurs(isOurs, () => api.send<Tool>("PUT", `/tools/${was.name}`, { body: { [part]: was[part] } }), (back) => back.ok && put(back.data));
}

function Row({ tool, first, put }: { tool: Tool; first: boolean; put: (one: Tool) => void }) {
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState(false);
  async function turn() {
    setBusy(true);
    const reply = await api.send<Tool>("PUT", `/tools/${tool.name}`, { body: { enabled: !tool.enabled } });
    setBusy(false);
    if (!reply.ok) return toast("bad", t("toast.failed"), wordsFor(reply.problem, "ava").title);
    put(reply.data);
    toast("ok", t("toast.updated"), t(reply.data.enabled ? "tools.turned_on" : "tools.turned_off", { name: nameOf(tool) }), backTo("enabled", tool, reply.data, put));
  }
  return (
    <li class="setting" data-tool={tool.name} data-on={tool.enabled}>
      <div class="setting-words">
        <h3>{nameOf(tool)}</h3>
        <p>{t(word(tool) + ".about")}</p>
      </div>
      <div class="row">
        <Button kind="quiet" icon="info" pressed={open} aria-label={t("tools.details_of", { name: nameOf(tool) })} onClick={() => setOpen(!open)}>{t("tools.details")}</Button>
        <label class="check"><input type="checkbox" role="switch" checked={tool.enabled} disabled={busy || !mayManage()} aria-label={nameOf(tool)} onChange={() => void turn()} /><span>{t(tool.enabled ? "tools.on" : "tools.off")}</span></label>
      </div>
      {open && (
        <div class="editor ask">
          <h4>{t("tools.arguments")}</h4>
          <dl class="facts">{tool.arguments.map((f) => <><dt class="mono">{f.name}</dt><dd>{f.description}{f.required && <> <Badge tone="quiet" icon="info">{t("tools.required")}</Badge></>}</dd></>)}</dl>
          {tool.setting_fields.length > 0 && first && <Settings tool={tool} put={put} />}
          {tool.setting_fields.length > 0 && !first && <p class="muted">{t("tools.shared")}</p>}
          <Uses tool={tool} />
        </div>
      )}
    </li>
  );
}

// "Sales, +12125550133" a line: names and numbers, as people keep them.
const toText = (f: ToolField, value: unknown) => f.type === "numbers" ? ((value as { name: string; number: string }[] | undefined) ?? []).map((n) => `${n.name}, ${n.number}`).join("\n") : value === undefined ? "" : String(value);
const toValue = (f: ToolField, text: string) => {
  if (!text.trim()) return undefined;
  if (f.type === "number") return /^\d+$/.test(text.trim()) ? Number(text) : text;
  if (f.type === "flag") return text === "true";
  if (f.type !== "numbers") return text.trim();
  return text.split("\n").filter((l) => l.trim()).map((l) => {
    const at = l.lastIndexOf(",");
    return { name: l.slice(0, at < 0 ? undefined : at).trim(), number: at < 0 ? "" : l.slice(at + 1).trim() };
  });
};

function Settings({ tool, put }: { tool: Tool; put: (one: Tool) => void }) {
  const [texts, setTexts] = useState<Record<string, string>>(() => Object.fromEntries(tool.setting_fields.map((f) => [f.name, toText(f, tool.settings[f.name])])));
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const label = (f: ToolField) => t(has("tools.setting." + f.name) ? "tools.setting." + f.name : "tools.other", { name: f.name });
  async function save(e: Event) {
    e.preventDefault();
    setBusy(true);
    const settings = Object.fromEntries(tool.setting_fields.map((f) => [f.name, toValue(f, texts[f.name] ?? "")]).filter(([, v]) => v !== undefined));
    const reply = await api.send<Tool>("PUT", `/tools/${tool.name}`, { body: { settings } });
    setBusy(false);
    const wrong = reply.ok ? [] : reply.problem.errors ?? [];
    setErrors(Object.fromEntries(wrong.map((w) => {
      const f = tool.setting_fields.find((x) => "settings." + x.name === w.field);
      return [f?.name ?? "", fieldSaid(f ? label(f) : w.field, w)];
    })));
    if (reply.ok) {
      put(reply.data);
      return toast("ok", t("toast.updated"), t("tools.saved"), backTo("settings", tool, reply.data, put));
    }
    if (!wrong.length) toast("bad", t("toast.failed"), wordsFor(reply.problem, "ava").title);
  }
  return (
    <form class="form" noValidate data-form={tool.group} onSubmit={(e) => void save(e)}>
      <h4>{t("tools.settings")}</h4>
      {tool.setting_fields.map((f) => f.type === "flag" ? (
        <label key={f.name} class="check"><input type="checkbox" name={f.name} checked={texts[f.name] === "true"} onChange={(e) => setTexts({ ...texts, [f.name]: String(e.currentTarget.checked) })} />{label(f)}</label>
      ) : (
        <Field key={f.name} name={f.name} label={t("field.optional", { label: label(f) })} hint={f.type === "numbers" ? t("tools.numbers_hint") : f.choices ? f.choices.join(", ") : f.description} lines={f.type === "numbers" ? 3 : undefined} value={texts[f.name] ?? ""} error={errors[f.name]} onInput={(v) => setTexts({ ...texts, [f.name]: v })} />
      ))}
      <div class="row"><Button kind="primary" type="submit" busy={busy} blocked={!mayManage()}>{t("action.save")}</Button></div>
    </form>
  );
}

function Uses({ tool }: { tool: Tool }) {
  const resource = useMemo(() => new Resource((signal) => api.get<Schemas["ToolUseList"]>(`/tools/${tool.name}/uses?limit=10`, { signal })), [tool.name]);
  const snapshot = useResource(resource);
  const look = { done: ["ok", "circle-check"], pending: ["info", "hourglass"], refused: ["warn", "circle-alert"], failed: ["bad", "circle-alert"] } as const;
  return (
    <Panel resource={resource} snapshot={snapshot} title={t("tools.uses")} service="ava" name="tool-uses" level={4} isEmpty={(d) => !d.uses.length} empty={<p class="muted">{t("tools.never")}</p>}>
      {(data) => (
        <ul class="settings list">
          {data.uses.map((u: Use) => (
            <li class="setting" key={u.id}>
              <div class="setting-words">
                <p class="row"><Badge tone={look[u.status][0]} icon={look[u.status][1]}>{t("tools.status." + u.status)}</Badge> <span class="muted"><When at={u.created_at} /></span></p>
                <p>{u.said}</p>
                {u.arguments && <p class="mono muted">{JSON.stringify(u.arguments)}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

// The switches count once they stand in the assistant.
function Write({ count, changed, done }: { count: number; changed: boolean; done: () => void }) {
  const list = useResource(assistants).data?.assistants ?? [];
  const one = list.find((a) => a.in_use && a.id) ?? list.find((a) => a.id);
  const [busy, setBusy] = useState(false);
  if (!one) return null;
  const name = one.name ?? t("assistants.unnamed");
  async function write() {
    setBusy(true);
    const reply = await api.send<Schemas["AssistantTools"]>("POST", `/assistants/${one!.id}/tools`, { body: {} });
    setBusy(false);
    const wrong = reply.ok ? undefined : reply.problem.errors?.[0];
    if (!reply.ok) return toast("bad", t("toast.failed"), wrong ? fieldSaid(wrong.field, wrong) : wordsFor(reply.problem, "vapi").title);
    done();
    toast("ok", t("toast.updated"), t("tools.written", { name, n: reply.data.tools }));
    void assistants.reload();
  }
  return (
    <div class="row" data-write>
      <Button kind={changed ? "primary" : "plain"} icon="bot" busy={busy} blocked={mayManage() ? false : t("forbidden.title")} onClick={() => void write()}>{t("tools.write", { name })}</Button>
      <span class="muted">{t(changed ? "tools.not_written" : "tools.count", { n: count })}</span>
    </div>
  );
}
