/* Arithmetic with spans: [start, end, label] in seconds, in order, none over another. */

export const SHORTEST = 0.02;
const TOUCHING = 1e-6;

export const round = (seconds) => Math.round(seconds * 1e6) / 1e6;
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export function clock(seconds, digits = 1) {
  const whole = Math.max(Number(seconds.toFixed(digits)), 0);
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function indexAt(spans, seconds) {
  return spans.findIndex(([start, end]) => start <= seconds + TOUCHING && seconds + TOUCHING < end);
}

/* What of spans lies between two times. */
export function within(spans, start, end) {
  return spans
    .map(([from, to, label]) => [Math.max(from, start), Math.min(to, end), label])
    .filter(([from, to]) => to - from >= SHORTEST / 2);
}

/* Gives a stretch a label over what was there, null to empty it; equal neighbours become one. */
export function painted(spans, start, end, label) {
  const before = within(spans, -Infinity, start);
  const after = within(spans, end, Infinity);
  const middle = label === null ? [] : [[round(start), round(end), label]];
  return joined([...before, ...middle, ...after]);
}

export function joined(spans) {
  const kept = [];
  for (const span of spans) {
    const last = kept.at(-1);
    if (last && last[2] === span[2] && span[0] - last[1] <= TOUCHING) last[1] = Math.max(last[1], span[1]);
    else kept.push([...span]);
  }
  return kept;
}

/* Gives labels only where nothing has one. */
export function filled(spans, start, end, label) {
  const gaps = [];
  let from = start;
  for (const [s, e] of within(spans, start, end)) {
    if (s - from >= SHORTEST) gaps.push([from, s, label]);
    from = e;
  }
  if (end - from >= SHORTEST) gaps.push([from, end, label]);
  return joined([...spans, ...gaps].sort((a, b) => a[0] - b[0]));
}

/* Parts the span around a time in two; null where there is none, or one would be too short. */
export function split(spans, seconds) {
  const at = indexAt(spans, seconds);
  if (at < 0) return null;
  const [start, end, label] = spans[at];
  if (seconds - start < SHORTEST || end - seconds < SHORTEST) return null;
  const parts = [[start, round(seconds), label], [round(seconds), end, label]];
  return [...spans.slice(0, at), ...parts, ...spans.slice(at + 1)];
}

/* Moves one edge of a span (0 or 1) as far as its neighbours let it; the edge of one that touches
   moves with it. */
export function withEdge(spans, index, edge, seconds, duration) {
  const next = spans.map((span) => [...span]);
  const span = next[index];
  const other = next[edge ? index + 1 : index - 1];
  const isShared = other !== undefined && Math.abs(other[1 - edge] - span[edge]) <= TOUCHING;
  let low = edge ? span[0] + SHORTEST : 0;
  let high = edge ? duration : span[1] - SHORTEST;
  if (other && edge) high = isShared ? other[1] - SHORTEST : other[0];
  if (other && !edge) low = isShared ? other[0] + SHORTEST : other[1];
  const at = round(clamp(seconds, low, Math.max(low, high)));
  span[edge] = at;
  if (isShared) other[1 - edge] = at;
  return next;
}

/* All times at which something begins or ends, in order. */
export function borders(spans) {
  return [...new Set(spans.flatMap(([start, end]) => [start, end]))].sort((a, b) => a - b);
}
