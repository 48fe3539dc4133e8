/* The timeline itself: a ruler, lanes of spans, marks and a playhead, drawn to one scale of time.

   For keyboards and screen readers it is a slider of the position; what lies in the lanes stands in
   the table beside it. */

import { element } from "./elements.js";
import { clamp, clock } from "./task-timeline-spans.js";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICK_PX = 76;
const TEXT_PX = 40; // of a tick's time, which is cut at the end of the video
const CLOSEST_PX_PER_SECOND = 400;
const TONES = 9;

export class TimelineView extends EventTarget {
  constructor(root, { duration, labels, title = "Position in the video" }) {
    super();
    Object.assign(this, { root, duration, labels, zoom: 1, seconds: 0 });
    this.ruler = element("div", { class: "tl-ruler" });
    this.lanes = element("div", { class: "tl-lanes" });
    this.playhead = element("div", { class: "tl-playhead" });
    this.marked = element("div", { class: "tl-marked", hidden: true });
    this.inner = element("div", { class: "tl-inner" }, this.ruler, this.lanes, this.marked, this.playhead);
    this.track = element("div", {
      class: "tl-track", tabindex: 0, role: "slider", "aria-label": title,
      "aria-valuemin": 0, "aria-valuemax": duration.toFixed(2),
    }, this.inner);
    root.replaceChildren(this.track);
    this.track.addEventListener("pointerdown", (event) => this.pressed(event));
    this.track.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    this.track.addEventListener("scroll", () => this.drawRuler());
    new ResizeObserver(() => this.layout()).observe(this.track);
  }

  lane(name, title, { isPale = false } = {}) {
    const spans = element("div", { class: "tl-spans" });
    const made = element("div", { class: `tl-lane tl-lane-${name}${isPale ? " is-pale" : ""}`, "data-lane": name },
      element("span", { class: "tl-lane-title" }, title), spans);
    this.lanes.append(made);
    return spans;
  }

  tone(label) {
    const place = this.labels.findIndex(({ name }) => name === label);
    return place < 0 ? "tl-unknown" : `tone-${place % TONES}`;
  }

  /* One bar; ``opacity`` shades what a model was unsure of. */
  bar([start, end, label], attributes = {}, { opacity = null, text = label } = {}) {
    const { class: more = "", ...rest } = attributes;
    const made = element("div", { class: `tl-span ${this.tone(label)} ${more}`, title: `${label}, ${clock(start)} to ${clock(end)}`, ...rest },
      element("span", { class: "tl-label" }, text));
    if (opacity !== null) made.style.setProperty("--shade", opacity.toFixed(3));
    this.put(made, start, end);
    return made;
  }

  put(part, start, end) {
    part.style.left = `${(100 * start) / this.duration}%`;
    part.style.width = `${(100 * Math.max(end - start, 0)) / this.duration}%`;
  }

  get width() {
    return this.track.clientWidth || 1;
  }

  get most() {
    return Math.max(1, (this.duration * CLOSEST_PX_PER_SECOND) / this.width);
  }

  secondsAt(clientX) {
    const { left, width } = this.inner.getBoundingClientRect();
    return clamp(((clientX - left) / width) * this.duration, 0, this.duration);
  }

  /* Makes everything larger or smaller around the playhead, or around a place. */
  zoomTo(zoom, clientX = null) {
    const at = clientX === null ? this.seconds : this.secondsAt(clientX);
    const left = this.track.getBoundingClientRect().left;
    const before = this.inner.getBoundingClientRect();
    const x = clientX === null ? before.left - left + (at / this.duration) * before.width : clientX - left;
    this.zoom = clamp(zoom, 1, this.most);
    this.layout();
    const inside = clientX === null ? clamp(x, 0, this.width) : x;
    this.track.scrollLeft = (at / this.duration) * this.inner.offsetWidth - inside;
    this.drawRuler();
  }

