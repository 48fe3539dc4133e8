/* The written guideline of an item's category, in a dialog over the item. */

import { toast } from "./app.js";
import { element } from "./elements.js";

const TITLE = "guideline-title";
let dialog = null;

function made() {
  if (dialog?.isConnected) return dialog;
  dialog = element(
    "dialog",
    { id: "guideline-dialog", class: "dialog", "aria-labelledby": TITLE },
    element(
      "div",
      { class: "dialog-head" },
      element("h2", { id: TITLE }, "Guideline"),
      element("form", { method: "dialog" }, element("button", { class: "ghost", "aria-label": "Close" }, "Esc")),
    ),
    element("div", { id: "guideline-body" }),
  );
  document.body.append(dialog);
  return dialog;
}

export async function open(link) {
  const shown = made();
  if (shown.open) return shown.close();
  try {
    await window.htmx.ajax("GET", link.getAttribute("href"), { target: "#guideline-body", swap: "innerHTML", push: "false" });
  } catch {
    return toast("The guideline could not be loaded.", "error");
  }
  document.getElementById(TITLE).textContent = `Guideline: ${link.dataset.guideline}`;
  if (document.getElementById("guideline-body").childElementCount) shown.showModal();
  return undefined;
}
