/* The page where stretches of a video get their labels: video, timeline, table, keys and server. */

import { element, told } from "./elements.js";
import { SpanDraft } from "./task-timeline-draft.js";
import { prepareKeys } from "./task-timeline-keys.js";
import { SpanList } from "./task-timeline-list.js";
import { Player } from "./task-timeline-player.js";
import { SpanServer } from "./task-timeline-server.js";
import { borders, clamp, clock, indexAt, SHORTEST } from "./task-timeline-spans.js";
import { prepareVersions } from "./task-timeline-versions.js";
import { TimelineView } from "./task-timeline-view.js";
import { Watch } from "./task-timeline-watch.js";

const BORDER = 0.005;

class TimelineEditor {
  constructor(form) {
    this.form = form;
    this.told = told("editor");
    this.chosen = -1;
    this.marks = { start: null, end: null };
    const { duration, labels, spans } = this.told;
    for (const part of form.querySelectorAll("[data-scripted]")) part.hidden = false;
    this.draft = new SpanDraft(spans, duration);
    this.player = new Player(duration);
    this.view = new TimelineView(this.part("editor-timeline"), { duration, labels });
    this.spans = this.view.lane("labels", "Labels");
    this.list = new SpanList(this, this.part("table"));
    this.server = new SpanServer(form, this.draft, this.told);
    this.prepareLanes();
    this.preparePlayer();
    this.prepareButtons();
    this.prepareFiles();
    prepareKeys(this);
    this.draft.addEventListener("change", ({ detail }) => this.changed(detail));
    this.server.addEventListener("saved", () => this.showState());
    window.addEventListener("beforeunload", (event) => {
      if (this.draft.isChanged && !this.server.isKept) event.preventDefault();
    });
    this.showSpans();
    this.list.show();
    this.showTime();
    if (this.told.mayEdit) this.server.restore((text) => this.say(text));
    this.showState();
    this.begin();
  }

  part(name) {
    return this.form.querySelector(`[data-${name}]`);
  }

  say(text, isBad = false) {
    const said = this.part("said");
    said.textContent = text;
    said.classList.toggle("is-bad", isBad);
  }

  begin() {
    const wanted = this.told.waiting.find(({ pk }) => pk === this.told.span);
    if (wanted) {
      this.marks = { start: wanted.start, end: wanted.end };
      this.player.seek(wanted.start);
      this.view.zoomTo(this.told.duration / (4 * (wanted.end - wanted.start)));
      this.showMarks();
      const other = wanted.other && wanted.other !== wanted.predicted ? `, another ${wanted.other}` : "";
      this.say(`${wanted.reason}: it said ${wanted.predicted}${other}. Give the marked stretch its label.`);
    }
    this.view.track.focus({ preventScroll: true });
  }

  prepareLanes() {
    const { suggestions, waiting } = this.told;
    if (suggestions) {
      const lane = this.view.lane("suggestions", `Suggested by ${suggestions.model}`, { isPale: true });
      lane.append(...suggestions.spans.map(({ start, end, label, confidence }) =>
        this.view.bar([start, end, label], {}, { opacity: confidence, text: `${label} ${Math.round(100 * confidence)}%` })));
    }
    if (waiting.length) {
      const lane = this.view.lane("waiting", "To label");
      lane.append(...waiting.map(({ pk, start, end, predicted }) =>
        this.view.bar([start, end, predicted], { class: `is-waiting${pk === this.told.span ? " is-wanted" : ""}` }, { text: "?" })));
    }
    this.view.addEventListener("seek", ({ detail }) => this.player.seek(detail.seconds));
    this.view.addEventListener("choose", ({ detail }) => this.choose(detail.index));
    this.view.addEventListener("edgestart", ({ detail }) => this.beginEdge(detail));
    this.view.addEventListener("edge", ({ detail }) => this.dragEdge(detail.seconds));
    this.view.addEventListener("edgeend", ({ detail }) => this.draft[detail.isCancelled ? "abort" : "end"]());
  }

