/* The boxes and proposals as a list beside the picture, for eyes, fingers and screen readers. */

import { tone, where } from "./box-shapes.js";
import { element } from "./elements.js";

export class BoxList {
  constructor(form, draft, stage) {
    Object.assign(this, { draft, stage });
    this.list = form.querySelector("[data-boxes]");
    this.count = form.querySelector("[data-box-count]");
    draft.addEventListener("change", ({ detail }) => detail.isPassing || this.show());
    stage.addEventListener("select", () => this.show());
    this.show();
  }

  show() {
    const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.entry : null;
    const { boxes, open } = this.draft;
    const entries = [
      ...boxes.map((box, index) => this.boxed(box, index)),
      ...open.map((proposal) => this.proposed(proposal)),
    ];
    const none = element("li", { class: "muted small" }, "No boxes. Drag over the picture to draw one, or press B.");
    this.list.replaceChildren(...(entries.length ? entries : [none]));
    this.count.textContent = `${boxes.length}${open.length ? ` · ${open.length} proposed` : ""}`;
    if (held) this.list.querySelector(`[data-entry="${held}"]`)?.focus();
  }

  boxed({ label, box_xyxy: box }, index) {
    const name = this.stage.nameOf(label);
    const odd = this.stage.findings[`boxes.${index}`];
    const isChosen = index === this.stage.selected;
    return element(
      "li",
      { class: `box-entry${isChosen ? " is-chosen" : ""}${odd ? " is-odd" : ""}` },
      this.chooser(`box-${index}`, `${index + 1} ${name}`, where(box), isChosen, () => this.stage.select(index), tone(this.stage.keys, label)),
      this.act("Delete", `Delete box ${index + 1}, ${name}`, "×", () => {
        this.draft.remove(index);
        this.stage.select(-1);
      }),
      odd ? element("p", { class: "small box-odd" }, odd) : null,
    );
  }

  proposed({ label, class_name: className, score, box_xyxy: box, index }) {
    const name = `${label === null ? className : this.stage.nameOf(label)} ${score.toFixed(2)}`;
    const odd = this.stage.findings[`detections.${index}`];
    const isChosen = index === this.stage.proposal;
    return element(
      "li",
      { class: `box-entry is-proposed${isChosen ? " is-chosen" : ""}${odd ? " is-odd" : ""}` },
      this.chooser(`proposal-${index}`, name, `proposed, ${where(box)}`, isChosen, () => this.stage.select(-1, index), tone(this.stage.keys, label)),
      this.act("Accept", `Accept ${name}`, "✓", () => this.stage.accept([index])),
      this.act("Drop", `Drop ${name}`, "×", () => this.draft.drop(index)),
      odd ? element("p", { class: "small box-odd" }, odd) : null,
    );
  }

  chooser(entry, name, told, isChosen, act, toned) {
    return element(
      "button",
      { type: "button", class: `ghost box-choose ${toned}`, "aria-pressed": String(isChosen), "data-entry": entry, onclick: act },
      element("span", { class: "class-dot", "aria-hidden": "true" }),
      name,
      element("span", { class: "visually-hidden" }, `, ${told}`),
    );
  }

  act(title, label, sign, act) {
    if (this.stage.isReadOnly) return null;
    return element("button", { type: "button", class: "ghost icon-button", title, "aria-label": label, onclick: act }, sign);
  }
}
