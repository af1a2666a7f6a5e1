// A PostgreSQL for one run of tests: prints its URL, and ends when stdin does, and so with whoever started it. Exit 3: it is
// not installed.
import { missing, Postgres } from "./postgres.mjs";

if (missing) {
  console.error(missing);
  process.exit(3);
}
const ends = new Promise((r) => {
  process.stdin.on("end", r).resume();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, r);
});
const pg = await Postgres.start({ settings: { max_connections: 300 } }); // an Ava opens up to 14
console.log(pg.url);
await ends;
await pg.remove();
