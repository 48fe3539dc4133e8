/* The picture with its boxes as SVG, in pixels of the screen so that lines and handles keep size. */

import { HANDLES, handlePlace } from "./box-geometry.js";
import { shape } from "./player.js";

const TONES = 9;
const HANDLE_PX = 5;
const percent = (share) => `${Math.round(share * 100)} %`;

export function tone(keys, label) {
  const place = keys.indexOf(label);
  return place >= 0 ? `tone-${place}` : `tone-${(label ?? 0) % TONES}`;
}

export function where([x1, y1, x2, y2]) {
  return `${percent(x1)} from the left, ${percent(y1)} from the top, ${percent(x2 - x1)} wide, ${percent(y2 - y1)} high`;
}

export function drawn(stage) {
  const { draft, view } = stage;
  const [x, y] = view.corner;
  const [width, height] = view.size;
  Object.entries({ x, y, width, height }).forEach(([name, value]) => stage.image.setAttribute(name, value));
  const shapes = [
    ...draft.open.map((proposal) => proposed(stage, proposal)),
    ...draft.boxes.map((box, index) => boxed(stage, box, index)),
  ];
  if (stage.sketch) shapes.push(outline(stage, stage.sketch, { class: "box-sketch" }));
  if (stage.box && !stage.isReadOnly) shapes.push(...handles(stage));
  return shapes;
}

function frameOf(stage, [x1, y1, x2, y2]) {
  const [left, top] = stage.view.pixels([x1, y1]);
  const [right, bottom] = stage.view.pixels([x2, y2]);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function outline(stage, box, attributes) {
  return shape("rect", { ...frameOf(stage, box), ...attributes });
}

function boxed(stage, { label, box_xyxy: box }, index) {
  const isChosen = index === stage.selected;
  const odd = stage.findings[`boxes.${index}`];
  const told = `Box ${index + 1}, ${stage.nameOf(label)}, ${where(box)}`;
  const group = shape("g", {
    class: `box ${tone(stage.keys, label)}${isChosen ? " is-chosen" : ""}${odd ? " is-odd" : ""}`,
    tabindex: "0",
    role: "button",
    "aria-pressed": String(isChosen),
    "aria-label": odd ? `${told}. ${odd}` : told,
    "data-box": index,
  });
  group.append(outline(stage, box, { class: "box-line" }), ...tag(stage, box, `${index + 1} ${stage.nameOf(label)}`));
  return group;
}

function proposed(stage, { label, class_name: name, score, box_xyxy: box, index }) {
  const isChosen = index === stage.proposal;
  const odd = stage.findings[`detections.${index}`];
  const said = `${label === null ? name : stage.nameOf(label)} ${score.toFixed(2)}`;
  const group = shape("g", {
    class: `box is-proposed ${tone(stage.keys, label)}${isChosen ? " is-chosen" : ""}${odd ? " is-odd" : ""}`,
    tabindex: "0",
    role: "button",
    "aria-pressed": String(isChosen),
    "aria-label": `Proposed by the detector: ${said}, ${where(box)}. Enter accepts, Delete drops.`,
    "data-proposal": index,
  });
  group.append(outline(stage, box, { class: "box-line" }), ...tag(stage, box, said));
  return group;
}

/* The name above a box, or inside it where there is no room above. */
function tag(stage, box, text) {
  const { x, y } = frameOf(stage, box);
  const left = Math.max(x, 0);
  const isInside = y < 17;
  const top = isInside ? Math.max(y, 0) : y - 17;
  return [
    shape("rect", { class: "box-tag", x: left, y: top, width: text.length * 6.9 + 9, height: 17 }),
    shape("text", { class: "box-name", x: left + 4, y: top + 12.5 }, text),
  ];
}

function handles(stage) {
  return Object.keys(HANDLES).flatMap((name) => {
    const [cx, cy] = stage.view.pixels(handlePlace(stage.box.box_xyxy, name));
    return [
      shape("circle", { class: `box-grip grip-${name}`, cx, cy, r: stage.reach }),
      shape("rect", { class: "box-handle", x: cx - HANDLE_PX, y: cy - HANDLE_PX, width: 2 * HANDLE_PX, height: 2 * HANDLE_PX }),
    ];
  });
}