  layout() {
    this.zoom = clamp(this.zoom, 1, this.most);
    this.inner.style.width = `${100 * this.zoom}%`;
    this.drawRuler();
  }

  drawRuler() {
    const perSecond = (this.width * this.zoom) / this.duration;
    const step = STEPS.find((one) => one * perSecond >= TICK_PX) ?? STEPS.at(-1);
    const from = Math.floor(this.track.scrollLeft / perSecond / step);
    const to = Math.min(Math.ceil((this.track.scrollLeft + this.width) / perSecond / step), Math.floor(this.duration / step));
    const key = [step, from, to, perSecond].join();
    if (key === this.drawn) return;
    this.drawn = key;
    const ticks = [];
    for (let number = from; number <= to; number += 1) {
      const room = (this.duration - number * step) * perSecond;
      const text = room < TEXT_PX ? "" : clock(number * step, step < 1 ? 1 : 0);
      const tick = element("span", { class: "tl-tick" }, text);
      tick.style.left = `${(100 * number * step) / this.duration}%`;
      ticks.push(tick);
    }
    this.ruler.replaceChildren(...ticks);
  }

  move(seconds, said, isFollowed = true) {
    this.seconds = seconds;
    this.playhead.style.left = `${(100 * seconds) / this.duration}%`;
    this.track.setAttribute("aria-valuenow", seconds.toFixed(2));
    this.track.setAttribute("aria-valuetext", said);
    if (isFollowed && !this.isHeld) this.follow();
  }

  follow() {
    const x = (this.seconds / this.duration) * this.inner.offsetWidth;
    const { scrollLeft } = this.track;
    if (x >= scrollLeft && x <= scrollLeft + this.width) return;
    this.track.scrollLeft = x - this.width * (x < scrollLeft ? 0.8 : 0.2);
  }

  mark(start, end) {
    const isOpen = start !== null && end === null;
    this.marked.hidden = start === null;
    if (start === null) return;
    this.marked.classList.toggle("is-open", isOpen);
    this.put(this.marked, Math.min(start, end ?? start), Math.max(start, end ?? start));
  }

  /* Drags an edge, chooses a span, or moves the playhead for as long as the pointer is down. */
  pressed(event) {
    if (event.button !== 0) return;
    const edge = event.target.closest("[data-edge]");
    const span = event.target.closest("[data-span]");
    if (event.pointerType === "touch" && !edge && !event.target.closest(".tl-ruler, .tl-playhead")) {
      this.tapped(event, span);
      return;
    }
    event.preventDefault();
    this.track.focus({ preventScroll: true });
    this.isHeld = true;
    if (edge) this.tell("edgestart", { index: Number(span.dataset.span), edge: Number(edge.dataset.edge) });
    else if (span) this.tell("choose", { index: Number(span.dataset.span) });
    const moved = ({ clientX }) => this.tell(edge ? "edge" : "seek", { seconds: this.secondsAt(clientX) });
    if (!edge) moved(event);
    const up = (ended) => {
      this.isHeld = false;
      this.track.removeEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) this.track.removeEventListener(name, up);
      if (edge) this.tell("edgeend", { isCancelled: ended.type === "pointercancel" });
    };
    this.track.setPointerCapture(event.pointerId);
    this.track.addEventListener("pointermove", moved);
    for (const name of ["pointerup", "pointercancel"]) this.track.addEventListener(name, up);
  }

  /* A finger on the lanes scrolls them; one that does not move chooses. */
  tapped({ clientX, clientY }, span) {
    const up = (event) => {
      const isTap = Math.hypot(event.clientX - clientX, event.clientY - clientY) < 8;
      if (!isTap || event.type === "pointercancel") return;
      if (span) this.tell("choose", { index: Number(span.dataset.span) });
      this.tell("seek", { seconds: this.secondsAt(event.clientX) });
    };
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, up, { once: true });
  }

  wheeled(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.zoomTo(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX);
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
