/* The list of rules: each one folded to a line, opened to its form; add, delete, put in order. */

import { element } from "./elements.js";
import { RuleForm } from "./rule-form.js";

export class RuleList {
  constructor(list, draft, told) {
    Object.assign(this, { list, draft, told, open: new Set() });
    draft.addEventListener("change", ({ detail }) => {
      if (detail.isPassing) return;
      if (detail.by === this) this.head();
      else this.show();
    });
    this.show();
  }

  get rules() {
    return this.draft.document.rules;
  }

  show() {
    const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.path : null;
    const lines = this.rules.map((rule, index) => this.line(rule, index));
    const none = element("li", { class: "muted small" }, "No rules: nothing on this camera becomes an incident.");
    this.list.replaceChildren(...(lines.length ? lines : [none]));
    if (held) this.list.querySelector(`[data-path="${CSS.escape(held)}"]`)?.focus();
  }

  /* The lines above the forms, which tell what the forms say. */
  head() {
    this.rules.forEach((rule, index) => {
      const summary = this.list.querySelector(`[data-path="rules[${index}]"] > summary`);
      summary?.replaceChildren(...this.summary(rule));
    });
  }

  line(rule, index) {
    const details = element(
      "details",
      { class: "rule", "data-path": `rules[${index}]`, open: this.open.has(index) },
      element("summary", {}, ...this.summary(rule)),
    );
    const fill = () => {
      if (details.open) this.open.add(index);
      else this.open.delete(index);
      if (details.open && details.childElementCount === 1) {
        const form = new RuleForm(this.draft, index, this.told, this);
        details.append(form.fields(), this.acts(index));
      }
    };
    details.addEventListener("toggle", fill);
    if (details.open) fill();
    return element("li", {}, details);
  }

  summary(rule) {
    const kind = this.told.kinds[rule.kind];
    const severity = rule.severity ?? kind?.severity ?? "medium";
    const zones = rule.zones?.length ? rule.zones.join(", ") : this.anywhere(rule);
    return [
      element("span", { class: "rule-name" }, rule.name ?? kind?.label ?? rule.kind),
      element("span", { class: `severity severity-${severity}` }, severity),
      element("span", { class: "rule-what muted small" }, `${kind?.label ?? rule.kind} · ${zones}${rule.active_hours ? " · at certain hours" : ""}`),
    ];
  }

  anywhere(rule) {
    const taken = this.told.kinds[rule.kind]?.zone_kinds ?? [];
    return taken.length ? `every ${taken.join(" or ")} zone` : "whole picture";
  }

  acts(index) {
    const act = (text, isOff, onclick) =>
      element("button", { type: "button", class: "ghost", disabled: isOff, onclick }, text);
    return element(
      "div",
      { class: "rule-acts" },
      act("Move up", index === 0, () => this.move(index, -1)),
      act("Move down", index === this.rules.length - 1, () => this.move(index, 1)),
      act("Delete rule", false, () => this.remove(index)),
    );
  }

  add(kind) {
    const { label: title, classes } = this.told.kinds[kind];
    const label = title.toLowerCase();
    const names = new Set(this.rules.map((rule) => rule.name));
    let [name, number] = [label, 2];
    while (names.has(name)) {
      name = `${label} ${number}`;
      number += 1;
    }
    this.open.add(this.rules.length);
    this.draft.change(({ rules }) => rules.push({ name, kind, zones: [], classes: [...classes] }));
    this.list.querySelector(`[data-path="rules[${this.rules.length - 1}].name"]`)?.select();
  }

  remove(index) {
    this.open = new Set([...this.open].filter((one) => one !== index).map((one) => (one > index ? one - 1 : one)));
    this.draft.change(({ rules }) => rules.splice(index, 1));
  }

  move(index, by) {
    const other = index + by;
    const swapped = { [index]: other, [other]: index };
    this.open = new Set([...this.open].map((one) => swapped[one] ?? one));
    this.draft.change(({ rules }) => rules.splice(other, 0, ...rules.splice(index, 1)));
    this.list.querySelector(`[data-path="rules[${other}]"] > summary`)?.focus();
  }
}
