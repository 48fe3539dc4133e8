/* Words that several parts of a page say: to screen readers, and where a session has ended. */

import { element } from "./elements.js";

export function announce(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

/* Returns a sentence with a link that leads back to ``address`` once one has signed in. */
export function signInLink(address) {
  const href = `${document.body.dataset.login}?next=${encodeURIComponent(address)}`;
  return ["What you typed is kept in this tab. ", element("a", { href }, "Sign in again"), " and go on."];
}
