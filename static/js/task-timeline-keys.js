/* The keyboard of the timeline: what every key does, and nothing else. */

import { onKey } from "./keys.js";

const SECONDS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };
const FAST = 5;

export function prepareKeys(editor) {
  const { player, view } = editor;
  const look = {
    " ": () => player.toggle(),
    ",": () => player.step(-1),
    ".": () => player.step(1),
    "<": () => player.step(-1),
    ">": () => player.step(1),
    Home: () => player.seek(0),
    End: () => player.seek(player.duration),
    j: () => editor.jump(1),
    k: () => editor.jump(-1),
    "+": () => view.zoomTo(view.zoom * 1.5),
    "=": () => view.zoomTo(view.zoom * 1.5),
    "-": () => view.zoomTo(view.zoom / 1.5),
    0: () => view.zoomTo(1),
  };
  const edit = {
    i: () => editor.markIn(),
    o: () => editor.markOut(),
    Escape: () => editor.unmark(),
    s: () => editor.split(),
    "[": () => editor.edgeHere(0),
    "]": () => editor.edgeHere(1),
    Delete: () => editor.remove(),
    Backspace: () => editor.remove(),
    t: (event) => editor.takeOver(event.shiftKey),
    z: (event) => editor.draft[event.shiftKey ? "redo" : "undo"](),
  };
  onKey((key, event) => {
    if (key in SECONDS) {
      player.seek(player.time + SECONDS[key] * (event.shiftKey ? FAST : 1));
      return true;
    }
    const labelled = editor.told.mayEdit && editor.labelOf(key);
    if (labelled) editor.label(labelled);
    else if (key in look) look[key]();
    else if (editor.told.mayEdit && key in edit) edit[key](event);
    else return false;
    return true;
  });
  if (editor.told.mayEdit) document.addEventListener("keydown", (event) => withCtrl(editor, event));
}

function withCtrl(editor, event) {
  if (!(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  const isText = event.target.closest("textarea, input:not([type=checkbox])");
  if (key === "s") editor.server.save();
  else if (isText) return;
  else if (key === "z") editor.draft[event.shiftKey ? "redo" : "undo"]();
  else if (key === "y") editor.draft.redo();
  else return;
  event.preventDefault();
}
