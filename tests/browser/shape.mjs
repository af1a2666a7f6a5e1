// What a page looks like, asked of the page itself: does anything stick out, does one text cover another, does the
// direction of a text turn what stands beside it.

// Run in the page: each piece of text that can be seen, with its lines as rectangles, cut to what its surroundings show.
function textsOf() {
  const clipOf = (element) => {
    let clip = { left: -1e6, top: -1e6, right: 1e6, bottom: 1e6 };
    for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (at.classList.contains("hidden") || style.visibility === "hidden" || style.opacity === "0") return null;
      if (style.clipPath !== "none") return null;
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const r = at.getBoundingClientRect();
      clip = { left: Math.max(clip.left, r.left), top: Math.max(clip.top, r.top), right: Math.min(clip.right, r.right), bottom: Math.min(clip.bottom, r.bottom) };
    }
    return clip;
  };
  const stuck = (element) => {
    for (let at = element; at; at = at.parentElement) if (["fixed", "sticky"].includes(getComputedStyle(at).position)) return true;
    return false;
  };
  const found = [];
  const modal = document.querySelector("dialog[open]");
  const walk = document.createTreeWalker(modal ?? document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility() || parent.closest("option, script, style, textarea, svg")) continue;
    const clip = clipOf(parent);
    if (!clip) continue;
    found.push({ node, parent, clip, isStuck: stuck(parent) });
  }
  return found;
}

// Everything wrong with the shape of what is shown; `values` are the texts of others, whose direction may be any.
export async function faultsOfShape(page, values = []) {
  return page.evaluate(
    ([source, values]) => {
      const texts = new Function(`return (${source})()`)();
      const faults = [];
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth > width) faults.push(`the page is ${document.documentElement.scrollWidth} px wide at ${width}`);
      const words = (one) => `<${one.parent.tagName.toLowerCase()}${one.parent.className ? "." + one.parent.className : ""}> ${JSON.stringify(one.node.data.trim().slice(0, 40))}`;
      const linesOf = (range, clip) =>
        [...range.getClientRects()]
          .map((r) => ({ left: Math.max(r.left, clip.left), right: Math.min(r.right, clip.right), top: Math.max(r.top, clip.top), bottom: Math.min(r.bottom, clip.bottom) }))
          .filter((r) => r.right - r.left > 1 && r.bottom - r.top > 1);
      const range = document.createRange();
      const lines = [];
      for (const one of texts) {
        range.selectNodeContents(one.node);
        const box = one.parent.closest(".card, .panel, dialog, .side, .toast")?.getBoundingClientRect();
        for (const r of linesOf(range, one.clip)) {
          if (r.left < -1 || r.right > width + 1) faults.push(`sticks out of the page: ${words(one)}`);
          else if (box && (r.left < box.left - 1 || r.right > box.right + 1)) faults.push(`sticks out of its box: ${words(one)}`);
          if (!one.isStuck) lines.push({ ...r, one });
        }
      }
      // A line's box is taller than its letters: only what lies over the middle of another covers it.
      const inner = (r) => ({ ...r, top: r.top + (r.bottom - r.top) * 0.3, bottom: r.bottom - (r.bottom - r.top) * 0.3 });
      lines.sort((a, b) => a.top - b.top);
      for (let i = 0; i < lines.length; i++) {
        const a = inner(lines[i]);
        for (let k = i + 1; k < lines.length && lines[k].top < lines[i].bottom; k++) {
          const b = inner(lines[k]);
          if (a.one.node !== b.one.node && a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom && b.top < a.bottom) faults.push(`covered: ${words(a.one)} and ${words(b.one)}`);
        }
      }
      // On one line the pieces of a sentence stand as they are written, whatever the pieces say.
      const blockOf = (element) => {
        let at = element;
        while (at && getComputedStyle(at).display.startsWith("inline") && at.parentElement) at = at.parentElement;
        return at;
      };
      const blocks = new Map();
      for (const one of texts) {
        const block = blockOf(one.parent), data = one.node.data;
        const cuts = new Set([0, data.length]);
        const theirs = [];
        for (const value of values)
          for (let at = data.indexOf(value); at >= 0; at = data.indexOf(value, at + 1)) {
            cuts.add(at), cuts.add(at + value.length);
            theirs.push([at, at + value.length]);
          }
        const edges = [...cuts].sort((a, b) => a - b);
        for (let i = 0; i + 1 < edges.length; i++) {
          if (!data.slice(edges[i], edges[i + 1]).replace(/[\s\u2066-\u2069]/g, "")) continue;
          range.setStart(one.node, edges[i]);
          range.setEnd(one.node, edges[i + 1]);
          const isTheirs = theirs.some(([from, to]) => from <= edges[i] && edges[i + 1] <= to);
          if (!blocks.has(block)) blocks.set(block, []);
          blocks.get(block).push({ one, isTheirs, lines: linesOf(range, one.clip), said: data.slice(edges[i], edges[i + 1]) });
        }
      }
      for (const [block, pieces] of blocks) {
        if (!pieces.some((p) => p.isTheirs) || getComputedStyle(block).display.includes("flex") || getComputedStyle(block).display.includes("grid")) continue;
        for (let i = 0; i + 1 < pieces.length; i++)
          for (const a of pieces[i].lines)
            for (const b of pieces[i + 1].lines)
              if (Math.abs(a.top - b.top) < 4 && a.left > b.left + 1) faults.push(`turned: ${JSON.stringify(pieces[i].said.slice(-30))} stands behind ${JSON.stringify(pieces[i + 1].said.slice(0, 30))} in <${block.tagName.toLowerCase()}.${block.className}>`);
      }
      return [...new Set(faults)];
    },
    [textsOf.toString(), values],
  );
}

// What is wrong with where the focus is; "" when it can be seen and nothing lies over it. The body is where Tab leaves the page.
export async function faultOfFocus(page) {
  return page.evaluate(() => {
    const at = document.activeElement;
    if (!at || at === document.body || at.tagName === "IFRAME") return "";
    const said = at.outerHTML.slice(0, 140);
    const r = at.getBoundingClientRect(), style = getComputedStyle(at);
    if (r.width < 1 || r.height < 1) return `the focus is on nothing that can be seen: ${said}`;
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return `the focus does not show: ${said}`;
    const left = Math.max(r.left, 0), right = Math.min(r.right, innerWidth), top = Math.max(r.top, 0), bottom = Math.min(r.bottom, innerHeight);
    if (right <= left || bottom <= top) return `the focus is out of sight: ${said}`;
    // Some point of it must be on top: its middle or near a corner.
    const points = [[0.5, 0.5], [0.1, 0.5], [0.9, 0.5], [0.5, 0.15], [0.5, 0.85]].map(([x, y]) => [left + (right - left) * x, top + (bottom - top) * y]);
    const seen = points.some(([x, y]) => {
      const over = document.elementFromPoint(x, y);
      return over && (at.contains(over) || over.contains(at));
    });
    return seen ? "" : `something lies over the focus: ${said}`;
  });
}
