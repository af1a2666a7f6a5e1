// German: the words of the page, and what the server says in English sentences.
import server from "../../i18n/de.server.json";
export { default as words } from "../../i18n/de.json";

const sentences = new Map(Object.entries(server));
const plain = (text: string) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
const patterns = [...sentences].filter(([text]) => text.includes("{1}")).map(([text, here]) => [new RegExp(`^${plain(text).replace(/\{\d\}/g, "(.+)")}$`, "s"), here] as const);

// What stands in the blanks of a sentence may be one too.
export function said(text: string): string {
  const here = sentences.get(text);
  if (here !== undefined) return here;
  for (const [pattern, german] of patterns) {
    const blanks = pattern.exec(text);
    if (blanks) return german.replace(/\{(\d)\}/g, (_, n: string) => said(blanks[Number(n)]!));
  }
  return text;
}
