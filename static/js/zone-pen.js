/* Drawing a new zone point by point: clicks or taps add points, the first point closes it. */

import { shape } from "./player.js";
import { distance } from "./zone-geometry.js";

const STILL_PX = 10;
const SAME_PX = 4;

export class ZonePen {
  constructor(stage) {
    Object.assign(this, { stage, isOn: false, points: [], pressed: null, over: null });
    this.listeners = [];
    document.addEventListener("keydown", (event) => this.key(event), true);
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  start() {
    Object.assign(this, { isOn: true, points: [], over: null });
    this.stage.select(-1);
    this.tell("Click the corners of the zone. Click the first one again, or press Enter, to close it.");
  }

  cancel() {
    Object.assign(this, { isOn: false, points: [], over: null });
    this.tell("Nothing was drawn.");
  }

  takeBack() {
    this.points.pop();
    this.tell(`${this.points.length} points.`);
  }

  close() {
    if (this.points.length < 3) {
      this.tell("A zone needs at least three points.");
      return;
    }
    const { points } = this;
    Object.assign(this, { isOn: false, points: [], over: null });
    this.stage.addZone(points);
    this.tell(null);
  }

  press(place) {
    this.pressed = place;
  }

  forgetPress() {
    this.pressed = null;
  }

  hover(place) {
    this.over = place;
    this.stage.show();
  }

  lift(place, reach) {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || distance(pressed, place) > STILL_PX) return;
    const places = this.points.map((point) => this.stage.pixels(point));
    if (places.length >= 3 && distance(places[0], place) <= reach) {
      this.close();
      return;
    }
    if (places.length && distance(places.at(-1), place) < SAME_PX) {
      if (places.length >= 3) this.close();
      return;
    }
    this.points.push(this.stage.shares(place));
    this.tell(`Point ${this.points.length}.`);
  }

  key(event) {
    if (!this.isOn || event.target.closest("input, textarea, select, dialog")) return;
    const isOnButton = event.target.closest("button, a, summary");
    if (event.key === "Escape") this.cancel();
    else if (event.key === "Backspace") this.takeBack();
    else if (event.key === "Enter" && !(isOnButton && this.points.length < 3)) this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  tell(said) {
    this.stage.show();
    if (said) this.stage.say(said);
    for (const listener of this.listeners) listener();
  }

  shapes() {
    if (!this.isOn) return [];
    const places = this.points.map((point) => this.stage.pixels(point));
    const line = this.over && places.length ? [...places, this.over] : places;
    const first = places.length >= 3 ? " is-closing" : "";
    return [
      shape("polygon", { class: "pen-fill", points: line.join(" ") }),
      shape("polyline", { class: "pen-line", points: line.join(" ") }),
      ...places.map(([cx, cy], index) =>
        shape("circle", { class: `pen-dot${index === 0 ? first : ""}`, cx, cy, r: index === 0 && first ? 9 : 5 }),
      ),
    ];
  }
}
