/* The clip: playing, stepping, and what is drawn over it at each moment. */

const SVG = "http://www.w3.org/2000/svg";
const FRAME_SECONDS = 0.1;
const SHOWN_FOR_SECONDS = 0.35;

export function shape(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

/* Returns the rows of the sampling time nearest to ``seconds``. */
function near(rows, seconds) {
  let nearest = Infinity;
  for (const [at] of rows) {
    if (Math.abs(at - seconds) < Math.abs(nearest - seconds)) nearest = at;
  }
  if (Math.abs(nearest - seconds) > SHOWN_FOR_SECONDS) return [];
  return rows.filter(([at]) => Math.abs(at - nearest) < 0.001);
}

export class Player {
  constructor(video) {
    this.video = video;
    this.overlay = video.parentElement.querySelector("[data-overlay]");
    this.track = JSON.parse(document.getElementById(video.dataset.track).textContent);
    const { width, height } = this.overlay.viewBox.baseVal;
    Object.assign(this, { width, height });
    const draw = () => this.draw();
    for (const event of ["seeked", "loadeddata", "timeupdate"]) video.addEventListener(event, draw);
    if ("requestVideoFrameCallback" in video) {
      const each = () => {
        draw();
        video.requestVideoFrameCallback(each);
      };
      video.requestVideoFrameCallback(each);
    }
    draw();
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  step(frames) {
    this.seek(this.video.currentTime + frames * FRAME_SECONDS);
  }

  seek(seconds) {
    this.video.pause();
    if (this.video.preload === "none") this.video.preload = "auto";
    const end = this.video.duration || Infinity;
    this.video.currentTime = Math.min(Math.max(seconds, 0), end);
  }

  draw() {
    const seconds = this.video.currentTime;
    const boxes = near(this.track.boxes, seconds).map((row) => this.trackShape(row));
    this.overlay.querySelector("[data-boxes]").replaceChildren(...boxes);
    const timed = this.track.regions.filter(([at]) => at !== null);
    const always = this.track.regions.filter(([at]) => at === null);
    const regions = [...near(timed, seconds), ...always].map(([, box]) =>
      shape("rect", { class: "private", ...this.pixels(box) }),
    );
    this.overlay.querySelector("[data-private]").replaceChildren(...regions);
  }

  trackShape([, box, label, isSubject]) {
    const group = shape("g", { class: isSubject ? "track track-subject" : "track" });
    const { x, y, width, height } = this.pixels(box);
    group.append(shape("rect", { x, y, width, height }));
    group.append(shape("text", { x, y, dx: "0.15em", dy: "-0.35em" }, label));
    return group;
  }

  pixels([x1, y1, x2, y2]) {
    return {
      x: x1 * this.width,
      y: y1 * this.height,
      width: (x2 - x1) * this.width,
      height: (y2 - y1) * this.height,
    };
  }
}
