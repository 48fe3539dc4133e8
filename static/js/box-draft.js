/* The draft of one picture: its boxes, the proposals that were dropped, and what is exhaustive. */

import { iou, moved } from "./box-geometry.js";
import { Draft } from "./draft.js";

const SAME_IOU = 0.6;

function readable({ boxes, exhaustive, dropped }) {
  return {
    boxes: boxes.map((box) => ({ ...box })),
    exhaustive: [...exhaustive],
    dropped: [...(dropped ?? [])],
  };
}

export class BoxDraft extends Draft {
  constructor(saved, proposals) {
    super(readable(saved), readable(saved));
    this.proposals = proposals;
  }

  get boxes() {
    return this.document.boxes;
  }

  /* Dropping proposals alone is nothing to save. */
  get isChanged() {
    const said = ({ boxes, exhaustive }) => JSON.stringify([boxes, exhaustive]);
    return said(this.document) !== said(JSON.parse(this.saved));
  }

  /* Puts a kept draft in place of what is saved, as one change that can be undone. */
  restore(kept) {
    this.change((document) => Object.assign(document, readable(kept)));
  }

  /* Proposals that nothing answers yet, with their places in the list of all. */
  get open() {
    return this.proposals
      .map((proposal, index) => ({ ...proposal, index }))
      .filter(({ index, box_xyxy }) => {
        if (this.document.dropped.includes(index)) return false;
        return !this.boxes.some((box) => iou(box.box_xyxy, box_xyxy) > SAME_IOU);
      });
  }

  add(box) {
    this.change(({ boxes }) => boxes.push(box));
    return this.boxes.length - 1;
  }

  accept(proposals, label) {
    this.change(({ boxes }) => {
      for (const one of proposals) {
        const box = { label: one.label ?? label, box_xyxy: [...one.box_xyxy], origin: "accepted" };
        if (one.track_id !== null && one.track_id !== undefined) box.track_id = one.track_id;
        boxes.push(box);
      }
    });
    return this.boxes.length - 1;
  }

  drop(index) {
    this.change(({ dropped }) => dropped.push(index));
  }

  remove(index) {
    this.change(({ boxes }) => boxes.splice(index, 1));
  }

  duplicate(index, [dx, dy]) {
    const { label, box_xyxy } = this.boxes[index];
    const shifted = moved(box_xyxy, dx, dy);
    const isStuck = shifted.join() === box_xyxy.join();
    return this.add({ label, box_xyxy: isStuck ? moved(box_xyxy, -dx, -dy) : shifted, origin: "drawn" });
  }

  relabel(index, label) {
    this.change(({ boxes }) => Object.assign(boxes[index], { label }));
  }

  toggleExhaustive(label, isOn) {
    this.change((document) => {
      const rest = document.exhaustive.filter((one) => one !== label);
      document.exhaustive = isOn ? [...rest, label].sort((a, b) => a - b) : rest;
    });
  }
}
