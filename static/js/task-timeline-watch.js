/* The place of the picture: asks how far the copy is until there is one, then shows it. */

import { element } from "./elements.js";

const PAUSE_MS = 4000;

export class Watch extends EventTarget {
  constructor(place) {
    super();
    this.place = place;
    const video = place.querySelector("video");
    if (video) queueMicrotask(() => this.show(video));
    else if (place.hasAttribute("data-going")) this.wait();
  }

  wait() {
    setTimeout(() => this.look(), PAUSE_MS);
  }

  async look() {
    let told = null;
    try {
      const answer = await fetch(this.place.dataset.watch, { headers: { Accept: "application/json" } });
      if (answer.ok) told = await answer.json();
    } catch {
      // The server may be back at the next look.
    }
    if (!told) this.wait();
    else if (told.source) this.put(told.source);
    else if (["queued", "running"].includes(told.state)) {
      this.progress(told);
      this.wait();
    } else this.place.replaceChildren(element("p", { class: "notice notice-bad" }, told.message || "The copy was not made."));
  }

  progress({ percent }) {
    const bar = this.place.querySelector("progress");
    if (bar) bar.value = percent;
    const text = this.place.querySelector("[data-percent]");
    if (text) text.textContent = `${percent}%`;
  }

  put(source) {
    const video = element("video", { src: source, muted: true, playsinline: true, preload: "auto", "aria-label": "The video" });
    video.muted = true;
    this.place.replaceChildren(video);
    this.place.classList.remove("is-empty");
    this.show(video);
  }

  show(video) {
    this.dispatchEvent(new CustomEvent("video", { detail: video }));
  }
}
