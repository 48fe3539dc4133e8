/* Words that several parts of a page say: to screen readers, and where a session has ended. */

import { element } from "./elements.js";

const SEEN_MS = 3000;
let seen = 0;

/* Says something to screen readers; with ``isSeen`` it is shown for a moment as well. */
export function announce(text, { isSeen = false } = {}) {
  const place = document.getElementById("said");
  if (!place) return;
  clearTimeout(seen);
  place.textContent = text;
  place.className = isSeen ? "said-briefly" : "visually-hidden";
  if (isSeen) seen = setTimeout(() => { place.className = "visually-hidden"; }, SEEN_MS);
}

/* Returns a sentence with a link that leads back to ``address`` once one has signed in. */
export function signInLink(address) {
  const href = `${document.body.dataset.login}?next=${encodeURIComponent(address)}`;
  return ["What you typed is kept in this tab. ", element("a", { href }, "Sign in again"), " and go on."];
}
