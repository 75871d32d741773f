/* A notebook's page: one button folds or unfolds the code of all cells. Everything works without it. */
"use strict";
const button = document.querySelector("button.unfold");
const sources = document.querySelectorAll("details.source");
if (button && sources.length) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    sources.forEach((source) => { source.open = open; });
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Hide all code" : "Show all code";
  });
}
