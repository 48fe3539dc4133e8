/* The picture with its zones: shows the draft, and takes what pointer, finger and keyboard do. */

import { between, clamp, distance, isInside, moved, round, trouble } from "./zone-geometry.js";
import { ZonePen } from "./zone-pen.js";
import { drawn, percent } from "./zone-shapes.js";

const REACH_PX = { mouse: 12, pen: 14, touch: 20 };
const HIT_PX = 14;
const SLACK_PX = 3;
const DOUBLE_MS = 400;
const STEP = 0.01;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class ZoneStage {
  constructor(svg, draft, say) {
    Object.assign(this, { svg, draft, say, selected: -1, point: null, gesture: null });
    this.pen = new ZonePen(this);
    this.listeners = [];
    new ResizeObserver(() => this.show()).observe(svg);
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "keydown", "focusin"]) {
      svg.addEventListener(name, (event) => this[name](event));
    }
    draft.addEventListener("change", () => this.show());
    this.show();
  }

  get zones() {
    return this.draft.document.zones;
  }

  get zone() {
    return this.zones[this.selected];
  }

  onSelect(listener) {
    this.listeners.push(listener);
  }

  select(index, point = null) {
    const isOther = index !== this.selected;
    this.selected = index;
    this.point = point;
    this.show();
    for (const listener of this.listeners) listener(index, isOther);
  }

  /* Places: pixels of the page inside the picture, and shares of its width and height. */
  place(event) {
    const frame = this.svg.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  shares([x, y]) {
    return [round(clamp(x / this.width)), round(clamp(y / this.height))];
  }

  pixels([x, y]) {
    return [x * this.width, y * this.height];
  }

  outline(zone) {
    return zone.polygon.map((point) => this.pixels(point));
  }

  /* What lies at a place: the chosen zone's points first, then the middles of its edges. */
  at(place, reach) {
    if (this.zone) {
      const outline = this.outline(this.zone);
      const nearest = (places) => {
        const far = places.map((one) => distance(one, place));
        const index = far.indexOf(Math.min(...far));
        return far[index] <= reach ? index : -1;
      };
      const point = nearest(outline);
      if (point >= 0) return { what: "point", zone: this.selected, point };
      const edge = nearest(outline.map((one, index) => between(one, outline[(index + 1) % outline.length])));
      if (edge >= 0) return { what: "edge", zone: this.selected, point: edge };
      if (isInside(place, outline)) return { what: "zone", zone: this.selected };
    }
    const found = this.zones.findLastIndex((zone) => isInside(place, this.outline(zone)));
    return found >= 0 ? { what: "zone", zone: found } : null;
  }

  pointerdown(event) {
    if (event.button !== 0 || this.gesture) return;
    const place = this.place(event);
    if (this.pen.isOn) {
      event.preventDefault();
      this.pen.press(place);
      return;
    }
    const hit = this.at(place, REACH_PX[event.pointerType] ?? HIT_PX);
    if (!hit) {
      this.select(-1);
      return;
    }
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    if (hit.zone !== this.selected) this.select(hit.zone);
    this.draft.begin();
    if (hit.what === "edge") this.insertAfter(hit.point);
    const point = { point: hit.point, edge: hit.point + 1 }[hit.what] ?? null;
    this.gesture = { from: place, point, polygon: this.zone.polygon, isMoving: false };
    this.select(hit.zone, point);
    this.focus(point);
  }

  pointermove(event) {
    const place = this.place(event);
    if (this.pen.isOn) {
      this.pen.hover(place);
      return;
    }
    if (!this.gesture) {
      const hit = event.pointerType === "mouse" ? this.at(place, REACH_PX.mouse) : null;
      this.svg.dataset.over = hit?.what ?? "";
      return;
    }
    const { from, point, polygon } = this.gesture;
    if (!this.gesture.isMoving && distance(place, from) < SLACK_PX) return;
    this.gesture.isMoving = true;
    this.draft.touch(() => {
      const by = [(place[0] - from[0]) / this.width, (place[1] - from[1]) / this.height];
      this.zone.polygon = point === null ? moved(polygon, ...by) : replaced(polygon, point, this.shares(place));
    });
  }

  pointerup(event) {
    if (this.pen.isOn) this.pen.lift(this.place(event), REACH_PX[event.pointerType] ?? HIT_PX);
    if (!this.gesture) return;
    const { point, isMoving } = this.gesture;
    this.gesture = null;
    this.draft.end();
    if (!isMoving && this.isDouble(point, event)) this.removePoint(point);
    else this.sayState();
  }

  pointercancel() {
    this.pen.forgetPress();
    if (!this.gesture) return;
    this.gesture = null;
    this.draft.abort();
  }

  /* The browser's own double click needs one element that stays; points are drawn anew. */
  isDouble(point, event) {
    const last = this.lastPress;
    this.lastPress = { point, at: event.timeStamp };
    return point !== null && last?.point === point && event.timeStamp - last.at < DOUBLE_MS;
  }

  focusin(event) {
    const { zone, point } = event.target.dataset;
    if (zone === undefined) return;
    const [index, at] = [Number(zone), point === undefined ? null : Number(point)];
    if (index !== this.selected || at !== this.point) this.select(index, at);
  }

  keydown(event) {
    const { zone, point } = event.target.dataset;
    if (zone === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = point === undefined ? null : Number(point);
    if (event.key in ARROWS) this.nudge(at, ARROWS[event.key], event.shiftKey ? 5 * STEP : STEP);
    else if (event.key === "Delete" && at !== null) this.removePoint(at);
    else if (event.key === "Delete") this.removeZone?.(Number(zone));
    else if ((event.key === "Insert" || event.key === "+") && at !== null) this.insertPoint(at);
    else return;
    event.preventDefault();
  }

  nudge(at, [x, y], step) {
    this.draft.change(
      () => {
        const { polygon } = this.zone;
        if (at === null) this.zone.polygon = moved(polygon, x * step, y * step);
        else {
          const next = [round(clamp(polygon[at][0] + x * step)), round(clamp(polygon[at][1] + y * step))];
          this.zone.polygon = replaced(polygon, at, next);
        }
      },
      { tag: `nudge ${this.selected} ${at}` },
    );
    this.sayState(at);
  }

  insertPoint(at) {
    this.draft.change(() => this.insertAfter(at));
    this.select(this.selected, at + 1);
    this.focus(at + 1);
    this.say(`Point ${at + 2} added.`);
  }

  insertAfter(at) {
    const { polygon } = this.zone;
    const middle = between(polygon[at], polygon[(at + 1) % polygon.length]).map(round);
    this.zone.polygon = [...polygon.slice(0, at + 1), middle, ...polygon.slice(at + 1)];
  }

  removePoint(at) {
    if (!this.zone || this.zone.polygon.length <= 3) {
      this.say("A zone keeps at least three points. Delete the zone instead.");
      return;
    }
    this.draft.change(() => {
      this.zone.polygon = this.zone.polygon.filter((_, index) => index !== at);
    });
    const next = Math.min(at, this.zone.polygon.length - 1);
    this.select(this.selected, next);
    this.focus(next);
    this.say(`Point ${at + 1} removed.`);
  }

  focus(point) {
    const wanted = point === null ? `[data-zone="${this.selected}"]` : `[data-point="${point}"]`;
    this.svg.querySelector(wanted)?.focus({ preventScroll: true });
  }

  sayState(point = this.point) {
    if (!this.zone) return;
    const wrong = trouble(this.zone.polygon);
    const [x, y] = point === null ? [] : this.zone.polygon[point] ?? [];
    const where = x === undefined ? "" : `Point ${point + 1}: ${percent(x)} from the left, ${percent(y)} from the top. `;
    const edge = [x, y].some((value) => value === 0 || value === 1) ? "It is kept inside the picture. " : "";
    this.say(`${where}${edge}${wrong}`, wrong !== "");
  }

  show() {
    const { width, height } = this.svg.getBoundingClientRect();
    if (!width || !height) return;
    Object.assign(this, { width, height });
    if (this.selected >= this.zones.length) this.selected = -1;
    if (!this.zone || this.point >= this.zone.polygon.length) this.point = null;
    const held = document.activeElement?.closest?.("[data-stage]") ? { ...document.activeElement.dataset } : null;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("font-size", "13");
    this.svg.replaceChildren(...drawn(this), ...this.pen.shapes());
    if (held?.point !== undefined) this.focus(Number(held.point));
    else if (held?.zone !== undefined) this.svg.querySelector(`[data-zone="${held.zone}"]`)?.focus({ preventScroll: true });
  }
}

function replaced(polygon, at, point) {
  return polygon.map((one, index) => (index === at ? point : one));
}
