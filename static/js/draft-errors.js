/* Shows what the server refused beside the very field, found by the refusal's key:
   "rules[1].zones[0]" stands at that field, or at the nearest part of the page above it. */

import { element } from "./elements.js";

function* placesAbove(key) {
  for (let place = key; place; place = place.replace(/(\.[^.[\]]*|\[\d+\])$|^[^.[\]]+$/, "")) yield place;
}

function find(root, key) {
  for (const place of placesAbove(key)) {
    const found = root.querySelector(`[data-path="${CSS.escape(place)}"]`);
    if (found) return found;
  }
  return null;
}

export function clearErrors(root) {
  for (const text of root.querySelectorAll(".field-error")) text.remove();
  for (const field of root.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  }
}

/* Opens what has to be open to see the field, and returns it; null where no field is to blame. */
export function showError(root, rules, key, problem) {
  const rule = /^rules\[(\d+)\]/.exec(key);
  const details = rule ? root.querySelector(`[data-path="rules[${rule[1]}]"]`) : null;
  if (details && !details.open) {
    rules.open.add(Number(rule[1]));
    rules.show();
  }
  const field = find(root, key);
  if (!field) return null;
  const text = element("p", { class: "field-error small", id: "field-error", role: "alert" }, problem);
  if (field.matches("input, select, textarea")) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", text.id);
    (field.closest(".field, .zone-entry, .hours-window") ?? field).append(text);
  } else if (field.matches("details")) {
    field.querySelector(".rule-fields")?.prepend(text);
  } else {
    field.append(text);
  }
  return field;
}
