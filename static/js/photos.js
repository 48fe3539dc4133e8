/* The photo library and the photo page: moving, marking, and a mark that shows before the server
   has answered, and goes again where it says no. */

import { onKey } from "./keys.js";

const cards = () => [...document.querySelectorAll("[data-photo]")];
const current = () => document.querySelector("[data-photo].is-marked");

function choose(card) {
  for (const other of cards()) other.classList.toggle("is-marked", other === card);
  card.querySelector("[data-photo-link]").focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

/* How many cards stand in the first row of the grid. */
function columns(all) {
  const top = all[0].offsetTop;
  const next = all.findIndex((card) => card.offsetTop !== top);
  return next < 0 ? all.length : next;
}

function move(key) {
  const all = cards();
  if (!all.length) return false;
  const down = columns(all);
  const steps = { j: 1, k: -1, ArrowRight: 1, ArrowLeft: -1, ArrowDown: down, ArrowUp: -down };
  if (!(key in steps)) return false;
  const at = all.indexOf(current());
  const wanted = at < 0 ? 0 : at + steps[key];
  if (wanted >= 0 && wanted < all.length) choose(all[wanted]);
  return true;
}

/* On the library the chosen card is meant, on a photo's page the photo. */
function markButtons() {
  const place = document.querySelector("[data-photos]") ? current() : document;
  return [...(place?.querySelectorAll("[data-mark] [data-mark-button]") ?? [])];
}

onKey((key) => {
  if (move(key)) return true;
  if (key === "Enter" && current()) {
    current().querySelector("[data-photo-link]").click();
    return true;
  }
  const arrow = document.querySelector(`[data-arrow="${CSS.escape(key)}"]`);
  if (arrow) {
    arrow.click();
    return true;
  }
  const button = key === "m" ? markButtons()[0] : null;
  const byReason = document.querySelector("[data-photos]") && /^[1-9]$/.test(key);
  const wanted = byReason ? markButtons().filter((one) => one.value)[Number(key) - 1] : button;
  if (!wanted) return false;
  wanted.click();
  return true;
});

document.addEventListener("focusin", (event) => {
  const card = event.target.closest("[data-photo]");
  if (!card) return;
  for (const other of cards()) other.classList.toggle("is-marked", other === card);
});

function show(box, text) {
  const next = box.querySelector("[data-mark-next]");
  const badge = document.createElement("span");
  badge.className = text ? "badge badge-warn" : "muted";
  badge.textContent = text || "Not marked";
  next.replaceChildren(badge);
  swapStates(box, true);
}

function swapStates(box, isAhead) {
  box.querySelector("[data-mark-next]").hidden = !isAhead;
  box.querySelector("[data-mark-state]").hidden = isAhead;
  for (const form of box.querySelectorAll("form")) form.classList.toggle("is-ahead", isAhead);
}

const boxOf = (event) => event.detail.requestConfig?.elt?.closest?.("[data-mark]") ?? null;

let pressed = null;
document.addEventListener("click", (event) => {
  pressed = event.target.closest("[data-mark-button]") ?? pressed;
});

document.addEventListener("htmx:beforeSend", (event) => {
  const box = boxOf(event);
  if (box && pressed && box.contains(pressed)) show(box, pressed.dataset.next);
});

/* What was swapped has left the page; a box that is still there got no answer to show. */
document.addEventListener("htmx:afterRequest", (event) => {
  const box = boxOf(event);
  if (!box) return;
  if (box.isConnected) {
    swapStates(box, false);
    return;
  }
  document.getElementById("refusal")?.replaceChildren();
  const link = document.getElementById(box.id)?.closest("[data-photo]")?.querySelector("[data-photo-link]");
  if (link && !document.activeElement?.closest("[data-photo]")) link.focus({ preventScroll: true });
});

/* Labels keep their size on the screen, however large the picture is shown. */
const TEXT_PX = 12;
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const shown = target.clientWidth || target.getBoundingClientRect().width;
    if (shown) target.setAttribute("font-size", String((TEXT_PX * target.viewBox.baseVal.width) / shown));
  }
});
for (const overlay of document.querySelectorAll("[data-photo-view] .overlay")) sizes.observe(overlay);

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggles-boxes]");
  if (!toggle) return;
  const isBare = document.querySelector("[data-photo-view]").classList.toggle("is-bare");
  toggle.setAttribute("aria-pressed", String(!isBare));
});
