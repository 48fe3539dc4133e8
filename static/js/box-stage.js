/* The picture under the hands: pointer, fingers and the focus of the keyboard. */

import { HANDLES, area, contains, handlePlace, moved, resized, spanned } from "./box-geometry.js";
import { drawn } from "./box-shapes.js";
import { BoxView } from "./box-view.js";
import { shape } from "./player.js";

const REACH_PX = { mouse: 9, pen: 14, touch: 22 };
const SLACK_PX = { mouse: 3, pen: 5, touch: 9 };
const LEAST_PX = 4;
const WHEEL_STEP = 0.0016;
const EVENTS = ["pointerdown", "pointermove", "pointerup", "pointercancel", "wheel", "focusin"];

export class BoxStage extends EventTarget {
  constructor(svg, draft, told, say) {
    super();
    Object.assign(this, { svg, draft, say, keys: told.keys, findings: {}, sketch: null });
    Object.assign(this, { selected: -1, proposal: -1, gesture: null, isPanning: false, label: null });
    this.isReadOnly = !told.mayEdit;
    this.names = new Map(told.classes.map(({ index, name }) => [index, name]));
    this.view = new BoxView(told.width, told.height);
    this.pointers = new Map();
    this.image = shape("image", { href: told.picture, preserveAspectRatio: "none", class: "box-image" });
    this.image.addEventListener("error", () => say("The picture could not be loaded.", true));
    this.layer = shape("g", {});
    svg.style.aspectRatio = `${told.width} / ${told.height}`;
    svg.replaceChildren(this.image, this.layer);
    new ResizeObserver(() => this.show()).observe(svg);
    for (const name of EVENTS) svg.addEventListener(name, (event) => this[name](event), { passive: false });
    draft.addEventListener("change", ({ detail }) => {
      if (!detail.isPassing) this.findings = {};
      this.show();
    });
    this.show();
  }

  get box() {
    return this.draft.boxes[this.selected];
  }

  get reach() {
    return matchMedia("(pointer: coarse)").matches ? REACH_PX.touch : REACH_PX.mouse;
  }

  nameOf(label) {
    return this.names.get(label) ?? "?";
  }

  select(selected, proposal = -1) {
    Object.assign(this, { selected, proposal });
    this.show();
    this.dispatchEvent(new Event("select"));
  }

  /* Moves the keyboard's focus along with what is selected. */
  focus() {
    const name = this.selected >= 0 ? `[data-box="${this.selected}"]` : `[data-proposal="${this.proposal}"]`;
    (this.layer.querySelector(name) ?? this.svg).focus({ preventScroll: true });
  }

