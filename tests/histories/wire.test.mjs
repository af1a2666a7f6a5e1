// The wire of the histories does to TCP what it says: a fault that is not one would prove nothing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "../lib/ava.mjs";
import { Wire } from "../lib/wire.mjs";

describe("a wire", () => {
  let service, wire;
  const heard = []; // what the service got, a text per connection, with how it ended
  before(async () => {
    service = createServer({ allowHalfOpen: true }, (socket) => {
      const one = { text: "", end: undefined };
      heard.push(one);
      socket.on("data", (b) => ((one.text += b), socket.write(`<${b}>`)));
      socket.on("end", () => ((one.end = "end"), socket.end()));
      socket.on("error", (e) => (one.end = e.code));
    });
    await new Promise((done) => service.listen(0, "127.0.0.1", done));
    wire = await Wire.start(service.address().port);
  });
  const opened = [];
  afterEach(async () => {
    wire.set("pass");
    for (const socket of opened.splice(0)) socket.destroy();
    await until(() => wire.links.size === 0, { what: "no connection left" });
    heard.length = 0;
  });
  after(async () => {
    await wire.stop();
    await new Promise((done) => service.close(done));
    await until(() => !process.getActiveResourcesInfo().includes("TCPSocketWrap"), { ms: 5000, what: "no handle left behind" });
  });

  // A connection of the host: what it heard, and how it ended.
  async function open() {
    const socket = connect({ port: wire.port, host: "127.0.0.1", allowHalfOpen: true }), self = { socket, text: "", end: undefined };
    opened.push(socket);
    socket.on("data", (b) => (self.text += b));
    socket.on("end", () => (self.end ??= "end"));
    socket.on("error", (e) => (self.end = e.code));
    await once(socket, "connect").catch(() => {});
    return self;
  }
  const says = (one, text) => until(() => one.text === text, { ms: 5000, what: text });

  test("hands on both ways, and each end", async () => {
    const c = await open();
    c.socket.write("a");
    await says(c, "<a>");
    c.socket.end("b");
    await says(c, "<a><b>");
    await until(() => c.end === "end" && wire.links.size === 0);
    assert.deepEqual(heard, [{ text: "ab", end: "end" }]);
  });

  test("a large answer to a slow reader arrives whole", async () => {
    const c = await open(), size = 4 << 20;
    c.socket.pause();
    c.socket.write(Buffer.alloc(size, "x"));
    await until(() => heard[0]?.text.length === size, { what: "all of it there" });
    c.socket.resume();
    await until(() => c.text.replace(/[<>]/g, "").length === size, { what: "all of it back" });
  });

  test("delay: later, in order, also what comes after it was mended", async () => {
    const c = await open(), began = performance.now();
    wire.set("delay", { ms: 80 });
    c.socket.write("1");
    await until(() => wire.links.values().next().value.out.queue.length === 1);
    wire.set("pass");
    c.socket.write("2");
    await until(() => heard[0]?.text === "12");
    assert.ok(performance.now() - began >= 79);
    assert.equal(wire.met, 1);
  });

  test("hole: nobody hears anything and nothing breaks; mended, it arrives, also of one who gave up", async () => {
    const c = await open(), quitter = await open();
    wire.set("hole");
    c.socket.write("a");
    quitter.socket.write("late");
    quitter.socket.end();
    const fresh = await open();
    fresh.socket.write("new");
    const other = createServer().listen(0); // a turn of the loop and of the kernel's
    await once(other, "listening");
    other.close();
    assert.deepEqual([heard.map((h) => h.text).join(""), c.text, c.end, fresh.end], ["", "", undefined, undefined]);
    assert.equal(wire.met, 3);
    wire.set("pass");
    await says(c, "<a>");
    await says(fresh, "<new>");
    await until(() => heard.some((h) => h.text === "late" && h.end === "end"), { what: "what the one said who gave up" });
  });

  test("deaf: what the host says arrives, no answer does", async () => {
    const c = await open();
    wire.set("deaf");
    c.socket.write("a");
    await until(() => heard[0]?.text === "a");
    assert.equal(c.text, "");
    wire.set("pass");
    await says(c, "<a>");
  });

  test("reset: both sides are told at once, and so is each new connection", async () => {
    const c = await open();
    c.socket.write("a");
    await says(c, "<a>");
    wire.set("reset");
    await until(() => c.end === "ECONNRESET" && heard[0].end === "ECONNRESET");
    const fresh = await open();
    await until(() => fresh.end === "ECONNRESET");
    wire.set("pass");
    const again = await open();
    again.socket.write("b");
    await says(again, "<b>");
  });

  test("half: the host is told that it is over; what it says arrives", async () => {
    const c = await open();
    wire.set("half");
    await until(() => c.end === "end");
    c.socket.write("still");
    await until(() => heard.some((h) => h.text === "still"));
    assert.equal(c.text, "");
    wire.set("reset");
    await until(() => wire.links.size === 0);
  });

  test("no mode of another name", () => assert.throws(() => wire.set("slow"), /knows no slow/));
});
