/* A field that takes only so many letters says how many are left, and when it had to cut what was
   pasted. */

import { element } from "./elements.js";

const LONG = 1000; // shorter fields show their end by themselves
const NEAR = 0.9;
const told = new WeakMap();

function say(field, text) {
  if (!told.has(field)) {
    if (!text) return;
    const place = element("p", { class: "letters small muted num", role: "status" });
    (field.closest("label") ?? field).after(place);
    told.set(field, place);
  }
  const place = told.get(field);
  place.textContent = text;
  place.hidden = !text;
}

function count(field, isCut = false) {
  const used = field.value.length;
  const most = field.maxLength;
  const cut = isCut ? " What you pasted was longer and is cut." : "";
  say(field, used < NEAR * most ? "" : `${used} of ${most} letters.${cut}`);
}

const isLong = (field) => field.matches?.("textarea[maxlength], input[maxlength]") && field.maxLength >= LONG;

document.addEventListener("input", ({ target, inputType }) => {
  if (isLong(target) && inputType !== "insertFromPaste") count(target);
});

document.addEventListener("paste", (event) => {
  const field = event.target;
  if (!isLong(field)) return;
  const pasted = event.clipboardData.getData("text").replaceAll("\r\n", "\n").length;
  const room = field.maxLength - field.value.length + (field.selectionEnd - field.selectionStart);
  setTimeout(() => count(field, pasted > room));
});
