/* The classes: nine by key, the others by search, and which of them are boxed to the last one. */

import { tone } from "./box-shapes.js";
import { element } from "./elements.js";

const LATEST = "boxes-exhaustive";
const KEYS = "boxes-keys";

/* Keys mean the same on every picture of a visit, whatever has been drawn most by then. */
export function steadyKeys({ keys, classes, site }) {
  const kept = JSON.parse(sessionStorage.getItem(`${KEYS}-${site}`) ?? "[]");
  const known = kept.filter((label) => classes.some(({ index }) => index === label));
  const steady = [...new Set([...known, ...keys])].slice(0, keys.length);
  sessionStorage.setItem(`${KEYS}-${site}`, JSON.stringify(steady));
  return steady;
}

export class BoxPalette {
  constructor(form, draft, stage, told) {
    Object.assign(this, { draft, stage, keys: told.keys, classes: told.classes, site: told.site });
    this.chips = form.querySelector("[data-palette]");
    this.search = form.querySelector("[data-class-search]");
    this.exhaustive = form.querySelector("[data-exhaustive]");
    this.suggestion = form.querySelector("[data-suggestion]");
    stage.label = told.keys[0] ?? told.classes[0]?.index ?? null;
    this.search?.addEventListener("change", () => this.searched());
    this.suggestion?.addEventListener("click", () => this.useLatest());
    draft.addEventListener("change", ({ detail }) => detail.isPassing || this.show());
    stage.addEventListener("select", () => this.show());
    this.show();
  }

  /* Takes the class at a key's place; says whether there is one. */
  pressKey(digit) {
    const label = this.keys[Number(digit) - 1];
    if (label === undefined) return false;
    this.choose(label);
    return true;
  }

  choose(label) {
    this.stage.label = label;
    if (this.stage.box) this.draft.relabel(this.stage.selected, label);
    this.show();
    this.stage.say(`${this.stage.nameOf(label)}.`);
  }

  searched() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.classes.find(({ name }) => name.toLowerCase() === wanted);
    if (!wanted) return;
    if (!found) {
      this.stage.say(`There is no class ${this.search.value}.`, true);
      return;
    }
    this.search.value = "";
    this.choose(found.index);
    this.stage.focus();
  }

  /* What was said to be exhaustive on the picture before; offered, and never taken for said. */
  get latest() {
    const kept = JSON.parse(sessionStorage.getItem(`${LATEST}-${this.site}`) ?? "[]");
    return kept.filter((label) => this.classes.some(({ index }) => index === label));
  }

  keepLatest() {
    sessionStorage.setItem(`${LATEST}-${this.site}`, JSON.stringify(this.draft.document.exhaustive));
  }

  useLatest() {
    for (const label of this.latest) this.draft.toggleExhaustive(label, true);
  }

  show() {
    const current = this.stage.box?.label ?? this.stage.label;
    const shown = this.keys.includes(current) || current === null ? this.keys : [...this.keys, current];
    this.chips.replaceChildren(...shown.map((label, place) => this.chip(label, place, label === current)));
    this.showExhaustive();
  }

  chip(label, place, isCurrent) {
    return element(
      "button",
      {
        type: "button",
        class: `class-chip ${tone(this.keys, label)}`,
        "aria-pressed": String(isCurrent),
        disabled: this.stage.isReadOnly,
        onclick: () => this.choose(label),
      },
      place < this.keys.length ? element("kbd", { "aria-hidden": "true" }, String(place + 1)) : null,
      element("span", { class: "class-dot", "aria-hidden": "true" }),
      this.stage.nameOf(label),
    );
  }

  showExhaustive() {
    const held = document.activeElement?.dataset?.exhaustiveOf;
    const { boxes, document: said } = this.draft;
    const labels = [...new Set([...boxes.map(({ label }) => label), ...this.keys, ...said.exhaustive])];
    this.exhaustive.replaceChildren(...labels.map((label) => this.tick(label, said.exhaustive.includes(label))));
    if (held) this.exhaustive.querySelector(`[data-exhaustive-of="${held}"]`)?.focus();
    const missing = this.latest.filter((label) => !said.exhaustive.includes(label));
    this.suggestion.hidden = this.stage.isReadOnly || !missing.length;
    const names = missing.map((label) => this.stage.nameOf(label)).join(", ");
    this.suggestion.replaceChildren(element("kbd", { "aria-hidden": "true" }, "E"), ` As on the last picture: ${names}`);
  }

  tick(label, isOn) {
    return element(
      "label",
      { class: "chip" },
      element("input", {
        type: "checkbox",
        checked: isOn,
        disabled: this.stage.isReadOnly,
        "data-exhaustive-of": String(label),
        onchange: (event) => this.draft.toggleExhaustive(label, event.target.checked),
      }),
      this.stage.nameOf(label),
    );
  }
}
