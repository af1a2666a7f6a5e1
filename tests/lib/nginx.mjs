// A real nginx in front of an Ava, with the configuration docs/proxy.md gives to operators, and gzip as many add it.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, until } from "./ava.mjs";

const program = ["nginx", "/usr/sbin/nginx"].find((p) => !spawnSync(p, ["-v"]).error);
export const noNginx = program ? false : "no nginx on this machine: tools/deps install test";

function configuration(dir, front, ava) {
  const block = /```nginx\n([^]*?)```/.exec(readFileSync(join(root, "docs/proxy.md"), "utf8"))[1];
  const text = block.replaceAll("127.0.0.1:8000", `127.0.0.1:${ava}`).replace(/^ {4}listen .*$/m, `    listen 127.0.0.1:${front};`);
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((n) => `${n}_temp_path ${dir}/${n};`).join("\n");
  const who = process.getuid() === 0 ? "user root;\n" : ""; // or its workers could not use the folder
  return `${who}daemon off;\nworker_processes 1;\npid ${dir}/pid;\nerror_log ${dir}/error.log warn;\nevents { worker_connections 512; }\nhttp {\naccess_log off;\n${folders}\ngzip on;\ngzip_proxied any;\ngzip_min_length 1;\ngzip_types application/json;\n${text}\n}\n`;
}

export class Nginx {
  static async start(port, ava) {
    const self = new Nginx();
    self.dir = await mkdtemp(join(tmpdir(), "ava-nginx-"));
    self.base = `http://127.0.0.1:${port}`;
    const file = join(self.dir, "nginx.conf");
    await writeFile(file, configuration(self.dir, port, ava));
    self.said = "";
    self.child = spawn(program, ["-p", self.dir, "-e", join(self.dir, "start.log"), "-c", file], { stdio: ["ignore", "pipe", "pipe"] });
    self.exited = new Promise((r) => self.child.once("exit", (code) => r((self.ended = { code }))));
    for (const stream of [self.child.stdout, self.child.stderr]) stream.on("data", (b) => (self.said += b));
    await until(async () => self.ended || (await fetch(`${self.base}/health/live`).catch(() => null))?.ok, { every: 50, what: "nginx to pass on" });
    if (self.ended) throw new Error(`nginx ended with ${self.ended.code}:\n${self.said}${await readFile(join(self.dir, "start.log"), "utf8").catch(() => "")}`);
    return self;
  }

  async remove() {
    if (!this.ended) this.child.kill("SIGTERM");
    await this.exited;
    await rm(this.dir, { recursive: true, force: true });
  }
}
