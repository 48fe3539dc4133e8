/* A contact sheet: the arrows go from picture to picture; Space, of the browser itself, chooses. */

import { boxes } from "./choose.js";
import { onKey } from "./keys.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/* How many pictures stand beside each other, read off where they stand. */
function columns(all) {
  const top = all[0].closest("li").offsetTop;
  const below = all.findIndex((box) => box.closest("li").offsetTop !== top);
  return below < 0 ? all.length : below;
}

function step(key, all) {
  if (key === "ArrowUp") return -columns(all);
  if (key === "ArrowDown") return columns(all);
  return STEPS[key];
}

onKey((key) => {
  if (!document.querySelector("[data-sheet]") || !key.startsWith("Arrow")) return false;
  const all = boxes();
  if (!all.length) return false;
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? 0 : at + step(key, all);
  const box = all[to];
  if (box) {
    box.focus({ preventScroll: true });
    box.closest("li").scrollIntoView({ block: "nearest" });
  }
  return true;
});
