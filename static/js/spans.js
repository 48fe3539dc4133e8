/* Spans to label: x dismisses the marked one; the list of items moves the mark and opens. */

import { onKey } from "./keys.js";

onKey((key) => {
  if (key !== "x") return false;
  const form = document.querySelector("[data-spans] .is-marked")?.parentElement.querySelector("[data-dismiss]");
  if (!form) return false;
  form.requestSubmit();
  return true;
});
