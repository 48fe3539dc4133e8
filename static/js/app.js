/* What every page has: the key map, toasts, and what to say when a request fails. */

import { element } from "./elements.js";
import { onKey } from "./keys.js";
import "./letters.js";
import "./notes.js";
import "./queue.js";
import "./stack.js";
import { signInLink } from "./said.js";

function toggleDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog) return false;
  if (dialog.open) dialog.close();
  else dialog.showModal();
  return true;
}

onKey((key) => (key === "?" ? toggleDialog("keys-dialog") : false));

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) toggleDialog(opener.dataset.opens);
  if (event.target.matches(".toast-close")) event.target.closest(".toast").remove();
  if (event.target.matches("dialog")) event.target.close();
});

/* Shows ``text``, or what else it is made of, for some seconds. */
export function toast(text, kind = "info") {
  const box = document.createElement("div");
  box.className = `toast toast-${kind}`;
  box.setAttribute("role", kind === "error" ? "alert" : "status");
  box.append(...[text].flat());
  document.querySelector("[data-toasts]").append(box);
  fade(box);
}

function fade(box) {
  setTimeout(() => box.remove(), 7000);
}

/* The server says how many seconds are left; this page counts them down on its own clock. */
function countDown(form) {
  const seconds = Number(form.dataset.secondsLeft);
  const ends = performance.now() + seconds * 1000;
  const text = form.querySelector("[data-countdown]");
  const bar = form.querySelector("[data-countdown-bar]");
  const tick = () => {
    const left = (ends - performance.now()) / 1000;
    if (left <= 0 || !form.isConnected) return form.remove();
    text.textContent = `${Math.ceil(left)} s`;
    bar.setAttribute("width", String((100 * left) / seconds));
    return setTimeout(tick, 250);
  };
  tick();
}

function prepare() {
  for (const box of document.querySelectorAll("[data-fades]:not([data-ready])")) {
    box.dataset.ready = "";
    fade(box);
  }
  for (const form of document.querySelectorAll("[data-seconds-left]:not([data-ready])")) {
    form.dataset.ready = "";
    countDown(form);
  }
}

/* On a narrow screen the navigation begins with the page that one is on. */
function showPlace() {
  const nav = document.querySelector(".nav");
  const here = nav?.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
}

showPlace();
prepare();
document.addEventListener("htmx:afterSettle", prepare);
document.addEventListener("item:shown", prepare);

/* A refusal has a place on the page; anything else that is not an answer is said in a toast. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  const path = xhr.responseURL && new URL(xhr.responseURL).pathname;
  if (path === document.body.dataset.login && location.pathname !== path) {
    event.detail.shouldSwap = false;
    const back = `${location.pathname}${location.search}`;
    toast([element("span", {}, "Your session has ended; nothing was changed. ", ...signInLink(back))], "error");
    return;
  }
  if (xhr.status < 400) return;
  event.detail.shouldSwap =
    xhr.responseText.includes('id="refusal"') && document.getElementById("refusal") !== null;
  if (!event.detail.shouldSwap) {
    toast(`The server answered ${xhr.status}; nothing was changed. Load the page again.`, "error");
  }
});
document.addEventListener("htmx:sendError", () => {
  toast("The server cannot be reached; nothing was changed.", "error");
});
