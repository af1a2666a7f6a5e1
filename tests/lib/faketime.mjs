// libfaketime, which gives a process another time than its machine has: in LD_PRELOAD, with FAKETIME in its environment.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const folders = ["/usr/lib", ...(existsSync("/usr/lib") ? readdirSync("/usr/lib").map((d) => join("/usr/lib", d)) : [])];
export const faketime = folders.map((d) => join(d, "faketime/libfaketimeMT.so.1")).find(existsSync);
export const noFaketime = faketime ? false : "no libfaketime on this machine: tools/deps install test";
