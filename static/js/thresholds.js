/* Moves the chosen threshold over the curve and says what it would leave, as the server does. */
import { told } from "./elements.js";

const form = document.querySelector("[data-thresholds]");
const known = told("threshold-points");

const share = (value) => (value === null ? "–" : `${(100 * value).toFixed(0)} %`);
const amount = (value) => `${Number(value.toFixed(1))}`;
const SHOWN = [[1, share], [2, share], [3, (value) => (value === null ? "–" : value.toFixed(2))], [4, amount], [5, amount], [6, amount], [7, amount]];

function rowAt(threshold) {
  const { rows } = known;
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < threshold) low = middle + 1;
    else high = middle;
  }
  return rows[low];
}

function show(threshold) {
  const row = rowAt(threshold);
  for (const [place, said] of SHOWN) {
    const cell = form.querySelector(`[data-at="${place}"]`);
    if (cell) cell.textContent = said(row[place]);
  }
  const line = document.querySelector(".threshold-chosen");
  line.setAttribute("x1", threshold * known.width);
  line.setAttribute("x2", threshold * known.width);
}

if (form && known) {
  const [range, number] = ["range", "number"].map((type) => form.querySelector(`input[type=${type}][data-value]`));
  range.hidden = false;
  range.addEventListener("input", () => {
    number.value = range.value;
    show(Number(range.value));
  });
  number.addEventListener("input", () => {
    if (number.value === "" || !number.checkValidity()) return;
    range.value = number.value;
    show(Number(number.value));
  });
}
