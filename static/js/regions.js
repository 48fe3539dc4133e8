/* Rectangles that a reviewer draws over a picture, by pointer, finger or keyboard. They live in
   the redaction form's hidden field as [{evidence, box_xyxy}], in shares of width and height. */

import { shape } from "./player.js";

const SMALLEST = 0.012;
const STEP = 0.01;

const clamp = (value) => Math.min(Math.max(value, 0), 1);
const round = (value) => Math.round(value * 10000) / 10000;

export class Regions {
  constructor(root) {
    this.root = root;
    this.field = root.querySelector("[data-regions]");
    this.list = root.querySelector("[data-region-list]");
    this.button = root.querySelector("[data-draw]");
    this.stage = root.querySelector("[data-stage]");
    this.regions = JSON.parse(this.field.value || "[]");
    root.querySelector("[data-drawing]").hidden = false;
    this.button.addEventListener("click", () => this.setDrawing(!this.isDrawing));
    root.querySelector("[data-add-region]").addEventListener("click", () => this.addInTheMiddle());
    for (const overlay of this.stage.querySelectorAll("[data-overlay]")) this.listen(overlay);
    this.show();
  }

  get isDrawing() {
    return this.stage.classList.contains("is-drawing");
  }

  setDrawing(isOn) {
    this.stage.classList.toggle("is-drawing", isOn);
    this.button.setAttribute("aria-pressed", String(isOn));
    this.button.textContent = isOn ? "Stop drawing" : "Draw a region";
  }

  listen(overlay) {
    const evidence = Number(overlay.querySelector("[data-drawn]").dataset.drawn);
    let act = null;
    overlay.addEventListener("pointerdown", (event) => {
      const at = this.place(overlay, event);
      const index = event.target.dataset.region;
      if (index === undefined && !this.isDrawing) return;
      event.preventDefault();
      overlay.setPointerCapture(event.pointerId);
      act = index === undefined ? this.begin(evidence, at) : this.grab(Number(index), at);
    });
    overlay.addEventListener("pointermove", (event) => {
      if (!act) return;
      act.to(this.place(overlay, event));
      this.show();
    });
    const end = () => {
      if (!act) return;
      act = null;
      this.regions = this.regions.filter(({ box_xyxy: [x1, y1, x2, y2] }) => {
        return x2 - x1 >= SMALLEST && y2 - y1 >= SMALLEST;
      });
      this.show();
    };
    overlay.addEventListener("pointerup", end);
    overlay.addEventListener("pointercancel", end);
  }

  place(overlay, event) {
    const frame = overlay.getBoundingClientRect();
    return [
      clamp((event.clientX - frame.left) / frame.width),
      clamp((event.clientY - frame.top) / frame.height),
    ];
  }

  begin(evidence, [x, y]) {
    const region = { evidence, box_xyxy: [x, y, x, y] };
    this.regions.push(region);
    return {
      to: ([toX, toY]) => {
        const xs = [x, toX].sort((a, b) => a - b);
        const ys = [y, toY].sort((a, b) => a - b);
        region.box_xyxy = [xs[0], ys[0], xs[1], ys[1]].map(round);
      },
    };
  }

  grab(index, [x, y]) {
    const region = this.regions[index];
    const before = region.box_xyxy;
    return {
      to: ([toX, toY]) => {
        region.box_xyxy = moved(before, toX - x, toY - y);
      },
    };
  }

  addInTheMiddle() {
    const shown = this.stage.querySelector(".view.is-shown [data-drawn]");
    if (!shown) return;
    this.regions.push({ evidence: Number(shown.dataset.drawn), box_xyxy: [0.4, 0.4, 0.6, 0.6] });
    this.show();
    shown.lastElementChild.focus();
  }

  pressed(event, index) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const region = this.regions[index];
    if (["Delete", "Backspace"].includes(event.key)) this.regions.splice(index, 1);
    else if (!(event.key in steps)) return;
    else if (event.shiftKey) region.box_xyxy = sized(region.box_xyxy, ...steps[event.key]);
    else region.box_xyxy = moved(region.box_xyxy, ...steps[event.key]);
    event.preventDefault();
    event.stopPropagation();
    this.show();
    this.root.querySelector(`[data-region="${index}"]`)?.focus();
  }

  show() {
    this.field.value = JSON.stringify(this.regions);
    for (const group of this.stage.querySelectorAll("[data-drawn]")) {
      const { width, height } = group.ownerSVGElement.viewBox.baseVal;
      const mine = this.regions.entries().filter(([, region]) => region.evidence === Number(group.dataset.drawn));
      group.replaceChildren(...mine.map(([index, region]) => this.rectangle(index, region, width, height)));
    }
    this.list.replaceChildren(...this.regions.map((region, index) => this.line(index, region)));
  }

  rectangle(index, { box_xyxy: [x1, y1, x2, y2] }, width, height) {
    const rect = shape("rect", {
      class: "drawn",
      x: x1 * width,
      y: y1 * height,
      width: (x2 - x1) * width,
      height: (y2 - y1) * height,
      tabindex: "0",
      role: "button",
      "aria-label": `Region ${index + 1}`,
    });
    rect.dataset.region = index;
    rect.addEventListener("keydown", (event) => this.pressed(event, index));
    return rect;
  }

  line(index, { evidence }) {
    const line = document.createElement("li");
    const label = document.querySelector(`[data-shows="view-${evidence}"] span`)?.textContent ?? "";
    line.append(`Region ${index + 1} · ${label.trim()}`);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "ghost";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => {
      this.regions.splice(index, 1);
      this.show();
    });
    line.append(remove);
    return line;
  }
}

function moved([x1, y1, x2, y2], dx, dy) {
  const byX = Math.min(Math.max(dx, -x1), 1 - x2);
  const byY = Math.min(Math.max(dy, -y1), 1 - y2);
  return [x1 + byX, y1 + byY, x2 + byX, y2 + byY].map(round);
}

function sized([x1, y1, x2, y2], dx, dy) {
  return [x1, y1, Math.max(clamp(x2 + dx), x1 + SMALLEST), Math.max(clamp(y2 + dy), y1 + SMALLEST)].map(round);
}
