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

const quote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

export function curl(origin: string, path: string, method: string, op: Operation): string {
  const parts = ["curl -sS"];
  if (method !== "get") parts.push(`-X ${method.toUpperCase()}`);
  const content = op.requestBody?.content;
  const type = content && Object.keys(content)[0]!;
  if (!op.security) parts.push(`-H "Authorization: Bearer $KEY"`);
  if (type) parts.push(`-H ${quote("Content-Type: " + type)}`);
  if (type && content[type]!.example !== undefined) parts.push(`-d ${quote(JSON.stringify(content[type]!.example))}`);
  const key: Record<string, string> = { key: "greeting_message", provider: path.includes("webhooks") ? "twilio" : "vapi", code: "rate_limited" };
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => key[name] ?? "$" + name.toUpperCase());
  const url = origin + filled;
  parts.push(url.includes("$") ? `"${url}"` : url);
  return parts.join(" \\\n  ");
}
