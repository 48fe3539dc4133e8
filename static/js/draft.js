/* A document that is edited: what it was before each change, and what of it is saved. */

const LONGEST_HISTORY = 200;
const SAME_CHANGE_MS = 1200;

export class Draft extends EventTarget {
  constructor(document, saved) {
    super();
    this.document = document;
    this.saved = JSON.stringify(saved);
    this.past = [];
    this.future = [];
    this.begun = null;
    this.lastTag = null;
    this.lastAt = 0;
  }

  get text() {
    return JSON.stringify(this.document);
  }

  get isChanged() {
    return this.text !== this.saved;
  }

  /* Changes the document in one step. Steps with the same tag in quick succession are one. */
  change(alter, { tag = null, by = null } = {}) {
    const before = this.text;
    alter(this.document);
    if (this.text === before) return;
    const isSame = tag !== null && tag === this.lastTag && Date.now() - this.lastAt < SAME_CHANGE_MS;
    if (!isSame) this.remember(before);
    this.lastTag = tag;
    this.lastAt = Date.now();
    this.tell(by);
  }

  /* A gesture changes the document many times and is taken back in one step. */
  begin() {
    this.begun = this.text;
  }

  touch(alter) {
    alter(this.document);
    this.tell(null, true);
  }

  end() {
    const before = this.begun;
    this.begun = null;
    this.lastTag = null;
    if (before === null || before === this.text) return;
    this.remember(before);
    this.tell(null);
  }

  abort() {
    if (this.begun !== null) this.document = JSON.parse(this.begun);
    this.begun = null;
    this.tell(null);
  }

  remember(before) {
    this.past.push(before);
    if (this.past.length > LONGEST_HISTORY) this.past.shift();
    this.future = [];
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    if (!from.length || this.begun !== null) return;
    to.push(this.text);
    this.document = JSON.parse(from.pop());
    this.lastTag = null;
    this.tell(null);
  }

  markSaved(text) {
    this.saved = text;
    this.tell(this);
  }

  tell(by, isPassing = false) {
    this.dispatchEvent(new CustomEvent("change", { detail: { by, isPassing } }));
  }
}
