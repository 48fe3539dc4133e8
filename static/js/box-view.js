/* Which part of the picture is on the screen: zoomed, panned, and translated into pixels. */

import { clamp } from "./box-geometry.js";

const MOST_ZOOM = 16;
const STEP = 1.25;

export class BoxView {
  constructor(width, height) {
    Object.assign(this, { width, height, screen: [1, 1], zoom: 1, centre: [0.5, 0.5] });
  }

  resize(width, height) {
    this.screen = [width, height];
    this.settle();
  }

  /* Pixels on the screen of the whole picture, as wide and as high as it is shown now. */
  get size() {
    const fit = Math.min(this.screen[0] / this.width, this.screen[1] / this.height);
    return [this.width * fit * this.zoom, this.height * fit * this.zoom];
  }

  get corner() {
    return this.size.map((length, axis) => this.screen[axis] / 2 - this.centre[axis] * length);
  }

  pixels([x, y]) {
    const [left, top] = this.corner;
    const [width, height] = this.size;
    return [left + x * width, top + y * height];
  }

  shares([x, y]) {
    const [left, top] = this.corner;
    const [width, height] = this.size;
    return [(x - left) / width, (y - top) / height];
  }

  /* One pixel of the picture as shares. */
  get unit() {
    return [1 / this.width, 1 / this.height];
  }

  zoomAt(place, factor) {
    const held = this.shares(place);
    this.zoom = clamp(this.zoom * factor, 1, MOST_ZOOM);
    const now = this.shares(place);
    this.centre = this.centre.map((value, axis) => value + held[axis] - now[axis]);
    this.settle();
  }

  zoomBy(steps) {
    this.zoomAt(this.screen.map((length) => length / 2), STEP ** steps);
  }

  pan(dx, dy) {
    const [width, height] = this.size;
    this.centre = [this.centre[0] - dx / width, this.centre[1] - dy / height];
    this.settle();
  }

  reset() {
    this.zoom = 1;
    this.settle();
  }

  /* Brings a box onto the screen where it is not. */
  reveal([x1, y1, x2, y2]) {
    const middle = [(x1 + x2) / 2, (y1 + y2) / 2];
    const isHidden = this.pixels(middle).some((value, axis) => value < 0 || value > this.screen[axis]);
    if (isHidden) this.centre = middle;
    this.settle();
  }

  settle() {
    this.centre = this.centre.map((value, axis) => {
      const half = this.screen[axis] / 2 / this.size[axis];
      return half >= 0.5 ? 0.5 : clamp(value, half, 1 - half);
    });
  }
}
