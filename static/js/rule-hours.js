/* When a rule applies: always, or in windows of weekdays and times. */

import { element } from "./elements.js";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

export class HoursFields {
  constructor(form) {
    this.form = form;
  }

  get windows() {
    return this.form.rule.active_hours ?? [];
  }

  fields() {
    const windows = this.windows.map((one, index) => this.window(one, index));
    return element(
      "fieldset",
      { class: "field hours", "data-path": `${this.form.path}.active_hours` },
      element("legend", {}, "Active hours"),
      windows.length ? null : element("p", { class: "hint" }, "Always."),
      windows,
      element("button", { type: "button", class: "ghost", onclick: () => this.add() }, "Add hours"),
    );
  }

  window(one, index) {
    const path = `${this.form.path}.active_hours[${index}]`;
    const days = one.days ?? DAYS;
    const boxes = DAYS.map((day) =>
      element(
        "label",
        { class: "chip day" },
        element("input", {
          type: "checkbox",
          checked: days.includes(day),
          "data-path": `${path}.days ${day}`,
          onchange: (event) => {
            const others = (this.windows[index].days ?? DAYS).filter((other) => other !== day);
            const chosen = event.target.checked ? [...others, day] : others;
            this.put(index, "days", DAYS.filter((other) => chosen.includes(other)));
          },
        }),
        day,
      ),
    );
    return element(
      "div",
      { class: "hours-window", "data-path": path },
      element("div", { class: "chips", role: "group", "aria-label": "Days", "data-path": `${path}.days` }, boxes),
      element(
        "div",
        { class: "hours-times" },
        this.time(one, index, "from", "From"),
        this.time(one, index, "to", "to"),
        element("button", { type: "button", class: "ghost icon-button", "aria-label": "Leave these hours out", onclick: () => this.remove(index) }, "×"),
      ),
    );
  }

  time(one, index, name, label) {
    return element(
      "label",
      { class: "hours-time" },
      element("span", { class: "muted" }, label),
      element("input", {
        "data-path": `${this.form.path}.active_hours[${index}].${name}`,
        inputmode: "numeric",
        maxlength: 5,
        size: 5,
        placeholder: "HH:MM",
        autocomplete: "off",
        value: one[name] ?? "",
        oninput: (event) => this.put(index, name, event.target.value.trim()),
      }),
    );
  }

  put(index, name, value) {
    const windows = this.windows.map((one, at) => (at === index ? { ...one, [name]: value } : one));
    this.form.set("active_hours", windows);
  }

  add() {
    const windows = [...this.windows, { days: DAYS, from: "22:00", to: "06:00" }];
    this.form.set("active_hours", windows, { isTyped: false });
  }

  remove(index) {
    const windows = this.windows.filter((_, at) => at !== index);
    this.form.set("active_hours", windows.length ? windows : undefined, { isTyped: false });
  }
}
