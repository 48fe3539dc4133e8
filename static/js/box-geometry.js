/* Arithmetic with boxes: [x1, y1, x2, y2] as shares of the picture's width and height. */

export const clamp = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);
const round = (value) => Math.round(value * 1e6) / 1e6;

/* The edges that each handle moves: indices into a box, for x and for y. */
export const HANDLES = {
  nw: [0, 1], n: [null, 1], ne: [2, 1], e: [2, null], se: [2, 3], s: [null, 3], sw: [0, 3], w: [0, null],
};

export function area([x1, y1, x2, y2]) {
  return (x2 - x1) * (y2 - y1);
}

export function iou(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (area(a) + area(b) - width * height);
}

export function contains([x1, y1, x2, y2], [x, y]) {
  return x >= x1 && x <= x2 && y >= y1 && y <= y2;
}

export function spanned([ax, ay], [bx, by]) {
  const [x1, x2] = [clamp(Math.min(ax, bx)), clamp(Math.max(ax, bx))];
  const [y1, y2] = [clamp(Math.min(ay, by)), clamp(Math.max(ay, by))];
  return [x1, y1, x2, y2].map(round);
}

/* Moves a box as far as it stays within the picture. */
export function moved([x1, y1, x2, y2], dx, dy) {
  const byX = clamp(dx, -x1, 1 - x2);
  const byY = clamp(dy, -y1, 1 - y2);
  return [x1 + byX, y1 + byY, x2 + byX, y2 + byY].map(round);
}

/* Moves the edges of one handle to a place; an edge stops short of the one across from it. */
export function resized(box, handle, place, least) {
  const next = [...box];
  HANDLES[handle].forEach((edge, axis) => {
    if (edge === null) return;
    const across = box[(edge + 2) % 4];
    const value = clamp(place[axis]);
    next[edge] = edge < 2 ? Math.min(value, across - least[axis]) : Math.max(value, across + least[axis]);
  });
  return next.map((value) => round(clamp(value)));
}

export function handlePlace([x1, y1, x2, y2], handle) {
  const x = { w: x1, e: x2 }[handle.at(-1)] ?? (x1 + x2) / 2;
  const y = { n: y1, s: y2 }[handle[0]] ?? (y1 + y2) / 2;
  return [x, y];
}
