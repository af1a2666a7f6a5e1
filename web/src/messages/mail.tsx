// An e-mail as its reader sees it, in a frame that runs nothing and asks nobody. The content policy of the page holds in
// it too and refuses styles in markup: they are taken out of the text before it is read, and given to the elements after.
import { useEffect, useRef } from "preact/hooks";

type Policy = { createHTML: (text: string) => string };
const policies = (globalThis as { trustedTypes?: { createPolicy: (name: string, rules: Policy) => Policy } }).trustedTypes;
const trusted: Policy = policies?.createPolicy("mail", { createHTML: (text) => text }) ?? { createHTML: (text) => text };

const gone = "script, iframe, object, noscript";
const alone = /<(?:base|link|embed|frame|meta[^>]*http-equiv)\b[^>]*>/gi; // would act, or be complained of, while it is read

function read(html: string): Document {
  const calm = html.replace(alone, "").replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/(\s)(style|on[a-z]+)(\s*=)/gi, "$1data-$2$3")).replace(/<(\/?)style\b/gi, "<$1xmp");
  return new DOMParser().parseFromString(trusted.createHTML(calm), "text/html");
}

function show(frame: HTMLIFrameElement, html: string): void {
  const doc = frame.contentDocument, window = frame.contentWindow as (Window & typeof globalThis) | null;
  if (!doc || !window) return;
  const mail = read(html);
  for (const one of mail.querySelectorAll(gone)) one.remove();
  for (const image of mail.querySelectorAll("img")) if (!image.getAttribute("src")?.startsWith("data:")) image.removeAttribute("src");
  const sheets = [...mail.querySelectorAll("xmp")].map((css) => {
    const sheet = new window.CSSStyleSheet();
    sheet.replaceSync(css.textContent ?? "");
    css.remove();
    return sheet;
  });
  doc.replaceChild(doc.adoptNode(mail.documentElement), doc.documentElement);
  doc.adoptedStyleSheets = sheets;
  for (const one of doc.querySelectorAll<HTMLElement>("[data-style]")) {
    one.style.cssText = one.dataset.style!;
    delete one.dataset.style;
  }
  for (const link of doc.querySelectorAll<HTMLAnchorElement>("a[href]")) {
    link.title = link.getAttribute("href")!;
    link.removeAttribute("href"); // it leads nowhere from here, and looks as if it did
    link.style.color ||= "LinkText";
    link.style.textDecoration ||= "underline";
  }
  frame.style.height = Math.min(640, Math.max(160, doc.documentElement.scrollHeight)) + "px";
}

export function Mail({ html, title }: { html: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  useEffect(() => {
    const one = frame.current!, draw = () => show(one, html);
    draw();
    one.addEventListener("load", draw); // some browsers replace the empty document once
    return () => one.removeEventListener("load", draw);
  }, [html]);
  return <iframe ref={frame} class="mail" title={title} sandbox="allow-same-origin" />;
}
