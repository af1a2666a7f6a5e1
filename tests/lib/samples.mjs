// Values made from the types of an SDK, so that what a provider may send is its own word and not our idea of it.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./ava.mjs";

const require = createRequire(import.meta.url);

// The types of a package as `Of`: .members(name) of a union, .sample(type, full), .values(name) of a choice of words,
// and .mistakes([[name of a type, value]]), the compiler's complaints.
export class Types {
  static of(packageName, namespace) {
    const self = new Types();
    self.ts = require("typescript");
    self.head = `import type { ${namespace} as Of } from ${JSON.stringify(packageName)};\n`;
    return self;
  }

  #program(text) {
    const { ts } = this, file = join(root, "samples-of-types.ts");
    const options = { noEmit: true, strict: true, skipLibCheck: true, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, target: ts.ScriptTarget.ES2022, types: [] };
    const host = ts.createCompilerHost(options), { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (f) => f === file || fileExists.call(host, f);
    host.readFile = (f) => (f === file ? text : readFile.call(host, f));
    host.getSourceFile = (f, ...more) => (f === file ? ts.createSourceFile(f, text, options.target) : getSourceFile.call(host, f, ...more));
    const program = ts.createProgram([file], options, host);
    return { program, source: program.getSourceFile(file), checker: program.getTypeChecker() };
  }

  // The types of these names, in one go: the package is read once.
  load(names) {
    const { checker, source } = this.#program(this.head + names.map((n, i) => `export type T${i} = Of.${n};`).join("\n"));
    this.checker = checker;
    this.types = new Map();
    for (const node of source.statements) if (this.ts.isTypeAliasDeclaration(node)) this.types.set(names[Number(node.name.text.slice(1))], checker.getTypeAtLocation(node.name));
    return this;
  }

  members = (name) => ((t) => (t.isUnion() ? t.types : [t]))(this.types.get(name));
  values = (name) => this.members(name).filter((t) => t.isStringLiteral()).map((t) => t.value);
  named = (type) => (type.aliasSymbol ?? type.symbol).name;

  // full: with everything that may be there, down to a depth where nothing new comes.
  sample(type, full, name = "", depth = 0) {
    const { ts, checker } = this, F = ts.TypeFlags;
    if (type.isUnion()) {
      const some = type.types.filter((t) => !(t.flags & (F.Undefined | F.Null)));
      return some.length ? this.sample(some[depth % some.length], full, name, depth) : null;
    }
    if (type.isStringLiteral() || type.isNumberLiteral()) return type.value;
    if (type.flags & F.BooleanLiteral) return type.intrinsicName === "true";
    if (type.flags & (F.String | F.TemplateLiteral)) return this.#word(name);
    if (type.flags & F.Number) return /timestamp|at$/i.test(name) ? 1_790_000_000_000 : 12;
    if (type.flags & F.Boolean) return true;
    if (type.isIntersection()) return Object.assign({}, ...type.types.map((t) => this.sample(t, full, name, depth)));
    if (type.symbol?.name === "Date") return "2026-09-21T14:13:20.000Z";
    if (!(type.flags & F.Object)) return { anything: [1, "two", null] };
    if (checker.isArrayType(type)) return depth > 6 ? [] : [this.sample(checker.getTypeArguments(type)[0], full, name.replace(/s$/, ""), depth + 1)];
    const made = {};
    for (const p of checker.getPropertiesOfType(type)) {
      const optional = p.flags & ts.SymbolFlags.Optional;
      if (optional && (!full || depth > 3)) continue;
      if (depth > 9) break;
      made[p.name] = this.sample(checker.getTypeOfSymbol(p), full, p.name, depth + 1);
    }
    const rest = checker.getIndexTypeOfType?.(type, ts.IndexKind.String) ?? type.getStringIndexType?.();
    if (rest && full && depth < 6) made.key = this.sample(rest, full, "key", depth + 1);
    return made;
  }

  #word(name) {
    if (/^id$|Id$/.test(name)) return createHash("sha256").update(name).digest("hex").replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
    if (/At$|^time$|Time$/.test(name)) return "2026-09-21T14:13:20.000Z";
    if (/^number$|phone/i.test(name)) return "+15005550142";
    if (/url$/i.test(name)) return "https://recordings.example/a.wav";
    return `some ${name}`;
  }

  mistakes(pairs) {
    const text = this.head + pairs.map(([name, value], i) => `export const v${i}: Of.${name} = ${JSON.stringify(value)};`).join("\n");
    const { program, source } = this.#program(text);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((d) => this.ts.flattenDiagnosticMessageText(d.messageText, " "));
  }
}
