/* The box editor's page: puts the picture, the classes, the list, the keys and the server together. */

import { BoxDraft } from "./box-draft.js";
import { moved, resized } from "./box-geometry.js";
import { BoxList } from "./box-list.js";
import { BoxPalette, steadyKeys } from "./box-palette.js";
import { BoxServer } from "./box-server.js";
import { BoxStage } from "./box-stage.js";
import { told } from "./elements.js";
import { onKey } from "./keys.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST = 10;
const NEW_SHARE = 0.2;

class BoxEditor {
  constructor(form) {
    this.form = form;
    this.told = told("editor");
    this.told.keys = steadyKeys(this.told);
    this.draft = new BoxDraft(this.told, this.told.proposals);
    for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;
    this.stage = new BoxStage(this.part("stage"), this.draft, this.told, (text, isBad) => this.say(text, isBad));
    this.stage.accept = (indices) => this.accept(indices);
    this.palette = new BoxPalette(form, this.draft, this.stage, this.told);
    this.list = new BoxList(form, this.draft, this.stage);
    this.server = new BoxServer(form, this.draft, this.stage, this.told);
    if (this.told.mayEdit) this.prepareEditing();
    this.prepareKeys();
    this.draft.addEventListener("change", () => this.showState());
    this.stage.addEventListener("select", () => this.showState());
    this.server.restore();
    this.showState();
    this.stage.svg.focus({ preventScroll: true });
  }

  part(name) {
    return this.form.querySelector(`[data-${name}]`);
  }

  say(text, isBad = false) {
    const said = this.part("said");
    said.textContent = text;
    said.classList.toggle("is-bad", isBad);
  }

