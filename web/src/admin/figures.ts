// Numbers as people read them.
import "words:health";
import { number, t } from "../kit/i18n";

export const count = (n: number) => number(n);

// 41234567 -> "41 MB"
export function bytes(n: number): string {
  const units = ["b", "kb", "mb", "gb", "tb"];
  let size = n, unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return t("size." + units[unit], { n: number(size, unit && size < 10 ? 1 : 0) });
}
