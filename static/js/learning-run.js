/* A run's page is replaced every few seconds: what was opened stays open, a log that was read at
   its end stays there, and a new stage is said once. */

import { announce } from "./said.js";

let opened = new Set();
let logPlace = null;
let said = "";

function isPart(event) {
  return event.target.id === "run" || event.detail.target?.id === "run";
}

function told(run) {
  return `${run.dataset.runState}, ${run.dataset.runStage}`;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const run = document.getElementById("run");
  if (!run || !isPart(event)) return;
  opened = new Set([...run.querySelectorAll("details[open]")].map((one) => one.dataset.remembered));
  const log = run.querySelector("[data-log]");
  const isAtEnd = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  logPlace = log && !isAtEnd ? log.scrollTop : null;
  said = told(run);
});

function restore() {
  const run = document.getElementById("run");
  if (!run) return;
  for (const one of run.querySelectorAll("details[data-remembered]")) {
    if (opened.has(one.dataset.remembered)) one.open = true;
  }
  const log = run.querySelector("[data-log]");
  if (log) log.scrollTop = logPlace ?? log.scrollHeight;
  if (said && said !== told(run)) announce(`The run is ${told(run)}.`);
  said = told(run);
}

document.addEventListener("htmx:afterSwap", restore);
restore();
