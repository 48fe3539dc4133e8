/* The draft of zones and rules: one document {zones, rules}, and the changes that concern both. */

import { Draft } from "./draft.js";

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

export class ZoneDraft extends Draft {
  constructor(draft, saved) {
    super(readable(draft), readable(saved));
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
