// What the server says in English sentences, in the language of the page. A sentence that is not known stays as it is.
import { spoken } from "./i18n";
import { sentences } from "./words";

const plain = (text: string) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
let patterns: (readonly [RegExp, string])[] = [], known = 0;

export const said = (text: string): string => heard(text) ?? text;

// The same, or nothing where the sentence is not known. What stands in its blanks may be one too.
export function heard(text: string): string | undefined {
  if (spoken() === "en") return text;
  const here = sentences.get(text);
  if (here !== undefined) return here;
  if (known !== sentences.size) {
    known = sentences.size;
    patterns = [...sentences].filter(([one]) => one.includes("{1}")).map(([one, other]) => [new RegExp(`^${plain(one).replace(/\{\d\}/g, "(.+?)")}$`, "s"), other] as const);
  }
  for (const [pattern, other] of patterns) {
    const blanks = pattern.exec(text);
    if (blanks) return other.replace(/\{(\d)\}/g, (_, n: string) => said(blanks[Number(n)]!));
  }
  return undefined;
}
