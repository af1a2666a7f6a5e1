// A collector of traces that does as a test says: takes what OTLP over HTTP brings, and reads it with OpenTelemetry's own code.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root, until } from "./ava.mjs";

const generated = join(root, "node_modules/@opentelemetry/otlp-transformer/build/src/generated/root.js");
export const undecodable = existsSync(generated) ? false : "no npm package @opentelemetry/otlp-transformer: run tools/npm-ci all";
const proto = undecodable ? undefined : createRequire(import.meta.url)(generated).opentelemetry.proto;
const service = proto?.collector.trace.v1;

// What OpenTelemetry writes as an answer.
export const answer = (fields) => Buffer.from(service.ExportTraceServiceResponse.encode(service.ExportTraceServiceResponse.fromObject(fields)).finish());

const valueOf = (v) => v.stringValue ?? Number(v.intValue);
const attributesOf = (list) => Object.fromEntries(list.map((a) => [a.key, valueOf(a.value)]));
const hex = (bytes) => Buffer.from(bytes ?? []).toString("hex");

// The JSON of OTLP has ids in hex, where that of Protocol Buffers has base64: turned into what the library reads.
function fromJson(text) {
  const request = JSON.parse(text);
  const ids = (o) => {
    for (const name of ["traceId", "spanId", "parentSpanId"]) if (o[name] !== undefined) o[name] = Buffer.from(o[name], "hex");
  };
  for (const r of request.resourceSpans) for (const s of r.scopeSpans) for (const span of s.spans) ids(span), span.links?.forEach(ids);
  const wrong = service.ExportTraceServiceRequest.verify(service.ExportTraceServiceRequest.fromObject(request));
  if (wrong) throw new Error(wrong);
  return service.ExportTraceServiceRequest.fromObject(request);
}

export class Collector {
  requests = []; // { headers, path, spans } of all that could be read
  wrong = []; // what could not
  behave = () => ({}); // (request) => { status, headers, body, raw, then }; raw: instead of an answer of HTTP; then: "hang" or "cut"

  static async start(port = 0) {
    const self = new Collector();
    self.server = createServer((req, res) => self.#take(req, res));
    await new Promise((done, fail) => self.server.on("error", fail).listen(port, "127.0.0.1", done));
    self.port = self.server.address().port;
    self.url = `http://127.0.0.1:${self.port}`;
    return self;
  }

  #read(headers, bytes) {
    const isJson = headers["content-type"] === "application/json";
    if (!isJson && headers["content-type"] !== "application/x-protobuf") throw new Error(headers["content-type"]);
    const request = isJson ? fromJson(bytes.toString()) : service.ExportTraceServiceRequest.decode(bytes);
    return request.resourceSpans.flatMap((r) =>
      r.scopeSpans.flatMap((s) =>
        s.spans.map((span) => ({
          resource: attributesOf(r.resource.attributes),
          scope: s.scope.name,
          trace: hex(span.traceId),
          id: hex(span.spanId),
          parent: hex(span.parentSpanId),
          state: span.traceState,
          flags: span.flags,
          name: span.name,
          kind: span.kind,
          ms: (Number(span.endTimeUnixNano) - Number(span.startTimeUnixNano)) / 1e6,
          startMs: Number(span.startTimeUnixNano) / 1e6,
          attributes: attributesOf(span.attributes),
          links: span.links.map((l) => ({ trace: hex(l.traceId), id: hex(l.spanId) })),
          failed: span.status?.code === 2,
        })),
      ),
    );
  }

  async #take(req, res) {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const request = { method: req.method, path: req.url, headers: req.headers, bytes: Buffer.concat(chunks), spans: [] };
    try {
      request.spans = this.#read(req.headers, request.bytes);
    } catch (e) {
      this.wrong.push(String(e));
    }
    this.requests.push(request);
    const said = await this.behave(request);
    request.status = said.status ?? 200;
    if (said.raw !== undefined) req.socket.write(said.raw);
    else {
      res.writeHead(request.status, { "Content-Type": req.headers["content-type"], ...said.headers });
      const isJson = req.headers["content-type"] === "application/json";
      res.write(said.body ?? (isJson ? "{}" : ""));
    }
    if (said.then === "endless") {
      const more = () => res.destroyed || res.write(Buffer.alloc(16 << 10, 65), () => setImmediate(more));
      return more();
    }
    if (said.then === "cut") return req.socket.destroy();
    if (said.then !== "hang") res.end();
  }

  // Spans of what was taken.
  get spans() {
    return this.requests.filter((r) => r.status === 200).flatMap((r) => r.spans);
  }

  // Waits for a span that fits.
  span(fits, what = "a span") {
    return until(() => this.spans.find(fits), { what });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
