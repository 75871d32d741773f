/* What makes a page handier: theme, search, folds, copies and large figures. Every page can be read without it. */
"use strict";

const make = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  made.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
};

/* The theme, before anything is drawn; where nothing can be stored it lasts for the page */
const THEMES = ["automatic", "light", "dark"];
let theme = "automatic";
try { theme = localStorage.getItem("theme") ?? theme; } catch { /* no storage for files */ }
const show = () => { document.documentElement.dataset.theme = theme; };
show();

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".aids").hidden = false;
  const themes = document.querySelector("button.theme");
  const name = () => { themes.textContent = `Theme: ${theme}`; };
  name();
  themes.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try { localStorage.setItem("theme", theme); } catch { /* as above */ }
    show();
    name();
  });

  /* One button folds or unfolds the code of all cells; paper shows all */
  const button = document.querySelector("button.unfold");
  const sources = document.querySelectorAll("details.source");
  button.hidden = !sources.length;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    sources.forEach((source) => { source.open = open; });
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Hide all code" : "Show all code";
  });
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  /* Code can be copied */
  document.querySelectorAll(".highlight, .prose pre").forEach((block) => {
    const copy = make("button", "Copy", { type: "button", class: "copy" });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.innerText.trim());
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block);
        copy.textContent = "Selected";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
    block.before(copy);
  });

  /* Figures are enlarged in place; without this script their link shows the picture alone */
  const large = make("dialog", "", { "aria-label": "Enlarged figure" });
  const close = make("button", "Close", { type: "button" });
  const picture = make("img", "");
  close.addEventListener("click", () => large.close());
  large.addEventListener("click", (event) => event.target === large && large.close());
  document.body.append(large);
  document.querySelectorAll("a.enlarge").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    picture.src = link.href;
    picture.alt = link.querySelector("img").alt;
    large.replaceChildren(close, picture);
    large.showModal();
  }));

  /* Search: sections in which all words stand, those with them in a heading first */
  const query = document.getElementById("query");
  const found = document.getElementById("found");
  const list = found.querySelector("ol");
  const load = () => {
    if (!window.sections && !document.querySelector("script[src$='sections.js']")) {
      const script = make("script", "", { src: "static/sections.js" });
      script.addEventListener("load", search);
      document.head.append(script);
    }
  };
  const entry = ([file, page, anchor, heading, text], word) => {
    const at = Math.max(0, text.toLowerCase().indexOf(word) - 60);
    const link = make("a", heading ? `${page}: ${heading}` : page, { href: anchor ? `${file}#${anchor}` : file });
    const item = make("li", "");
    item.append(link, make("span", `${at ? "…" : ""}${text.slice(at, at + 160)}…`));
    return item;
  };
  const search = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.hidden = !words.length || !window.sections;
    if (found.hidden) return;
    const rank = ([, page, , heading, text]) => {
      const head = `${page} ${heading}`.toLowerCase();
      const whole = `${head} ${text.toLowerCase()}`;
      return words.every((word) => whole.includes(word)) ? 1 + words.filter((word) => head.includes(word)).length : 0;
    };
    const hits = window.sections.map((section) => [rank(section), section]).filter(([points]) => points);
    hits.sort(([one], [other]) => other - one);
    document.getElementById("count").textContent = `${hits.length || "No"} section${hits.length === 1 ? "" : "s"}`;
    list.replaceChildren(...hits.slice(0, 20).map(([, section]) => entry(section, words[0])));
  };
  query.addEventListener("focus", load);
  query.addEventListener("input", search);
  query.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { query.value = ""; search(); }
  });
  list.addEventListener("click", (event) => { if (event.target.closest("a")) found.hidden = true; });
});
