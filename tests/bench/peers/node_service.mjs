// The same read on node:http alone: the key checked in memory, a breaker, a cache, fetch.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { PROVIDER_URL, PROVIDER_KEY, ASSISTANT_ID, API_KEY, CACHE_TTL_SECONDS, PORT } = process.env;
const hashOf = (key) => createHash("sha256").update(key).digest();
const keyHash = hashOf(API_KEY);
const breaker = { failures: 0, openUntil: 0 };
const cache = new Map();

class BreakerOpen extends Error {}

function toSettings(assistant) {
  const values = [
    ["greeting_message", assistant.firstMessage],
    ["max_call_duration", assistant.maxDurationSeconds],
    ["voice_speed", assistant.voice?.speed],
  ];
  return {
    settings: values
      .filter(([, value]) => value != null)
      .map(([key, value]) => ({ key, value, updated_at: assistant.updatedAt })),
  };
}

async function ask() {
  try {
    const answer = await fetch(`${PROVIDER_URL}/assistant/${ASSISTANT_ID}`, {
      headers: { authorization: `Bearer ${PROVIDER_KEY}` },
      signal: AbortSignal.timeout(5000),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const settings = toSettings(await answer.json());
    breaker.failures = 0;
    return settings;
  } catch (error) {
    breaker.failures += 1;
    breaker.openUntil = Date.now() + 30000;
    throw error;
  }
}

async function settingsOf(workspace) {
  const kept = cache.get(workspace);
  if (kept && kept.until > Date.now()) return kept.settings;
  if (breaker.failures >= 5 && Date.now() < breaker.openUntil) throw new BreakerOpen();
  const settings = await ask();
  cache.set(workspace, { settings, until: Date.now() + 1000 * CACHE_TTL_SECONDS });
  return settings;
}

function send(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

const server = createServer(async (request, response) => {
  const [scheme, key = ""] = (request.headers.authorization ?? "").split(" ");
  if (request.method !== "GET" || request.url !== "/api/v1/vapi/settings")
    return send(response, 404, { detail: "There is nothing here." });
  if (scheme.toLowerCase() !== "bearer" || !timingSafeEqual(hashOf(key), keyHash))
    return send(response, 401, { detail: "Send a valid API key." });
  try {
    send(response, 200, await settingsOf("ws_1"));
  } catch (error) {
    if (error instanceof BreakerOpen)
      return send(response, 503, { detail: "Vapi is temporarily unavailable." });
    send(response, 502, { detail: "Vapi did not answer." });
  }
});
server.keepAliveTimeout = 60000;
server.listen(Number(PORT), "127.0.0.1", 4096);
process.on("SIGTERM", () => process.exit(0));
