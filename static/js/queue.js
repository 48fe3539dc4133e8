/* The list of items: j and k move a mark, Enter opens, x chooses, with Shift a whole stretch. */

import { choose } from "./choose.js";
import { onKey } from "./keys.js";

const rows = () => [...document.querySelectorAll("[data-row]")];

function mark(row) {
  for (const other of rows()) other.classList.toggle("is-marked", other === row);
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function chooseMarked(row, isRange) {
  const box = row?.parentElement.querySelector("[data-choose]");
  if (!box) return false;
  choose(box, isRange || !box.checked, isRange);
  return true;
}

onKey((key, event) => {
  const all = rows();
  if (!all.length || !["j", "k", "x", "Enter"].includes(key)) return false;
  const at = all.findIndex((row) => row.classList.contains("is-marked"));
  if (key === "x") return chooseMarked(all[at], event.shiftKey);
  if (key === "Enter") {
    if (at < 0) return false;
    all[at].click();
    return true;
  }
  const step = key === "j" ? 1 : -1;
  mark(all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)]);
  return true;
});
