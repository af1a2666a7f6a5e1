// The same load from a thread of its own: what the test's own thread is busy with does not count as waiting.
import { Agent, request } from "node:http";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { paced } from "./load.mjs";

// Reads this address so many times a second until .stop(), which gives the answers as paced does.
export async function reading(url, headers, perSecond) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, headers, perSecond } });
  const said = () => new Promise((done, fail) => worker.once("message", done).once("error", fail));
  await said(); // one answer is in
  return {
    async stop() {
      const answers = said();
      worker.postMessage("stop");
      const all = await answers;
      await worker.terminate();
      return all;
    },
  };
}

if (!isMainThread && workerData?.url) {
  const { url, headers, perSecond } = workerData, agent = new Agent({ keepAlive: true }), stop = { now: false };
  const once = () => new Promise((done, fail) => request(url, { agent, headers }, (res) => res.resume().on("end", () => done({ status: res.statusCode }))).on("error", fail).end());
  parentPort.once("message", () => (stop.now = true));
  await once();
  parentPort.postMessage("first");
  const answers = await paced(perSecond, 3600, once, stop);
  parentPort.postMessage(answers.map(({ status, ms }) => ({ status, ms })));
}
