/* Arithmetic with polygons: lists of [x, y]. The unit is the caller's. */

export const clamp = (value) => Math.min(Math.max(value, 0), 1);
export const round = (value) => Math.round(value * 10000) / 10000;
export const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
export const between = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

export function isInside([x, y], polygon) {
  let inside = false;
  polygon.forEach(([ax, ay], index) => {
    const [bx, by] = polygon[(index + 1) % polygon.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

export function area(polygon) {
  return Math.abs(
    polygon.reduce((sum, [ax, ay], index) => {
      const [bx, by] = polygon[(index + 1) % polygon.length];
      return sum + (ax * by - bx * ay) / 2;
    }, 0),
  );
}

/* Where a label stands: the centre of the area, or of the points where there is none. */
export function centre(polygon) {
  let [sum, x, y] = [0, 0, 0];
  polygon.forEach(([ax, ay], index) => {
    const [bx, by] = polygon[(index + 1) % polygon.length];
    const cross = ax * by - bx * ay;
    sum += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  });
  if (Math.abs(sum) > 1e-9) {
    const found = [x / (3 * sum), y / (3 * sum)];
    if (isInside(found, polygon)) return found;
  }
  const mean = (axis) => polygon.reduce((total, point) => total + point[axis], 0) / polygon.length;
  return [mean(0), mean(1)];
}

function side([ax, ay], [bx, by], [cx, cy]) {
  const turn = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  return Math.abs(turn) < 1e-12 ? 0 : Math.sign(turn);
}

function isOn(a, b, [x, y]) {
  const [x1, x2] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
  const [y1, y2] = [Math.min(a[1], b[1]), Math.max(a[1], b[1])];
  return x >= x1 && x <= x2 && y >= y1 && y <= y2;
}

function doMeet(a, b, c, d) {
  const [abc, abd, cda, cdb] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (abc !== abd && cda !== cdb) return true;
  return (
    (abc === 0 && isOn(a, b, c)) ||
    (abd === 0 && isOn(a, b, d)) ||
    (cda === 0 && isOn(c, d, a)) ||
    (cdb === 0 && isOn(c, d, b))
  );
}

/* Says whether two edges that are no neighbours meet, or an edge has no length. */
export function crossesItself(polygon) {
  const last = polygon.length - 1;
  const end = (index) => polygon[index === last ? 0 : index + 1];
  for (let i = 0; i <= last; i += 1) {
    if (distance(polygon[i], end(i)) < 1e-9) return true;
    for (let j = i + 2; j <= last; j += 1) {
      const areNeighbours = i === 0 && j === last;
      if (!areNeighbours && doMeet(polygon[i], end(i), polygon[j], end(j))) return true;
    }
  }
  return false;
}

/* What the server would refuse about a polygon of shares, in words; "" where nothing is wrong. */
export function trouble(polygon) {
  if (polygon.length < 3) return "It needs at least three points.";
  if (polygon.some((point) => point.some((value) => value < 0 || value > 1))) {
    return "It reaches out of the picture.";
  }
  if (area(polygon) < 1e-6) return "It has no area.";
  return crossesItself(polygon) ? "Its outline crosses or touches itself." : "";
}

/* Moves a polygon as far as it stays within the picture. */
export function moved(polygon, dx, dy) {
  const limit = (axis, by) => {
    const values = polygon.map((point) => point[axis]);
    return Math.min(Math.max(by, -Math.min(...values)), 1 - Math.max(...values));
  };
  const [byX, byY] = [limit(0, dx), limit(1, dy)];
  return polygon.map(([x, y]) => [round(x + byX), round(y + byY)]);
}
