"""What a line answers about an item, and where the item comes from, out of its row."""

from collections import Counter
from datetime import UTC


def happened_at(row):
    """Return when the incident opened or the photo was taken, ISO 8601 in UTC."""
    return (row.opened_at or row.captured_at).astimezone(UTC).isoformat()


def answer(row, pictures):
    """Return what a model should say about an item, without the objects."""
    if row.incident is None:
        return _photo_answer(pictures)
    zones = list(dict.fromkeys([zone for _, _, zone in row.hits if zone]))
    lasted = max((row.closed or 0.0) - (row.opened or 0.0), 0.0)
    return {
        "confidence": round(row.peak_score or 0.0, 4),
        "description": _description(row, zones, lasted),
        "zones": zones,
        "duration_seconds": round(lasted, 3),
        "rules": [{"name": name, "kind": kind} for name, kind, _ in row.hits],
    }


def _description(row, zones, lasted):
    """Return the rule's own sentence, or another one where a person chose another category."""
    if row.category == row.proposed_category and row.why:
        return row.why
    what = f"{row.class_name or 'object'}: {row.category.replace('_', ' ')}"
    where = f" in {', '.join(zones)}" if zones else ""
    return f"{what}{where} for {round(lasted)} s"


def _photo_answer(pictures):
    """Say what is in a photo, for which no rule has a sentence."""
    counted = Counter(box.class_name for box in pictures[0].boxes)
    seen = ", ".join(f"{name} x{total}" for name, total in sorted(counted.items()))
    return {
        "confidence": 1.0 if pictures[0].boxes_from == "reviewer" else 0.0,
        "description": f"photo: {seen or 'nothing that is looked for'}",
        "zones": [],
        "duration_seconds": 0.0,
        "rules": [],
    }


def provenance(row, decision):
    """Return where an item comes from, as its line of the manifest tells it."""
    told = {
        "collection_method": row.collection_method,
        "decision": decision,
        "deployment": row.deployment,
        "incident": row.key,
        "code_version": row.code_version,
        "footage": None,
        "photo": None,
    }
    if row.incident is None:
        told["photo"] = {"id": row.photo, "received_sha256": row.photo_sha256}
    else:
        told["footage"] = {"id": row.footage, "sha256": row.footage_sha256}
    return told
