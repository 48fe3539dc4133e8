/* The zone editor's page: puts the draft, the picture, the lists and the server together. */

import { DraftServer } from "./draft-server.js";
import { told } from "./elements.js";
import { RuleList } from "./rule-list.js";
import { ZoneDraft, freeName } from "./zone-draft.js";
import { ZoneList } from "./zone-list.js";
import { ZoneStage } from "./zone-stage.js";

const FIRST_SHAPE = [[0.35, 0.35], [0.65, 0.35], [0.65, 0.65], [0.35, 0.65]];

class ZoneEditor {
  constructor(form) {
    this.form = form;
    this.choices = told("choices");
    this.draft = new ZoneDraft(told("draft"), told("saved"));
    for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;
    form.querySelector("[data-fallback]").hidden = true;
    this.stage = new ZoneStage(this.part("stage"), this.draft, (text, isBad) => this.say(text, isBad));
    this.stage.addZone = (polygon) => this.addZone(polygon);
    this.zones = new ZoneList(this.part("zones"), this.draft, this.stage, this.choices.zone_kinds);
    this.rules = new RuleList(this.part("rules"), this.draft, { kinds: told("rule-kinds"), ...this.choices });
    this.server = new DraftServer(form, this.draft, this.rules);
    this.prepareButtons();
    this.prepareForm();
    this.prepareLeaving();
    this.draft.addEventListener("change", () => this.showState());
    this.stage.pen.onChange(() => this.showState());
    this.stage.onSelect(() => this.showState());
    this.showState();
    this.server.showFields(told("draft-errors"));
  }

  part(name) {
    return this.form.querySelector(`[data-${name}]`);
  }

  on(name, act) {
    this.part(name).addEventListener("click", act);
  }

  say(text, isBad = false) {
    const said = this.part("said");
    said.textContent = text;
    said.classList.toggle("is-bad", isBad);
  }

  prepareButtons() {
    const { pen } = this.stage;
    this.on("undo", () => this.draft.undo());
    this.on("redo", () => this.draft.redo());
    this.on("draw", () => (pen.isOn ? pen.cancel() : pen.start()));
    this.on("close-zone", () => pen.close());
    this.on("take-back", () => pen.takeBack());
    this.on("cancel", () => pen.cancel());
    this.on("add-zone", () => {
      this.addZone(FIRST_SHAPE);
      this.stage.focus(0);
    });
    this.on("remove-point", () => this.stage.removePoint(this.stage.point));
    this.on("add-rule", () => this.rules.add(this.part("rule-kind").value));
    document.addEventListener("keydown", (event) => this.shortcut(event));
  }

  shortcut(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    const key = event.key.toLowerCase();
    const isText = event.target.closest("textarea, input:not([type=checkbox])");
    if (key === "s") this.server.save();
    else if (key === "z" && !isText) this.draft[event.shiftKey ? "redo" : "undo"]();
    else return;
    event.preventDefault();
  }

  addZone(polygon) {
    const { zones } = this.draft.document;
    const name = freeName(zones, "zone");
    this.draft.change((document) => document.zones.push({ name, kind: "monitored", polygon }));
    this.stage.select(this.draft.document.zones.length - 1);
    this.say(`${name} is there. Tab goes to its points, arrows move them, Insert adds and Delete removes one.`);
  }

  prepareForm() {
    this.form.addEventListener("submit", (event) => {
      const asked = event.submitter;
      if (asked?.matches("[data-longer]")) {
        this.form.elements.document.value = this.draft.text;
        return;
      }
      event.preventDefault();
      if (asked?.matches("[data-see-effect]")) this.server.seeEffect();
      else this.server.save();
    });
    /* Enter in a field of a zone or a rule would press the form's first button. */
    this.form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input")) return;
      event.preventDefault();
      event.target.blur();
    });
  }

  prepareLeaving() {
    window.addEventListener("beforeunload", (event) => {
      if (this.draft.isChanged) event.preventDefault();
    });
  }

  showState() {
    const { draft, stage } = this;
    const isDrawing = stage.pen.isOn;
    const state = this.part("draft-state");
    state.hidden = !draft.isChanged;
    state.textContent = draft.isChanged ? "Unsaved changes" : "";
    this.part("undo").disabled = !draft.past.length;
    this.part("redo").disabled = !draft.future.length;
    this.part("save").disabled = !draft.isChanged;
    this.part("draw").setAttribute("aria-pressed", String(isDrawing));
    this.part("picture").classList.toggle("is-drawing", isDrawing);
    this.part("picture").classList.toggle("is-held", stage.zone !== undefined);
    for (const name of ["close-zone", "take-back", "cancel"]) this.part(name).hidden = !isDrawing;
    for (const name of ["draw", "add-zone", "remove-point"]) this.part(name).hidden = isDrawing;
    this.part("close-zone").disabled = stage.pen.points.length < 3;
    this.part("take-back").disabled = !stage.pen.points.length;
    this.part("remove-point").disabled = stage.point === null || stage.zone?.polygon.length <= 3;
  }
}

const form = document.querySelector("[data-editor]");
if (form) new ZoneEditor(form);
