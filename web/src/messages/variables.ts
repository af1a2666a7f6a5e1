// Variables to try a template with, guessed from what it asks for: a word for each name, an entry for each list.
export type Variables = { [name: string]: unknown };

const tag = /\{\{\{([^}]*)\}\}\}|\{\{([#^/&>!]?)([^}]*)\}\}/g;

interface Scope {
  name: string;
  kind: string;
  values: Variables;
  self: boolean; // {{.}} stands in it
}

// a.b.c: objects on the way to it.
function put(values: Variables, name: string, value: unknown): void {
  const parts = name.split("."), last = parts.pop()!;
  let at = values;
  for (const part of parts) {
    if (typeof at[part] !== "object" || at[part] === null || Array.isArray(at[part])) at[part] = {};
    at = at[part] as Variables;
  }
  if (at[last] === undefined || (typeof at[last] === "string" && typeof value !== "string")) at[last] = value;
}

function close(done: Scope, outer: Scope): void {
  if (done.kind === "^") return void Object.assign(outer.values, { ...done.values, ...outer.values });
  const names = Object.keys(done.values);
  // What only says that itself is there ({{#time}}at {{time}}{{/time}}) is a text and no list.
  const own = names.length === 1 && names[0] === done.name;
  if (own) put(outer.values, done.name, done.values[done.name]);
  else put(outer.values, done.name, done.self ? [done.name] : names.length ? [done.values] : true);
}

export function guess(...sources: string[]): Variables {
  const top: Scope = { name: "", kind: "", values: {}, self: false };
  for (const source of sources) {
    const open = [top];
    for (const [, raw, kind = "", name = ""] of source.matchAll(tag)) {
      const of = (raw ?? name).trim(), scope = open.at(-1)!;
      if (kind === "#" || kind === "^") open.push({ name: of, kind, values: {}, self: false });
      else if (kind === "/" && open.length > 1) close(open.pop()!, open.at(-1)!);
      else if (of === ".") scope.self = true;
      else if (of && (kind === "" || kind === "&")) put(scope.values, of, of.split(".").at(-1));
    }
  }
  return top.values;
}