  preparePlayer() {
    this.player.addEventListener("time", () => this.showTime());
    const place = this.form.querySelector("[data-watch]");
    if (!place) return;
    const watch = new Watch(place);
    watch.addEventListener("video", ({ detail }) => {
      this.player.attach(detail);
      detail.addEventListener("click", () => this.player.toggle());
    });
  }

  prepareButtons() {
    const { player, view } = this;
    const acts = {
      play: () => player.toggle(),
      back: () => player.step(-1),
      on: () => player.step(1),
      "border-back": () => this.jump(-1),
      "border-on": () => this.jump(1),
      "zoom-in": () => view.zoomTo(view.zoom * 1.5),
      "zoom-out": () => view.zoomTo(view.zoom / 1.5),
      "zoom-fit": () => view.zoomTo(1),
      "mark-in": () => this.markIn(),
      "mark-out": () => this.markOut(),
      split: () => this.split(),
      delete: () => this.remove(),
      take: () => this.takeOver(false),
      "take-all": () => this.takeOver(true),
      undo: () => this.draft.undo(),
      redo: () => this.draft.redo(),
      save: () => this.server.save(),
    };
    for (const [name, act] of Object.entries(acts)) this.part(name)?.addEventListener("click", act);
    const palette = this.part("palette");
    palette?.replaceChildren(...this.told.labels.map(({ name, key }) => element("button", {
      type: "button", class: "tl-chip", onclick: () => this.label(name), "aria-keyshortcuts": key || null,
    }, element("span", { class: `tl-dot ${this.view.tone(name)}` }), name, key && element("kbd", {}, key.toUpperCase()))));
  }

