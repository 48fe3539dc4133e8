/* The list of versions: brings one back, and takes in what is saved while the page is open. */

import { element } from "./elements.js";

export function prepareVersions(editor) {
  const list = document.querySelector("[data-versions]");
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-restore]");
    if (!button) return;
    const body = new FormData();
    body.set("earlier", button.dataset.restore);
    editor.server.replace(editor.told.restoreAddress, body);
  });
  editor.server.addEventListener("saved", ({ detail }) => {
    if (list.querySelector("[data-now]")?.dataset.now === String(detail.version)) return;
    list.querySelector("[data-none]")?.remove();
    const counting = list.querySelector(".badge-good");
    const before = counting?.closest("li").querySelector("strong").textContent;
    counting?.replaceWith(offer(before));
    list.prepend(saved(detail));
  });
}

function offer(version) {
  return element("button", {
    type: "button", class: "ghost small", "data-restore": version, "aria-label": `Bring version ${version} back`,
  }, "Bring back");
}

function saved({ version, spans }) {
  const count = spans.length === 1 ? "1 span" : `${spans.length} spans`;
  for (const other of document.querySelectorAll("[data-now]")) other.removeAttribute("data-now");
  return element("li", { "data-now": String(version) },
    element("span", {}, element("strong", {}, String(version)), " ", element("span", { class: "num" }, count), " ", element("span", { class: "muted" }, "you, just now")),
    element("span", { class: "badge badge-good" }, "counts"));
}
