/* A verdict brings up the next item at once and is stored while one looks at it. Verdicts are sent
   one after the other. Where one is refused, its item comes back as it was left, with the reason. */

import * as ahead from "./ahead.js";
import { element } from "./elements.js";
import { onKey } from "./keys.js";
import * as notes from "./notes.js";
import { announce, signInLink } from "./said.js";

// Faster than anybody can look: the second half of a double click, a key that bounces.
const LOOK_MS = 250;
const NOT_REPEATED = "other needs a note of its own";
let sending = Promise.resolve();
let underWay = 0;
let shownAt = -Infinity;

const root = () => document.querySelector("[data-item]");
const here = () => `${location.pathname}${location.search}`;

/* What the next page's button for the same verdict is to say. */
function said(form, submitter) {
  const value = submitter.value;
  const reason = value.split(":")[1];
  const says = (reason ?? value).replaceAll("_", " ");
  return { value, says, refusal: reason === "other" ? NOT_REPEATED : "" };
}

function sayAgain(main, last) {
  const button = main.querySelector("[data-same]");
  if (!button || !last) return;
  button.value = last.refusal ? "" : last.value;
  button.disabled = last.refusal !== "";
  button.querySelector("[data-same-says]").textContent = last.refusal || last.says;
}

/* Puts another page on the screen: its address, its title, and its item. */
function show({ main, url, title }, { isReplacing = false } = {}) {
  const before = document.getElementById("main");
  before.replaceWith(main);
  if (!main.dataset.isProcessed) {
    main.dataset.isProcessed = "";
    window.htmx?.process(main);
  }
  history[isReplacing ? "replaceState" : "pushState"]({ htmx: true }, "", url);
  document.title = title;
  scrollTo(0, 0);
  shownAt = performance.now();
  document.dispatchEvent(new CustomEvent("item:shown"));
  announce(root()?.dataset.title ?? title);
}

function replaceToasts(toasts) {
  if (!toasts) return;
  const made = document.importNode(toasts, true);
  document.getElementById("toasts").replaceWith(made);
  window.htmx?.process(made);
  document.dispatchEvent(new CustomEvent("item:shown"));
}

function sayPending(entry) {
  const box = element(
    "div",
    { class: "toast toast-pending", role: "status", "data-pending": entry.id },
    element("span", {}, element("strong", {}, entry.says), ` item ${entry.id}`),
    element("span", { class: "working", "aria-hidden": "true" }),
  );
  const toasts = document.getElementById("toasts");
  toasts.querySelector("#undo-form")?.remove();
  toasts.append(box);
}

const settled = (id) => document.querySelector(`[data-pending="${id}"]`)?.remove();

/* Brings an item back whose verdict was refused; what was on the screen is next in line again. */
function bringBack(entry, refusal) {
  ahead.takeBack(entry.id);
  settled(entry.id);
  delete entry.form.dataset.sent;
  entry.fieldset.disabled = false;
  if (entry.main !== document.getElementById("main")) {
    const shown = root();
    const current = document.getElementById("main");
    if (shown && current.querySelector("[data-decide]")) {
      const until = performance.now() + 60_000;
      ahead.putBack({ id: Number(shown.dataset.item), url: here(), main: current, title: document.title, until });
    }
    show(entry);
  }
  const place = entry.main.querySelector("#refusal");
  place.replaceWith(refusal);
  refusal.setAttribute("tabindex", "-1");
  refusal.focus();
}

function refusalOf(text, ...more) {
  return element(
    "div",
    { id: "refusal", class: "notice notice-bad", role: "alert" },
    element("p", {}, element("strong", {}, text)),
    element("p", { class: "small" }, ...more),
  );
}

function hasEnded(answer) {
  return answer.redirected && new URL(answer.url).pathname === document.body.dataset.login;
}

const ENDED = "Your session has ended, and this verdict was not stored.";

async function send(entry) {
  let answer;
  try {
    answer = await fetch(entry.action, {
      method: "POST",
      body: entry.fields,
      keepalive: entry.isAhead, // arrives even if the page is left
      headers: { "HX-Request": "true", ...(entry.isAhead ? { Prefer: "return=minimal" } : {}) },
    });
  } catch {
    const text = "The server cannot be reached, and this verdict was not stored.";
    return bringBack(entry, refusalOf(text, "What you typed is still here: decide again."));
  }
  if (hasEnded(answer)) return bringBack(entry, refusalOf(ENDED, ...signInLink(entry.url)));
  const page = ahead.read(await answer.text());
  if (!answer.ok) {
    const isForged = answer.status === 403 && !page.refusal;
    if (isForged) return bringBack(entry, refusalOf(ENDED, ...signInLink(entry.url)));
    const refusal = page.refusal && document.importNode(page.refusal, true);
    const text = `The server answered ${answer.status}, and this verdict was not stored.`;
    return bringBack(entry, refusal ?? refusalOf(text, "What you typed is still here: decide again."));
  }
  notes.forget(entry.id);
  ahead.unmark(entry.id);
  settled(entry.id);
  if (!entry.isAhead && page.main) {
    const { pathname, search } = new URL(answer.url);
    show({ main: page.main, url: `${pathname}${search}`, title: page.title });
  }
  // While another verdict is on its way, an undo would be of this one and not of the last.
  if (underWay === 1 || !entry.isAhead) replaceToasts(page.toasts);
  return undefined;
}

function taken(form, submitter) {
  const fields = new FormData(form, submitter);
  fields.set("csrfmiddlewaretoken", ahead.token());
  const { says } = said(form, submitter);
  return {
    id: Number(root().dataset.item),
    main: document.getElementById("main"),
    url: here(),
    title: document.title,
    action: submitter.hasAttribute("formaction") ? submitter.formAction : form.action,
    says: `${says.charAt(0).toUpperCase()}${says.slice(1)}`,
    fieldset: form.querySelector("fieldset"),
    form,
    fields,
  };
}

async function give(form, submitter) {
  const entry = taken(form, submitter);
  const last = said(form, submitter);
  form.dataset.sent = "";
  ahead.mark(entry.id);
  underWay += 1;
  sayPending(entry);
  if (ahead.isComing()) {
    entry.fieldset.disabled = true;
    await ahead.coming();
  }
  const next = ahead.take();
  entry.isAhead = next !== null;
  entry.fieldset.disabled = !entry.isAhead;
  if (next) {
    show(next);
    sayAgain(next.main, last);
  }
  sending = sending.then(() => send(entry)).finally(() => {
    underWay -= 1;
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-decide]") || event.defaultPrevented) return;
  event.preventDefault();
  if ("sent" in form.dataset) return;
  if (performance.now() - shownAt < LOOK_MS) {
    announce("Too fast: nothing decided.", { isSeen: true });
    return;
  }
  give(form, event.submitter);
});

/* The next item in the list may be at hand as well. */
document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("a[rel=next][href], a[rel=prev][href]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const next = ahead.take(link.getAttribute("href"));
    if (!next) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    show(next);
  },
  true,
);

/* Only what is stored can be taken back. */
onKey((key, event) => {
  if (key !== "u" || !underWay || event.repeat) return false;
  const undo = () => document.querySelector("#undo-form [data-key=u]")?.click();
  const later = () => (underWay ? sending.then(() => setTimeout(later)) : undo());
  later();
  return true;
});

// The one that is being sent arrives by itself; those behind it would be lost.
addEventListener("beforeunload", (event) => {
  if (underWay > 1) event.preventDefault();
});
