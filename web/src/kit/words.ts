// The words that have come: the shell's with the page, a room's with the room (`import "words:ROOM"`, see words.mjs).
export type Words = { [key: string]: string | Words };
type Other = () => Promise<{ words: Words; said: Record<string, string> }>;

export const english: Words = {}, other: Words = {};
export const sentences = new Map<string, string>(); // of the server, in the other language

let language = "en";
let coming: Promise<unknown> = Promise.resolve();
const packs: Record<string, Other>[] = [];

function add(all: Words, more: Words): void {
  for (const [key, value] of Object.entries(more)) {
    const here = all[key];
    if (typeof value === "object" && typeof here === "object") add(here, value);
    else all[key] = typeof value === "object" ? structuredClone(value) : value;
  }
}

// A pack has come in English; where somebody reads another language, it is on its way in that one too.
export function learn(words: Words, others: Record<string, Other>): void {
  add(english, words);
  packs.push(others);
  if (language !== "en") coming = Promise.all([coming, bring(others).catch(() => {})]);
}

async function bring(pack: Record<string, Other>): Promise<void> {
  const came = await pack[language]!();
  add(other, came.words);
  for (const [text, here] of Object.entries(came.said)) sentences.set(text, here);
}

// Brings every pack in a language, those that have come and those to come; rejects when one that has come cannot be had.
export async function listen(wanted: string): Promise<void> {
  language = wanted;
  if (wanted === "en") return;
  try {
    await Promise.all(packs.map(bring));
  } catch (error) {
    language = "en";
    throw error;
  }
}

// A part of the page that is loaded when it is wanted, once its words are there.
export async function withWords<T>(part: Promise<T>): Promise<T> {
  const came = await part;
  await coming;
  return came;
}
