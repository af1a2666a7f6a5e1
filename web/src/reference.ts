// Reading an OpenAPI document just far enough to show it: references, the shape of a body, a command to run.
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
}
type Content = Record<string, { schema: Schema; example?: unknown }>;
interface Parameter {
  $ref?: string;
  name: string;
  in: string;
  required: boolean;
  description: string;
}
interface Answer {
  $ref?: string;
  description: string;
  content?: Content;
}
export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security?: Record<string, unknown>[];
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, Answer>;
  "x-problems": string[];
}
export const methods = ["get", "post", "put", "patch", "delete"] as const;
export interface Document {
  info: { version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Partial<Record<(typeof methods)[number], Operation>>>;
}

export function resolve<T extends { $ref?: string }>(doc: Document, node: T): T {
  if (!node.$ref) return node;
  let at: unknown = doc;
  for (const part of node.$ref.slice(2).split("/")) at = (at as Record<string, unknown>)[part];
  return at as T;
}

// {"id": string, "name"?: string | null}
export function shape(doc: Document, raw: Schema, depth = 0): string {
  const s = resolve(doc, raw);
  const pad = "  ".repeat(depth + 1);
  if (s.oneOf) return s.oneOf.map((one) => shape(doc, one, depth)).join("\n" + "  ".repeat(depth) + "| ");
  if (s.properties) {
    const lines = Object.entries(s.properties).map(([name, one]) => `${pad}"${name}"${s.required?.includes(name) ? "" : "?"}: ${shape(doc, one, depth + 1)}`);
    return `{\n${lines.join(",\n")}\n${"  ".repeat(depth)}}`;
  }
  if (s.items) return `[${shape(doc, s.items, depth)}]`;
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(" | ");
  const types = [s.type ?? "any"].flat().join(" | ");
  return s.format ? `${types} (${s.format})` : types;
}

// What an example asks: {names} of the path become variables that whoever runs it sets.
interface Asked {
  method: string;
  url: string; // with {NAMES} left in it
  needsKey: boolean;
  type?: string;
  body?: unknown;
}
const usual: Record<string, (path: string) => string> = { key: () => "greeting_message", provider: (path) => (/calendar|oauth/.test(path) ? "google" : path.includes("webhooks") ? "twilio" : "vapi"), code: () => "rate_limited" };

// What stands in an example for this part of a path, where one value is as good as another.
export const usualFor = (path: string, name: string): string | undefined => usual[name]?.(path);

export function asked(origin: string, path: string, method: string, op: Operation): Asked {
  const content = op.requestBody?.content;
  const type = content && Object.keys(content)[0]!;
  const url = origin + path.replace(/\{(\w+)\}/g, (_, name: string) => usualFor(path, name) ?? `{${name.toUpperCase()}}`);
  return { method, url, needsKey: !op.security, type, body: type && content[type]!.example };
}

const isForm = (type?: string) => type === "application/x-www-form-urlencoded";
const formOf = (body: unknown) => (typeof body === "string" ? body : new URLSearchParams(body as Record<string, string>).toString());

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

function curl({ method, url, needsKey, type, body }: Asked): string {
  const parts = ["curl -sS"];
  if (method !== "get") parts.push(`-X ${method.toUpperCase()}`);
  if (needsKey) parts.push(`-H "Authorization: Bearer $KEY"`);
  if (type) parts.push(`-H ${quote("Content-Type: " + type)}`);
  if (body !== undefined) parts.push(`-d ${quote(isForm(type) ? formOf(body) : JSON.stringify(body))}`);
  const filled = url.replace(/\{(\w+)\}/g, "$$$1");
  parts.push(filled.includes("$") ? `"${filled}"` : filled);
  return parts.join(" \\\n  ");
}

// As it runs in a file of its own, example.mjs.
function node({ method, url, needsKey, type, body }: Asked): string {
  const filled = url.replace(/\{(\w+)\}/g, "$${process.env.$1}");
  const headers = [...(needsKey ? ["Authorization: `Bearer ${process.env.KEY}`"] : []), ...(type ? [`"Content-Type": ${JSON.stringify(type)}`] : [])];
  const options = [
    ...(method === "get" ? [] : [`  method: ${JSON.stringify(method.toUpperCase())},`]),
    ...(headers.length ? [`  headers: { ${headers.join(", ")} },`] : []),
    ...(body === undefined ? [] : [isForm(type) ? `  body: ${JSON.stringify(formOf(body))},` : `  body: JSON.stringify(${JSON.stringify(body, null, 2).replace(/\n/g, "\n  ")}),`]),
  ];
  const address = filled.includes("${") ? "`" + filled + "`" : JSON.stringify(filled);
  return `const response = await fetch(${address}${options.length ? `, {\n${options.join("\n")}\n}` : ""});\nconsole.log(response.status, await response.text());`;
}

// A value of JSON as Python writes it.
function pythonic(value: unknown, pad = "    "): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => pythonic(one, pad + "    ")).join(", ")}]`;
  if (typeof value !== "object") return String(value);
  const lines = Object.entries(value).map(([name, one]) => `${pad}    ${JSON.stringify(name)}: ${pythonic(one, pad + "    ")},`);
  return lines.length ? `{\n${lines.join("\n")}\n${pad}}` : "{}";
}

// With the library that most have, requests.
function python({ method, url, needsKey, type, body }: Asked): string {
  const hasNames = /\{\w+\}/.test(url);
  const address = (hasNames ? "f" : "") + JSON.stringify(url.replace(/\{(\w+)\}/g, "{os.environ['$1']}"));
  const headers = needsKey ? `\n    headers={"Authorization": f"Bearer {os.environ['KEY']}"},` : "";
  const data = body === undefined ? "" : isForm(type) ? `\n    data=${JSON.stringify(formOf(body))},\n    headers={"Content-Type": ${JSON.stringify(type)}},` : `\n    json=${pythonic(body)},`;
  return `import os\n\nimport requests\n\nresponse = requests.${method}(\n    ${address},${headers}${data}\n)\nprint(response.status_code, response.text)`;
}

export const languages = ["curl", "node", "python"] as const;
export type Language = (typeof languages)[number];
export function example(language: Language, origin: string, path: string, method: string, op: Operation): string {
  return { curl, node, python }[language](asked(origin, path, method, op));
}

// Can the page itself ask it? Not what proves itself in another way, ends the session, is a file or never ends.
export function canBeTried(path: string, op: Operation): boolean {
  const type = op.requestBody && Object.keys(op.requestBody.content)[0];
  return path.startsWith("/api/v1/") && !/^\/api\/v1\/(auth\/(setup|login|refresh|logout|password|workspace)|stream|exports\/|openapi)|\/audio$/.test(path) && !/^post.*Attachment/.test(op.operationId) && (!type || type === "application/json");
}
