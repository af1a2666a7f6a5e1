// The only three things kept in the browser: theme, language, single-key shortcuts.
export type Theme = "auto" | "light" | "dark";

function read(name: string): string | null {
  try {
    return localStorage.getItem("ava." + name);
  } catch {
    return null; // storage can be switched off; defaults are fine
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem("ava." + name, value);
  } catch {
    /* as above */
  }
}

export function theme(): Theme {
  const kept = read("theme");
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function isDark(): boolean {
  const chosen = theme();
  return chosen === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : chosen === "dark";
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function toggleTheme(): void {
  write("theme", isDark() ? "light" : "dark");
  applyTheme();
}

export const chosenLanguage = () => read("language");
export function chooseLanguage(language: string): void {
  write("language", language);
}

export function hasShortcuts(): boolean {
  return read("shortcuts") !== "off";
}

export function setShortcuts(on: boolean): void {
  write("shortcuts", on ? "on" : "off");
}