  place(event) {
    const frame = this.svg.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  /* The handle of the chosen box at a place; inside a small box most of it still moves it. */
  handleAt(place, reach) {
    if (!this.box || this.isReadOnly) return null;
    const [x1, y1, x2, y2] = this.box.box_xyxy;
    const [left, top] = this.view.pixels([x1, y1]);
    const [right, bottom] = this.view.pixels([x2, y2]);
    const isInside = contains([left, top, right, bottom], place);
    const near = isInside ? Math.min(reach, Math.min(right - left, bottom - top) / 3) : reach;
    const far = Object.keys(HANDLES).map((name) => {
      const [x, y] = this.view.pixels(handlePlace(this.box.box_xyxy, name));
      return { name, px: Math.hypot(x - place[0], y - place[1]) };
    });
    const nearest = far.sort((a, b) => a.px - b.px)[0];
    return nearest.px <= near ? nearest.name : null;
  }

  /* The smallest box or proposal at a place. */
  found(place) {
    const at = this.view.shares(place);
    const here = [
      ...this.draft.boxes.map(({ box_xyxy: box }, index) => ({ box, selected: index, proposal: -1 })),
      ...this.draft.open.map(({ box_xyxy: box, index }) => ({ box, selected: -1, proposal: index })),
    ].filter(({ box }) => contains(box, at));
    return here.sort((a, b) => area(a.box) - area(b.box))[0] ?? { selected: -1, proposal: -1 };
  }

  pointerdown(event) {
    const place = this.place(event);
    this.pointers.set(event.pointerId, place);
    this.svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    if (this.pointers.size > 1) {
      this.beginPinch();
      return;
    }
    this.svg.focus({ preventScroll: true });
    this.gesture = this.begun(event, place);
    if (["move", "resize"].includes(this.gesture.what)) this.draft.begin();
  }

  begun(event, place) {
    const start = { from: place, at: this.view.shares(place), slack: SLACK_PX[event.pointerType] ?? 3, isMoving: false };
    if (this.isPanning || event.button === 1 || this.isReadOnly) return { ...start, what: "pan", last: place };
    const handle = this.handleAt(place, REACH_PX[event.pointerType] ?? REACH_PX.mouse);
    const box = this.box?.box_xyxy;
    if (handle) return { ...start, what: "resize", handle, box };
    if (box && contains(box, start.at)) return { ...start, what: "move", box };
    return { ...start, what: "draw" };
  }

  pointermove(event) {
    const place = this.place(event);
    if (!this.pointers.has(event.pointerId)) {
      this.svg.dataset.over = this.hovered(event, place);
      return;
    }
    this.pointers.set(event.pointerId, place);
    const { gesture } = this;
    if (!gesture) return;
    if (gesture.what === "pinch") {
      this.pinch();
      return;
    }
    const { from, slack } = gesture;
    if (!gesture.isMoving && Math.hypot(place[0] - from[0], place[1] - from[1]) < slack) return;
    gesture.isMoving = true;
    this.carryOn(gesture, place);
  }

  carryOn(gesture, place) {
    const at = this.view.shares(place);
    if (gesture.what === "pan") {
      this.view.pan(place[0] - gesture.last[0], place[1] - gesture.last[1]);
      gesture.last = place;
      this.show();
    } else if (gesture.what === "draw") {
      this.sketch = spanned(gesture.at, at);
      this.show();
    } else {
      this.draft.touch(() => {
        const { box, handle } = gesture;
        const by = at.map((value, axis) => value - gesture.at[axis]);
        const corner = handle && handlePlace(box, handle).map((value, axis) => value + by[axis]);
        this.box.box_xyxy = handle ? resized(box, handle, corner, this.view.unit) : moved(box, ...by);
      });
    }
  }

  pointerup(event) {
    this.pointers.delete(event.pointerId);
    const { gesture, sketch } = this;
    if (!gesture || (gesture.what === "pinch" && this.pointers.size)) return;
    Object.assign(this, { gesture: null, sketch: null });
    if (["move", "resize"].includes(gesture.what)) this.draft.end();
    if (!gesture.isMoving && gesture.what !== "pinch") this.tapped(event);
    else if (gesture.what === "draw") this.finish(sketch);
    this.show();
  }

  tapped(event) {
    const { selected, proposal } = this.found(this.place(event));
    this.select(selected, proposal);
    if (selected >= 0 || proposal >= 0) this.focus();
  }

  finish(sketch) {
    const [x1, y1, x2, y2] = sketch;
    const [width, height] = this.view.size;
    if ((x2 - x1) * width < LEAST_PX || (y2 - y1) * height < LEAST_PX) {
      this.say("That is too small for a box: zoom in to draw small things.");
      return;
    }
    this.addBox(sketch);
  }

  addBox(box) {
    this.select(this.draft.add({ label: this.label, box_xyxy: box, origin: "drawn" }));
    this.focus();
    this.say(`Box ${this.selected + 1}: ${this.nameOf(this.label)}.`);
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
    this.cancel();
  }

  /* Ends a gesture as if it had never begun; says whether there was one. */
  cancel() {
    if (!this.gesture) return false;
    const { what } = this.gesture;
    Object.assign(this, { gesture: null, sketch: null });
    if (["move", "resize"].includes(what)) this.draft.abort();
    this.show();
    return true;
  }

  beginPinch() {
    this.cancel();
    this.gesture = { what: "pinch", ...this.spread() };
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], far: Math.hypot(a[0] - b[0], a[1] - b[1]) };
  }

  pinch() {
    if (this.pointers.size < 2) return;
    const { middle, far } = this.spread();
    this.view.pan(middle[0] - this.gesture.middle[0], middle[1] - this.gesture.middle[1]);
    this.view.zoomAt(middle, far / Math.max(this.gesture.far, 1));
    Object.assign(this.gesture, { middle, far });
    this.show();
  }

  wheel(event) {
    event.preventDefault();
    this.view.zoomAt(this.place(event), Math.exp(-event.deltaY * WHEEL_STEP));
    this.show();
  }

  hovered(event, place) {
    if (event.pointerType !== "mouse") return "";
    if (this.isPanning) return "pan";
    const handle = this.handleAt(place, REACH_PX.mouse);
    if (handle) return handle;
    return this.box && contains(this.box.box_xyxy, this.view.shares(place)) ? "move" : "";
  }

  focusin(event) {
    const { box, proposal } = event.target.dataset;
    if (box !== undefined && Number(box) !== this.selected) this.select(Number(box));
    if (proposal !== undefined && Number(proposal) !== this.proposal) this.select(-1, Number(proposal));
    const held = this.box ?? this.draft.proposals[this.proposal];
    if (held && !this.gesture) this.view.reveal(held.box_xyxy);
  }

  show() {
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width || !height) return;
    if (this.selected >= this.draft.boxes.length) this.selected = -1;
    if (!this.draft.open.some(({ index }) => index === this.proposal)) this.proposal = -1;
    const held = this.layer.contains(document.activeElement);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.view.resize(width, height);
    this.layer.replaceChildren(...drawn(this));
    if (held) this.focus();
  }
}
