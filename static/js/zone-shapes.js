/* The zones as SVG: areas below, outlines with the chosen zone's points above, names on top. */

import { shape } from "./player.js";
import { between, centre, trouble } from "./zone-geometry.js";

const HIT_PX = 14;

export const percent = (share) => `${Math.round(share * 100)} %`;

export function drawn(stage) {
  const { zones } = stage;
  return [
    ...zones.map((zone, index) => area(stage, zone, index)),
    ...zones.map((zone, index) => frame(stage, zone, index)),
    ...zones.filter((zone) => zone.polygon.length).map((zone) => label(stage, zone)),
  ];
}

function area(stage, zone, index) {
  const chosen = index === stage.selected ? " is-chosen" : "";
  return shape("polygon", {
    class: `zone-fill zone-${zone.kind}${chosen}`,
    points: stage.outline(zone).join(" "),
  });
}

function label(stage, zone) {
  const [x, y] = centre(stage.outline(zone));
  return shape("text", { class: "zone-label", x, y }, zone.name);
}

function frame(stage, zone, index) {
  const isChosen = index === stage.selected;
  const wrong = trouble(zone.polygon);
  const group = shape("g", { class: isChosen ? "is-chosen" : "" });
  const told = `Zone ${zone.name}, ${zone.kind}, ${zone.polygon.length} points`;
  group.append(
    shape("polygon", {
      class: `zone-line zone-${zone.kind}${wrong ? " is-wrong" : ""}`,
      points: stage.outline(zone).join(" "),
      tabindex: "0",
      role: "button",
      "aria-label": wrong ? `${told}. ${wrong}` : told,
      "aria-pressed": String(isChosen),
      "data-zone": index,
    }),
  );
  if (isChosen && !stage.pen.isOn) group.append(...middles(stage, zone), ...points(stage, zone, index));
  return group;
}

function middles(stage, zone) {
  const outline = stage.outline(zone);
  return outline.map((one, at) => {
    const [cx, cy] = between(one, outline[(at + 1) % outline.length]);
    return shape("circle", { class: "zone-middle", cx, cy, r: 4 });
  });
}

function points(stage, zone, index) {
  return stage.outline(zone).map(([cx, cy], at) => {
    const [x, y] = zone.polygon[at];
    const group = shape("g", {
      class: at === stage.point ? "zone-point is-chosen" : "zone-point",
      tabindex: "0",
      role: "button",
      "aria-label": `Point ${at + 1} of ${zone.name}, ${percent(x)} from the left, ${percent(y)} from the top`,
      "data-zone": index,
      "data-point": at,
    });
    group.append(shape("circle", { class: "zone-hit", cx, cy, r: HIT_PX }));
    group.append(shape("circle", { class: "zone-dot", cx, cy, r: 6 }));
    return group;
  });
}
