/* The list of zones beside the picture: name, kind, what is wrong, delete. */

import { element } from "./elements.js";
import { deleteZone, renameZone } from "./zone-draft.js";
import { trouble } from "./zone-geometry.js";

export class ZoneList {
  constructor(list, draft, stage, kinds) {
    Object.assign(this, { list, draft, stage, kinds });
    draft.addEventListener("change", ({ detail }) => this.show(detail.isPassing));
    stage.onSelect(() => this.mark());
    stage.removeZone = (index) => this.remove(index);
    this.show();
  }

  show(isPassing = false) {
    if (isPassing) {
      this.warn();
      return;
    }
    const held = this.list.contains(document.activeElement) ? document.activeElement.dataset.path : null;
    const { zones } = this.draft.document;
    const lines = zones.map((zone, index) => this.line(zone, index));
    const none = element("li", { class: "muted small" }, "No zones yet: rules then watch the whole picture.");
    this.list.replaceChildren(...(lines.length ? lines : [none]));
    this.mark();
    if (held) this.list.querySelector(`[data-path="${CSS.escape(held)}"]`)?.focus();
  }

  line(zone, index) {
    const path = `zones[${index}]`;
    const kinds = this.kinds.map((kind) => element("option", { value: kind, selected: kind === zone.kind }, kind));
    return element(
      "li",
      { class: "zone-entry", "data-path": path, onfocusin: () => this.chosen(index), onclick: () => this.chosen(index) },
      element("span", { class: `swatch swatch-${zone.kind}`, "aria-hidden": "true" }),
      element("input", {
        "aria-label": `Name of zone ${index + 1}`,
        "data-path": `${path}.name`,
        maxlength: 60,
        autocomplete: "off",
        value: zone.name,
        onchange: (event) => this.rename(index, event.target),
      }),
      element(
        "select",
        {
          "aria-label": `Kind of ${zone.name}`,
          "data-path": `${path}.kind`,
          onchange: (event) => this.draft.change(({ zones }) => { zones[index].kind = event.target.value; }),
        },
        kinds,
      ),
      element("button", { type: "button", class: "ghost icon-button", "aria-label": `Delete ${zone.name}`, title: "Delete this zone", onclick: (event) => { event.stopPropagation(); this.remove(index); } }, "×"),
      element("p", { class: "zone-trouble small", "data-path": `${path}.polygon` }, trouble(zone.polygon)),
    );
  }

  chosen(index) {
    if (this.stage.selected !== index && !this.stage.pen.isOn) this.stage.select(index);
  }

  rename(index, field) {
    const name = field.value.trim();
    const isTaken = this.draft.document.zones.some((zone, other) => other !== index && zone.name === name);
    if (!name || isTaken) {
      this.stage.say(name ? `There is a zone named ${name} already.` : "A zone needs a name.", true);
      field.value = this.draft.document.zones[index].name;
      return;
    }
    this.draft.change((document) => renameZone(document, index, name));
  }

  remove(index) {
    const { name } = this.draft.document.zones[index];
    this.stage.select(-1);
    this.draft.change((document) => deleteZone(document, index));
    this.stage.say(`Zone ${name} is deleted; undo brings it back.`);
  }

  mark() {
    const entries = [...this.list.querySelectorAll(".zone-entry")];
    entries.forEach((entry, index) => entry.classList.toggle("is-chosen", index === this.stage.selected));
  }

  warn() {
    this.draft.document.zones.forEach((zone, index) => {
      const text = this.list.querySelector(`[data-path="zones[${index}].polygon"]`);
      if (text) text.textContent = trouble(zone.polygon);
    });
  }
}
