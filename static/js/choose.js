/* Choosing several items and giving them one verdict: the queue and the contact sheet share this. */

import { onKey } from "./keys.js";

const batch = () => document.querySelector("[data-batch]");
export const boxes = () => [...document.querySelectorAll("[data-choose]")];
let last = null;

/* Sets a box, and with ``isRange`` every box between the one set before and this one. */
export function choose(box, isOn, isRange = false) {
  const all = boxes();
  const from = isRange && last?.isConnected ? all.indexOf(last) : -1;
  const to = all.indexOf(box);
  const reach = from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const one of reach) one.checked = isOn;
  last = box;
  show();
}

function chooseAll(isOn) {
  for (const box of boxes()) box.checked = isOn;
  last = null;
  show();
}

function show() {
  const all = boxes();
  const count = all.filter((box) => box.checked).length;
  for (const place of document.querySelectorAll("[data-chosen-count]")) place.textContent = count;
  const whole = document.querySelector("[data-choose-all]");
  if (!whole) return;
  whole.checked = count > 0 && count === all.length;
  whole.indeterminate = count > 0 && count < all.length;
}

function pressedWithReasons(key) {
  const reject = batch()?.querySelector("[data-batch-reject]");
  if (!reject?.open) return false;
  if (key === "Escape") {
    reject.open = false;
    return true;
  }
  const button = /^[1-7]$/.test(key) && reject.querySelector(`[data-digit="${key}"]`);
  if (!button) return false;
  button.click();
  return true;
}

onKey((key) => {
  if (!batch()) return false;
  if (pressedWithReasons(key)) return true;
  if (key !== "Escape" || !boxes().some((box) => box.checked)) return false;
  chooseAll(false);
  return true;
});

document.addEventListener("click", (event) => {
  const { target } = event;
  if (target.matches("[data-choose]")) choose(target, target.checked, event.shiftKey);
  if (target.matches("[data-choose-all]")) chooseAll(target.checked);
  if (target.closest("[data-choose-none]")) chooseAll(false);
});

/* The reason "other" is nothing without a note. */
document.addEventListener("submit", (event) => {
  const note = event.target.querySelector("[data-batch-note]");
  if (!note || !event.submitter?.matches("[data-needs-note]") || note.value.trim()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  note.placeholder = "Say what it is, then choose Other again";
  note.setAttribute("aria-invalid", "true");
  note.focus();
}, true);

function prepare() {
  for (const hidden of document.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
  show();
}

prepare();
document.addEventListener("htmx:afterSettle", prepare);
