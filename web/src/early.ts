// Runs before everything else and before the first paint: the chosen theme, so that the other one never flashes, and the
// first questions to the server, so that their answers are there when the page is. Then the page is drawn once, and stays put.
import { applyTheme } from "./kit/prefs";

declare global {
  var avaEarly: Record<string, Promise<Response>> | undefined;
}

applyTheme();

const ask = (url: string) => {
  const answer = fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" });
  answer.catch(() => {}); // whoever takes it hears about it
  return answer;
};
const path = location.pathname;
const outside = path === "/signin" || path === "/setup";
if (path !== "/docs" && path !== "/sandbox")
  globalThis.avaEarly = {
    ...(outside ? { "/health/ready": ask("/health/ready") } : {}),
    ...(location.hash.includes("t=") ? {} : { "/api/v1/auth/me": ask("/api/v1/auth/me") }),
  };
