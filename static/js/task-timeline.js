/* What a model said of a video, under the video: shaded by how sure it was, beside what people
   said. Nothing here changes anything.

   The page has <div data-timeline> and a script of JSON, whose id the div may name: {duration,
   spans: [{start, end, label, confidence, lowest}], samples: [[seconds, label, confidence]], labels,
   captions: [{at, text}], truth: [[start, end, label]]}. */

import { element, told } from "./elements.js";
import { onKey } from "./keys.js";
import { Player } from "./task-timeline-player.js";
import { borders, clamp, clock, indexAt } from "./task-timeline-spans.js";
import { TimelineView } from "./task-timeline-view.js";
import { Watch } from "./task-timeline-watch.js";

const FAINTEST = 0.25;
const SECONDS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 };

const percent = (share) => `${Math.round(100 * share)}%`;
const named = (label) => (typeof label === "string" ? { name: label } : label);
const row = (span) => (Array.isArray(span) ? span : [span.start, span.end, span.label]);

class Predictions {
  constructor(root) {
    const found = told(root.dataset.timeline || "timeline");
    this.said = { spans: [], samples: [], captions: [], truth: [], ...found };
    this.rows = this.said.spans.map(row);
    this.captions = this.said.captions.map((one) => (Array.isArray(one) ? { at: one[0], text: one[1] } : one));
    const { duration } = this.said;
    this.player = new Player(duration);
    const controls = element("div", { class: "tl-bar" }, this.buttons());
    const place = element("div", { class: "tl-place" });
    this.readout = element("p", { class: "tl-readout" });
    root.replaceChildren(controls, place, this.readout);
    this.view = new TimelineView(place, { duration, labels: this.said.labels.map(named) });
    this.draw();
    this.view.addEventListener("seek", ({ detail }) => this.player.seek(detail.seconds));
    this.player.addEventListener("time", () => this.showTime());
    this.watch();
    this.prepareKeys();
    this.showTime();
  }

  draw() {
    const { view, said } = this;
    const lane = view.lane("said", "Said by the model");
    lane.append(...said.spans.map((span) => {
      const lowest = span.lowest ?? span.confidence;
      const title = `${span.label}, ${clock(span.start)} to ${clock(span.end)}, ${percent(span.confidence)} sure, at least ${percent(lowest)}`;
      const shade = FAINTEST + (1 - FAINTEST) * clamp(span.confidence, 0, 1);
      return view.bar(row(span), { title }, { opacity: shade });
    }));
    if (said.truth?.length) view.lane("truth", "Labelled by people").append(...said.truth.map((span) => view.bar(row(span))));
    if (!this.captions.length) return;
    const texts = view.lane("captions", "In words");
    texts.append(...this.captions.map(({ at, text }) => {
      const tick = element("div", { class: "tl-caption", title: text });
      view.put(tick, at, at);
      return tick;
    }));
  }

  buttons() {
    const { player } = this;
    const act = (name, key, run) => element("button", { type: "button", onclick: run }, element("kbd", {}, key), element("span", {}, name));
    this.play = act("Play", "Space", () => player.toggle());
    const zoom = (factor) => this.view.zoomTo(factor ? this.view.zoom * factor : 1);
    const small = (text, name, run) => element("button", { type: "button", class: "icon-button", "aria-label": name, title: name, onclick: run }, text);
    this.time = element("output", { class: "num tl-time" });
    return [
      this.play,
      act("Back", ",", () => player.step(-1)),
      act("On", ".", () => player.step(1)),
      this.time,
      element("span", { class: "button-pair zoom-tools" }, small("−", "Zoom out", () => zoom(1 / 1.5)), small("Fit", "Whole video", () => zoom(0)), small("+", "Zoom in", () => zoom(1.5))),
    ];
  }

  watch() {
    const place = document.querySelector("[data-watch]");
    const attach = (video) => {
      this.player.attach(video);
      video.addEventListener("click", () => this.player.toggle());
    };
    if (place) new Watch(place).addEventListener("video", ({ detail }) => attach(detail));
    else if (document.querySelector("main video")) attach(document.querySelector("main video"));
  }

  prepareKeys() {
    const { player, view } = this;
    const acts = {
      " ": () => player.toggle(),
      ",": () => player.step(-1),
      ".": () => player.step(1),
      Home: () => player.seek(0),
      End: () => player.seek(player.duration),
      j: () => this.jump(1),
      k: () => this.jump(-1),
      "+": () => view.zoomTo(view.zoom * 1.5),
      "=": () => view.zoomTo(view.zoom * 1.5),
      "-": () => view.zoomTo(view.zoom / 1.5),
      0: () => view.zoomTo(1),
    };
    onKey((key, event) => {
      if (key in SECONDS) player.seek(player.time + SECONDS[key] * (event.shiftKey ? 5 : 1));
      else if (key in acts) acts[key]();
      else return false;
      return true;
    });
    for (const link of document.querySelectorAll("[data-seek]")) {
      link.addEventListener("click", () => player.seek(Number(link.dataset.seek)));
    }
  }

  jump(direction) {
    const all = borders(this.rows);
    const { time } = this.player;
    this.player.pause();
    this.player.seek((direction > 0 ? all.find((at) => at > time + 0.005) : all.findLast((at) => at < time - 0.005)) ?? (direction > 0 ? this.said.duration : 0));
  }

  /* The newest of the rows in time, by when they are. */
  latest(rows, time, at) {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at(rows[middle]) <= time + 1e-6) low = middle + 1;
      else high = middle;
    }
    return rows[low - 1];
  }

  showTime() {
    const { time, isPlaying } = this.player;
    const span = this.said.spans[indexAt(this.rows, time)];
    const sample = span && this.latest(this.said.samples, time, ([at]) => at);
    const sure = sample?.[1] === span?.label ? sample?.[2] : span?.confidence;
    const words = span ? `${span.label}, ${percent(sure ?? span.confidence)} sure` : "nothing said";
    this.view.move(time, `${clock(time, 2)} of ${clock(this.said.duration)}, ${words}`);
    this.time.textContent = `${clock(time, 2)} / ${clock(this.said.duration)}`;
    this.play.querySelector("span").textContent = isPlaying ? "Pause" : "Play";
    const caption = this.latest(this.captions, time, ({ at }) => at);
    const text = [words, caption?.text && `“${caption.text}”`].filter(Boolean).join(" · ");
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }
}

const root = document.querySelector("[data-timeline]");
if (root) new Predictions(root);
