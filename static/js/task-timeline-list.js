/* The spans as a table, where each can be read, gone to and changed without a pointer. */

import { element } from "./elements.js";
import { clock, indexAt } from "./task-timeline-spans.js";

const ROWS = 120;

export class SpanList {
  constructor(editor, table) {
    Object.assign(this, { editor, table, body: table.querySelector("tbody") });
    this.more = editor.part("more");
    this.count = editor.part("span-count");
  }

  show() {
    const { draft } = this.editor;
    const { spans } = draft;
    const busy = this.body.contains(document.activeElement) ? document.activeElement.dataset.field : null;
    const near = Math.max(this.editor.chosen, indexAt(spans, this.editor.player.time), 0);
    const from = Math.max(0, Math.min(near - ROWS / 2, spans.length - ROWS));
    const shown = spans.slice(from, from + ROWS);
    this.body.replaceChildren(...shown.map((span, place) => this.row(span, from + place)));
    this.table.hidden = !spans.length;
    this.more.hidden = spans.length <= ROWS;
    this.more.textContent = `Rows ${from + 1} to ${from + shown.length} of ${spans.length}, those around the playhead.`;
    this.count.textContent = spans.length === 1 ? "1 span" : `${spans.length} spans`;
    if (busy) this.body.querySelector(`[data-field="${busy}"]`)?.focus({ preventScroll: true });
  }

  row([start, end, label], index) {
    const { editor } = this;
    const said = `${label}, ${clock(start)} to ${clock(end)}`;
    const isChosen = index === editor.chosen;
    const { mayEdit } = editor.told;
    return element("tr", { class: isChosen ? "is-chosen" : "", "aria-current": isChosen ? "true" : null },
      element("td", {}, element("button", {
        type: "button", class: "ghost tl-go", "data-field": `go-${index}`, "aria-label": `Go to span ${index + 1}: ${said}`,
        onclick: () => editor.goTo(index),
      }, element("span", { class: `tl-dot ${editor.view.tone(label)}` }), String(index + 1))),
      element("td", {}, mayEdit ? this.labels(label, index) : label),
      element("td", {}, mayEdit ? this.time(start, index, 0) : clock(start, 2)),
      element("td", {}, mayEdit ? this.time(end, index, 1) : clock(end, 2)),
      element("td", { class: "num tl-length" }, `${(end - start).toFixed(1)} s`),
      mayEdit && element("td", {}, element("button", {
        type: "button", class: "ghost icon-button", "data-field": `drop-${index}`, "aria-label": `Delete span ${index + 1}`, title: "Delete",
        onclick: () => editor.remove(index),
      }, "×")));
  }

  labels(label, index) {
    const names = this.editor.told.labels.map(({ name }) => name);
    if (!names.includes(label)) names.push(label);
    return element("select", {
      "aria-label": `Label of span ${index + 1}`, "data-field": `label-${index}`,
      onchange: ({ target }) => this.editor.draft.relabel(index, target.value),
    }, names.map((name) => element("option", { value: name, selected: name === label }, name)));
  }

  time(seconds, index, edge) {
    return element("input", {
      type: "number", step: "0.01", min: 0, max: this.editor.draft.duration.toFixed(3), value: String(Number(seconds.toFixed(3))),
      "aria-label": `${edge ? "End" : "Start"} of span ${index + 1}, seconds`, "data-field": `${edge}-${index}`,
      onchange: ({ target }) => {
        const given = Number(target.value);
        if (target.value === "" || !Number.isFinite(given)) this.show();
        else this.editor.draft.moveEdge(index, edge, given);
        if (this.editor.draft.spans[index]?.[edge] !== given) this.editor.say("The edge stops at its neighbours and at the ends of the video.");
      },
    });
  }
}