  prepareFiles() {
    const send = document.querySelector("[data-import]");
    send?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const isDone = await this.server.replace(this.told.importAddress, new FormData(send));
      if (isDone) send.reset();
    });
    prepareVersions(this);
  }

  labelOf(key) {
    return this.told.labels.find((label) => label.key && label.key === key)?.name;
  }

  /* Labels what is marked, else the chosen span or the one under the playhead. */
  label(name) {
    const { time } = this.player;
    const { start, end } = this.marks;
    if (start !== null) {
      const [from, to] = [start, end ?? time].sort((a, b) => a - b);
      if (to - from < SHORTEST) {
        this.say("The marked stretch has no length: move on and mark its end.", true);
        return;
      }
      this.draft.paint(from, to, name);
      this.unmark();
      this.choose(indexAt(this.draft.spans, from));
      this.say(`${name} from ${clock(from)} to ${clock(to)}.`);
      return;
    }
    const index = this.here();
    if (index < 0) this.say("Mark a stretch first: I where it begins, O where it ends.", true);
    else {
      this.draft.relabel(index, name);
      this.say(`Span ${index + 1} is ${name}.`);
    }
  }

  /* The span under the playhead, else the one that was chosen last. */
  here() {
    const under = indexAt(this.draft.spans, this.player.time);
    return under >= 0 ? under : this.chosen;
  }

  markIn() {
    this.marks = { start: this.player.time, end: null };
    this.showMarks();
    this.say(`Marked from ${clock(this.marks.start, 2)}. O marks the end, a label's key labels up to here.`);
  }

  markOut() {
    const { time } = this.player;
    const start = this.marks.start ?? 0;
    this.marks = { start: Math.min(start, time), end: Math.max(start, time) };
    this.showMarks();
    this.say(`Marked from ${clock(this.marks.start, 2)} to ${clock(this.marks.end, 2)}. Now give it a label.`);
  }

  unmark() {
    this.marks = { start: null, end: null };
    this.showMarks();
  }

  split() {
    if (this.draft.split(this.player.time)) this.say(`Split at ${clock(this.player.time, 2)}.`);
    else this.say("There is no span under the playhead that could be split here.", true);
  }

  remove(index = this.here()) {
    const span = this.draft.spans[index];
    if (!span) {
      this.say("There is no span under the playhead.", true);
      return;
    }
    this.draft.remove(index);
    this.choose(-1);
    this.say(`Deleted: ${span[2]} from ${clock(span[0])} to ${clock(span[1])}.`);
  }

  edgeHere(edge) {
    const index = this.chosen >= 0 ? this.chosen : this.here();
    if (index < 0) this.say("Choose a span first.", true);
    else this.draft.moveEdge(index, edge, this.player.time, `edge ${index} ${edge}`);
  }

  takeOver(isAll) {
    const found = this.told.suggestions?.spans ?? [];
    const { time } = this.player;
    const wanted = isAll ? found : found.filter(({ start, end }) => start <= time && time < end);
    if (!wanted.length) {
      this.say(found.length ? "Nothing is suggested under the playhead." : "Nothing is suggested for this video.", true);
      return;
    }
    const rows = wanted.map(({ start, end, label }) => [start, clamp(end, 0, this.told.duration), label]);
    if (isAll) this.draft.fill(rows);
    else this.draft.paint(...rows[0]);
    this.say(isAll ? "Taken over wherever nothing was labelled." : `Taken over: ${rows[0][2]}.`);
  }

  jump(direction) {
    const { time } = this.player;
    const all = borders([...this.draft.spans, ...this.told.waiting.map(({ start, end }) => [start, end])]);
    const next = direction > 0
      ? all.find((at) => at > time + BORDER) ?? this.told.duration
      : all.findLast((at) => at < time - BORDER) ?? 0;
    this.player.pause();
    this.player.seek(next);
  }

  choose(index) {
    this.chosen = index < this.draft.spans.length ? index : -1;
    this.showSpans();
    this.list.show();
    this.showState();
  }

  goTo(index) {
    this.player.pause();
    this.player.seek(this.draft.spans[index][0]);
    this.choose(index);
  }

  beginEdge({ index, edge }) {
    if (!this.told.mayEdit) return;
    this.held = { index, edge };
    this.draft.begin();
    this.choose(index);
  }

  dragEdge(seconds) {
    if (!this.told.mayEdit) return;
    this.draft.dragEdge(this.held.index, this.held.edge, seconds);
    this.player.pause();
    this.player.seek(this.draft.spans[this.held.index][this.held.edge]);
  }

  changed({ isPassing }) {
    if (this.chosen >= this.draft.spans.length) this.chosen = -1;
    this.showSpans();
    if (isPassing) return;
    this.list.show();
    this.showState();
    this.showTime();
  }

  showSpans() {
    const handle = (edge) => element("span", { class: `tl-edge tl-edge-${edge ? "end" : "start"}`, "data-edge": edge });
    this.spans.replaceChildren(...this.draft.spans.map((span, index) => {
      const bar = this.view.bar(span, { "data-span": index, class: index === this.chosen ? "is-chosen" : "" });
      if (this.told.mayEdit) bar.append(handle(0), handle(1));
      return bar;
    }));
  }

  showMarks() {
    this.view.mark(this.marks.start, this.marks.end);
    this.showTime();
  }

  showTime() {
    const { time, isPlaying } = this.player;
    const under = this.draft.spans[indexAt(this.draft.spans, time)];
    const label = under ? under[2] : "no label";
    this.view.move(time, `${clock(time, 2)} of ${clock(this.told.duration)}, ${label}`);
    if (this.marks.start !== null && this.marks.end === null) this.view.mark(Math.min(this.marks.start, time), Math.max(this.marks.start, time));
    this.part("time").textContent = `${clock(time, 2)} / ${clock(this.told.duration)}`;
    this.part("label-here").textContent = label;
    const play = this.part("play");
    const name = isPlaying ? "Pause" : "Play";
    if (play.dataset.shown !== name) {
      play.dataset.shown = name;
      play.querySelector("[data-name]").textContent = name;
    }
  }

  showState() {
    if (!this.told.mayEdit) return;
    const { draft } = this;
    const state = this.part("draft-state");
    state.hidden = !draft.isChanged;
    state.textContent = draft.isChanged ? "Unsaved spans" : "";
    this.part("undo").disabled = !draft.past.length;
    this.part("redo").disabled = !draft.future.length;
    this.part("version").textContent = this.server.version ? `Version ${this.server.version}` : "Not saved yet";
  }
}

const form = document.querySelector("[data-timeline-editor]");
if (form) new TimelineEditor(form);