  prepareEditing() {
    const acts = {
      undo: () => this.draft.undo(),
      redo: () => this.draft.redo(),
      "new-box": () => this.newBox(),
      duplicate: () => this.duplicate(),
      delete: () => this.remove(),
      "accept-all": () => this.acceptAll(),
      nothing: () => this.askNothing(),
    };
    for (const [name, act] of Object.entries(acts)) this.part(name).addEventListener("click", act);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.server.save();
    });
    this.part("class-search").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.palette.searched();
    });
    this.prepareNothing();
    this.server.addEventListener("saved", ({ detail }) => this.saved(detail));
    this.server.addEventListener("findings", () => this.list.show());
    window.addEventListener("beforeunload", (event) => {
      if (this.draft.isChanged && !(this.isLeaving && this.server.isKept)) event.preventDefault();
    });
  }

  prepareNothing() {
    this.dialog = document.getElementById("nothing-dialog");
    this.dialog.querySelector("form").addEventListener("submit", () => {
      const isAll = new FormData(this.dialog.querySelector("form")).get("scope") === "all";
      const isMeant = !this.dialog.querySelector("[data-seen]").hidden;
      this.server.save({ isNegative: true, exhaustive: isAll ? [] : this.draft.document.exhaustive, isMeant });
    });
    this.dialog.querySelector("[data-cancel]").addEventListener("click", () => this.dialog.close());
  }

  prepareKeys() {
    for (const [name, steps] of [["zoom-in", 1], ["zoom-out", -1]]) {
      this.part(name).addEventListener("click", () => this.zoom(steps));
    }
    this.part("zoom-fit").addEventListener("click", () => this.zoom(0));
    onKey((key, event) => this.look(key, event) || (this.told.mayEdit && this.edit(key, event)));
    document.addEventListener("keydown", (event) => this.withCtrl(event));
    const release = (event) => event.key === " " && this.pan(false);
    document.addEventListener("keyup", release);
    window.addEventListener("blur", () => this.pan(false));
  }

  pan(isOn) {
    this.stage.isPanning = isOn;
    this.stage.svg.classList.toggle("is-panning", isOn);
  }

  zoom(steps) {
    if (steps) this.stage.view.zoomBy(steps);
    else this.stage.view.reset();
    this.stage.show();
  }

  look(key) {
    if (key === "+" || key === "=") this.zoom(1);
    else if (key === "-") this.zoom(-1);
    else if (key === "0") this.zoom(0);
    else if (key === " ") this.pan(true);
    else if (key === "j") this.go("next");
    else if (key === "k") this.go("previous");
    else return false;
    return true;
  }

  edit(key, event) {
    if (key in ARROWS) return this.nudge(ARROWS[key], event.shiftKey ? FAST : 1);
    if (/^[1-9]$/.test(key)) return this.palette.pressKey(key);
    const acts = {
      a: () => (event.shiftKey ? this.acceptAll() : this.acceptOne()),
      b: () => this.newBox(),
      d: () => this.duplicate(),
      e: () => this.palette.useLatest(),
      n: () => this.askNothing(),
      z: () => this.draft[event.shiftKey ? "redo" : "undo"](),
      "/": () => this.part("class-search").focus(),
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
      Escape: () => this.stage.cancel() || this.stage.select(-1),
      Enter: () => (this.stage.proposal >= 0 ? this.acceptOne() : this.server.save()),
    };
    acts[key]?.();
    return key in acts;
  }

  withCtrl(event) {
    if (!(event.ctrlKey || event.metaKey) || !this.told.mayEdit) return;
    const isText = event.target.closest("textarea, input:not([type=checkbox])");
    const key = event.key.toLowerCase();
    if (key === "s") this.server.save();
    else if (isText) return;
    else if (key === "z") this.draft[event.shiftKey ? "redo" : "undo"]();
    else if (event.key in ARROWS && this.stage.box) this.stretch(ARROWS[event.key], event.shiftKey ? FAST : 1);
    else return;
    event.preventDefault();
  }

  nudge([x, y], pixels) {
    const { stage } = this;
    if (!stage.box) return false;
    const [unitX, unitY] = stage.view.unit;
    const { selected } = stage;
    this.draft.change(
      ({ boxes }) => { boxes[selected].box_xyxy = moved(boxes[selected].box_xyxy, x * pixels * unitX, y * pixels * unitY); },
      { tag: `nudge ${selected}` },
    );
    return true;
  }

  /* Moves the lower right corner. */
  stretch([x, y], pixels) {
    const { selected, view } = this.stage;
    this.draft.change(
      ({ boxes }) => {
        const box = boxes[selected].box_xyxy;
        const corner = [box[2] + x * pixels * view.unit[0], box[3] + y * pixels * view.unit[1]];
        boxes[selected].box_xyxy = resized(box, "se", corner, view.unit);
      },
      { tag: `stretch ${selected}` },
    );
  }

  newBox() {
    const { view } = this.stage;
    const [x, y] = view.centre;
    const [halfX, halfY] = view.screen.map((length, axis) => Math.min((NEW_SHARE / 2) * (length / view.size[axis]), 0.45));
    const box = moved([0, 0, 2 * halfX, 2 * halfY], x - halfX, y - halfY);
    this.stage.addBox(box);
    this.say("A box is there. Arrows move it, Ctrl with arrows moves its lower right corner, Shift is faster.");
  }

  duplicate() {
    const { stage } = this;
    if (!stage.box) return;
    stage.select(this.draft.duplicate(stage.selected, stage.view.unit.map((share) => FAST * share)));
    stage.focus();
  }

  remove() {
    const { stage } = this;
    if (stage.proposal >= 0) this.draft.drop(stage.proposal);
    else if (stage.box) {
      const next = Math.min(stage.selected, this.draft.boxes.length - 2);
      this.draft.remove(stage.selected);
      stage.select(next);
    } else return;
    stage.focus();
  }

  accept(indices) {
    const chosen = this.draft.open.filter(({ index }) => indices.includes(index));
    if (!chosen.length) return;
    this.stage.select(this.draft.accept(chosen, this.stage.label));
    this.say(chosen.length > 1 ? `${chosen.length} proposals accepted.` : `Accepted: ${this.stage.nameOf(this.stage.box.label)}.`);
  }

  acceptOne() {
    const index = this.stage.proposal >= 0 ? this.stage.proposal : this.draft.open[0]?.index;
    if (index === undefined) this.say("There is no proposal left.");
    else {
      this.accept([index]);
      this.stage.focus();
    }
  }

  acceptAll() {
    this.accept(this.draft.open.map(({ index }) => index));
  }

  askNothing() {
    if (this.draft.boxes.length) {
      this.say("There are boxes on this picture: delete them first if there is nothing in it.", true);
      return;
    }
    const ticked = this.draft.document.exhaustive.map((label) => this.stage.nameOf(label));
    const only = this.dialog.querySelector("[data-only]");
    only.hidden = !ticked.length;
    only.querySelector("span").textContent = ticked.join(", ");
    const seen = [...new Set(this.draft.proposals.map((one) => one.class_name.replaceAll("_", " ")))];
    const warning = this.dialog.querySelector("[data-seen]");
    warning.hidden = !seen.length;
    warning.textContent = `The detector saw ${seen.join(", ")} here. Save it as empty only if that is wrong.`;
    this.dialog.querySelector("[value=all]").checked = true;
    this.dialog.showModal();
    this.dialog.querySelector("button.primary").focus();
  }

  go(where) {
    const address = this.told[where];
    if (!address) {
      this.say(where === "next" ? "This is the last picture." : "This is the first picture.");
      return;
    }
    this.isLeaving = true;
    if (this.draft.isChanged) this.server.keep();
    window.location.assign(address);
  }

  saved({ next }) {
    this.palette.keepLatest();
    this.say("");
    if (!this.told.isBatch || !next) {
      if (this.told.isBatch) this.say("Saved. That was the last one of this list.");
      this.showState();
      return;
    }
    this.isLeaving = true;
    window.location.assign(next);
  }

  showState() {
    if (!this.told.mayEdit) return;
    const { draft, stage } = this;
    const state = this.part("draft-state");
    state.hidden = !draft.isChanged;
    state.textContent = draft.isChanged ? "Unsaved boxes" : "";
    this.part("undo").disabled = !draft.past.length;
    this.part("redo").disabled = !draft.future.length;
    this.part("save").disabled = !draft.boxes.length;
    this.part("duplicate").disabled = !stage.box;
    this.part("delete").disabled = !stage.box && stage.proposal < 0;
    this.part("accept-all").hidden = !draft.open.length;
    this.part("nothing").disabled = draft.boxes.length > 0;
  }
}

const form = document.querySelector("[data-box-editor]");
if (form) new BoxEditor(form);
