/* The video, or where there is none a clock in its place: both play, stop and jump alike. */

import { clamp } from "./task-timeline-spans.js";

const USUAL_FRAME_SECONDS = 1 / 25;
const LEAST_FRAME_SECONDS = 1 / 120;

export class Player extends EventTarget {
  constructor(duration) {
    super();
    this.duration = duration;
    this.video = null;
    this.at = 0;
    this.startedAt = null;
    this.frameSeconds = USUAL_FRAME_SECONDS;
  }

  /* Shows the video from now on, at the place that the clock had come to. */
  attach(video) {
    const { time } = this;
    this.pause();
    this.video = video;
    const tell = () => this.dispatchEvent(new Event("time"));
    for (const name of ["seeked", "timeupdate", "loadeddata", "play", "pause", "ended"]) video.addEventListener(name, tell);
    if ("requestVideoFrameCallback" in video) this.watchFrames(video);
    const jump = () => { if (time) video.currentTime = time; };
    if (video.readyState >= 1) jump();
    else video.addEventListener("loadedmetadata", jump, { once: true });
  }

  /* How far frames are apart shows while they pass. */
  watchFrames(video) {
    let last = null;
    const each = (_, { mediaTime }) => {
      const apart = last === null ? 0 : mediaTime - last;
      if (!video.paused && apart > LEAST_FRAME_SECONDS && apart < 0.5) this.frameSeconds = apart;
      last = mediaTime;
      this.dispatchEvent(new Event("time"));
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  }

  get time() {
    if (this.video) return Math.min(this.video.currentTime, this.duration);
    if (this.startedAt === null) return this.at;
    return Math.min(this.at + (performance.now() - this.startedAt) / 1000, this.duration);
  }

  get isPlaying() {
    return this.video ? !this.video.paused && !this.video.ended : this.startedAt !== null;
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.video) {
      this.video.play().catch(() => {});
      return;
    }
    if (this.at >= this.duration) this.at = 0;
    this.startedAt = performance.now();
    const tick = () => {
      if (this.startedAt === null) return;
      if (this.time >= this.duration) this.pause();
      else requestAnimationFrame(tick);
      this.dispatchEvent(new Event("time"));
    };
    requestAnimationFrame(tick);
  }

  pause() {
    if (this.video) this.video.pause();
    else if (this.startedAt !== null) {
      this.at = this.time;
      this.startedAt = null;
    }
    this.dispatchEvent(new Event("time"));
  }

  seek(seconds) {
    const at = clamp(seconds, 0, this.duration);
    if (this.video) {
      this.video.currentTime = Math.min(at, this.video.duration || at);
    } else {
      this.at = at;
      if (this.startedAt !== null) this.startedAt = performance.now();
    }
    this.dispatchEvent(new Event("time"));
  }

  step(frames) {
    this.pause();
    this.seek(this.time + frames * this.frameSeconds);
  }
}
