/* The draft: one document {zones, rules}, what it was before each change, and what is saved. */

const LONGEST_HISTORY = 200;
const SAME_CHANGE_MS = 1200;

function isMapping(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/* A draft that was refused may be anything; what cannot be shown is left out. */
function readable({ zones, rules }) {
  const mappings = (list) => (Array.isArray(list) ? list.filter(isMapping) : []);
  return {
    zones: mappings(zones).map((zone) => ({
      name: String(zone.name ?? ""),
      kind: String(zone.kind ?? "monitored"),
      polygon: (Array.isArray(zone.polygon) ? zone.polygon : [])
        .filter((point) => Array.isArray(point) && point.length === 2)
        .map((point) => point.map(Number)),
    })),
    rules: mappings(rules).map((rule) => ({ ...rule, kind: String(rule.kind ?? "") })),
  };
}

export class Draft extends EventTarget {
  constructor(draft, saved) {
    super();
    this.document = readable(draft);
    this.saved = JSON.stringify(readable(saved));
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

/* Returns a name that no entry of the list has: "zone 3". */
export function freeName(list, stem) {
  const names = new Set(list.map((entry) => entry.name));
  let number = list.length + 1;
  while (names.has(`${stem} ${number}`)) number += 1;
  return `${stem} ${number}`;
}

export function renameZone(document, index, name) {
  const before = document.zones[index].name;
  document.zones[index].name = name;
  const isShared = document.zones.some((zone, other) => other !== index && zone.name === before);
  if (isShared) return;
  for (const rule of document.rules) {
    if (Array.isArray(rule.zones)) rule.zones = rule.zones.map((one) => (one === before ? name : one));
  }
}

/* Deletes a zone. A rule for which it was the only one keeps the name: without any it would watch
   the whole picture, which nobody asked for; the form shows that the zone is missing. */
export function deleteZone(document, index) {
  const [{ name }] = document.zones.splice(index, 1);
  for (const rule of document.rules) {
    if (Array.isArray(rule.zones) && rule.zones.length > 1) {
      rule.zones = rule.zones.filter((one) => one !== name);
    }
  }
}
