/* The list of items: j and k move a mark, Enter opens. */

import { onKey } from "./keys.js";

const rows = () => [...document.querySelectorAll("[data-row]")];

function mark(row) {
  for (const other of rows()) other.classList.toggle("is-marked", other === row);
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

onKey((key) => {
  const all = rows();
  if (!all.length || !["j", "k", "Enter"].includes(key)) return false;
  const at = all.findIndex((row) => row.classList.contains("is-marked"));
  if (key === "Enter") {
    if (at < 0) return false;
    all[at].click();
    return true;
  }
  const step = key === "j" ? 1 : -1;
  mark(all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)]);
  return true;
});
