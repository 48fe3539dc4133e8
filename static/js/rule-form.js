/* The form of one rule: its fields are what the server told of the rule's kind. */

import { element } from "./elements.js";
import { HoursFields } from "./rule-hours.js";

export class RuleForm {
  constructor(draft, index, told, owner) {
    Object.assign(this, { draft, index, told, owner });
    this.path = `rules[${index}]`;
  }

  get rule() {
    return this.draft.document.rules[this.index];
  }

  get kind() {
    return this.told.kinds[this.rule.kind] ?? { parameters: [], zone_kinds: [], severity: "medium", anybody: "everything" };
  }

  /* Changes the rule; one that the form itself shows already needs no new form. */
  set(name, value, { isTyped = true } = {}) {
    this.draft.change(
      ({ rules }) => {
        if (value === undefined) delete rules[this.index][name];
        else rules[this.index][name] = value;
      },
      { tag: isTyped ? `${this.path}.${name}` : null, by: isTyped ? this.owner : null },
    );
  }

  fields() {
    const { rule, kind } = this;
    return element(
      "div",
      { class: "rule-fields" },
      this.text("name", "Name", rule.name ?? ""),
      this.severity(),
      this.zones(),
      this.classes(),
      element("div", { class: "rule-numbers" }, kind.parameters.map((one) => (one.is_switch ? this.switch(one) : this.number(one)))),
      new HoursFields(this).fields(),
    );
  }

  text(name, label, value) {
    return element(
      "label",
      { class: "field" },
      element("span", {}, label),
      element("input", {
        "data-path": `${this.path}.${name}`,
        maxlength: 60,
        autocomplete: "off",
        value,
        oninput: (event) => this.set(name, event.target.value.trim()),
      }),
    );
  }

  severity() {
    const now = this.rule.severity ?? this.kind.severity;
    const options = this.told.severities.map((one) => element("option", { value: one, selected: one === now }, one));
    return element(
      "label",
      { class: "field" },
      element("span", {}, "Severity"),
      element("select", { "data-path": `${this.path}.severity`, onchange: (event) => this.set("severity", event.target.value) }, options),
    );
  }

  /* Every zone, and those named by the rule that are not there any more. */
  zones() {
    const { zones } = this.draft.document;
    const named = this.rule.zones ?? [];
    const lost = named.filter((name) => !zones.some((zone) => zone.name === name));
    const boxes = [...zones.map(({ name, kind }) => this.zoneBox(name, kind)), ...lost.map((name) => this.zoneBox(name, null))];
    const taken = this.kind.zone_kinds;
    const rest = taken.length ? `None ticked: every ${taken.join(" or ")} zone.` : "None ticked: the whole picture.";
    return element(
      "fieldset",
      { class: "field", "data-path": `${this.path}.zones` },
      element("legend", {}, "Zones"),
      element("div", { class: "chips" }, boxes),
      named.length ? null : element("p", { class: "hint" }, rest),
    );
  }

  zoneBox(name, kind) {
    const named = this.rule.zones ?? [];
    const taken = this.kind.zone_kinds;
    const isTaken = kind !== "private" && (!taken.length || taken.includes(kind));
    const isUnfit = kind !== null && !isTaken && !named.includes(name);
    const why = kind === "private" ? "Nothing in a private zone is looked at" : `This kind of rule takes ${taken.join(" or ")} zones`;
    return element(
      "label",
      { class: `chip${kind === null ? " is-lost" : ""}`, title: isUnfit ? why : null },
      element("input", {
        type: "checkbox",
        checked: named.includes(name),
        disabled: isUnfit,
        "data-path": `${this.path}.zones ${name}`,
        onchange: (event) => {
          const others = named.filter((one) => one !== name);
          this.set("zones", event.target.checked ? [...others, name] : others, { isTyped: false });
        },
      }),
      kind === null ? null : element("span", { class: `swatch swatch-${kind}`, "aria-hidden": "true" }),
      kind === null ? `${name} (deleted)` : name,
    );
  }

  classes() {
    const named = this.rule.classes ?? [];
    const path = `${this.path}.classes`;
    const set = (names) => this.set("classes", names, { isTyped: false });
    const add = (field) => {
      const names = field.value.split(",").map((one) => one.trim()).filter(Boolean);
      if (names.length) set([...new Set([...named, ...names])]);
    };
    const chips = named.map((name) =>
      element(
        "span",
        { class: this.told.classes.includes(name) ? "chip" : "chip is-unknown", title: this.told.classes.includes(name) ? null : "No detector in use knows this class" },
        this.told.classes.includes(name) ? name : `${name} ?`,
        element("button", { type: "button", class: "chip-remove", "aria-label": `Leave out ${name}`, onclick: () => set(named.filter((one) => one !== name)) }, "×"),
      ),
    );
    const field = element("input", {
      "data-path": path,
      list: "known-classes",
      autocomplete: "off",
      placeholder: named.length ? "and…" : this.kind.anybody,
      "aria-label": "Add a class",
      onchange: (event) => add(event.target),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== ",") return;
        event.preventDefault();
        add(event.target);
      },
    });
    return element("fieldset", { class: "field" }, element("legend", {}, "Classes"), element("div", { class: "chips" }, chips, field));
  }

  switch({ name, label, meaning, default: usual }) {
    const hint = `${this.path}.${name}.hint`;
    return element(
      "div",
      { class: "field" },
      element(
        "label",
        { class: "switch" },
        element("input", {
          type: "checkbox",
          "data-path": `${this.path}.${name}`,
          "aria-describedby": hint,
          checked: (this.rule[name] ?? usual) === 1,
          onchange: ({ target }) => this.set(name, target.checked ? 1 : 0),
        }),
        label,
      ),
      element("small", { class: "hint", id: hint }, meaning.replace(/^1 /, "")),
    );
  }

  number({ name, label, unit, minimum, maximum, meaning, is_whole: isWhole, default: usual }) {
    const hint = `${this.path}.${name}.hint`;
    const value = this.rule[name];
    const isShort = unit.length <= 3;
    return element(
      "label",
      { class: "field number-field" },
      element("span", {}, label),
      element(
        "span",
        { class: "with-unit" },
        element("input", {
          type: "number",
          inputmode: isWhole ? "numeric" : "decimal",
          "data-path": `${this.path}.${name}`,
          "aria-label": label,
          "aria-describedby": hint,
          min: minimum,
          max: maximum,
          step: isWhole ? 1 : "any",
          placeholder: usual === null ? "automatic" : usual,
          value: value ?? "",
          oninput: ({ target }) => this.set(name, readNumber(target)),
        }),
        isShort ? element("span", { class: "unit muted" }, unit) : null,
      ),
      element("small", { class: "hint", id: hint }, isShort ? meaning : `${unit}: ${meaning}`),
    );
  }
}

/* What stands in a field of a number: nothing is the default, half a number is sent as it is
   so that the server's answer names the field. */
function readNumber(field) {
  if (field.value !== "") return Number(field.value);
  return field.validity.badInput ? "not a number" : undefined;
}
