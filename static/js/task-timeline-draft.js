/* The draft of one video's spans. */

import { Draft } from "./draft.js";
import { filled, painted, split, withEdge } from "./task-timeline-spans.js";

export class SpanDraft extends Draft {
  constructor(spans, duration) {
    super({ spans }, { spans });
    this.duration = duration;
  }

  get spans() {
    return this.document.spans;
  }

  set(spans, options) {
    this.change((document) => { document.spans = spans; }, options);
  }

  paint(start, end, label) {
    this.set(painted(this.spans, start, end, label));
  }

  fill(stretches) {
    this.set(stretches.reduce((spans, [start, end, label]) => filled(spans, start, end, label), this.spans));
  }

  relabel(index, label) {
    this.set(this.spans.map((span, at) => (at === index ? [span[0], span[1], label] : span)));
  }

  remove(index) {
    this.set(this.spans.filter((_, at) => at !== index));
  }

  split(seconds) {
    const parts = split(this.spans, seconds);
    if (parts) this.set(parts);
    return parts !== null;
  }

  moveEdge(index, edge, seconds, tag = null) {
    this.set(withEdge(this.spans, index, edge, seconds, this.duration), { tag });
  }

  /* One step of a drag, which is taken back as a whole. */
  dragEdge(index, edge, seconds) {
    this.touch((document) => {
      document.spans = withEdge(this.spans, index, edge, seconds, this.duration);
    });
  }
}
