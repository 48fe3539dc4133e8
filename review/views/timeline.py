"""The history of an item as one list: what it went through, and who did it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from detection.models import Evidence
from review import selectors
from review.models import Decision, Redaction

TONES = {
    Decision.Verdict.CONFIRMED: "good",
    Decision.Verdict.REJECTED: "bad",
    Decision.Verdict.NEEDS_REVIEW: "warn",
}
EFFECTS = {
    Decision.Effect.VOID: "void",
    Decision.Effect.HELD: "kept until a second person has judged",
    Decision.Effect.COUNTED: "counts towards the agreement, decides nothing by itself",
}
FRAME = Evidence.Kind.TRACK_FRAME.label
REDACTION_TONES = {Redaction.State.BLOCKED: "bad", Redaction.State.APPLIED: "good"}


@dataclass(frozen=True)
class Entry:
    at: datetime
    what: str
    who: str = ""
    more: str = ""
    tone: str = ""


def timeline(item, user):
    """Return the entries of an item that ``user`` may know of, the newest first."""
    entries = [Entry(item.created_at, "Put before reviewers", more=item.collection_method)]
    if item.incident:
        entries.append(Entry(item.incident.opened_at, "Incident opened", more=item.incident.why))
    entries += [_decision(row) for row in selectors.history(item, user)]
    held_at = selectors.held_at(item, user)
    if held_at is not None:
        more = "What it was shows once a second person has judged."
        entries.append(Entry(held_at, "Judged once, blind", more=more))
    files = _files(item)
    frames = {pk for pk, name in files.items() if name == FRAME}
    scans = item.scans.all()
    entries += _joined([_scan(row, frames) for row in scans], scans, files)
    redactions = [row for row in item.redactions.all() if not _is_inherited(row, frames)]
    entries += _joined([_redaction(row) for row in redactions], redactions, files)
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _decision(row):
    parts = [row.get_reason_display()] if row.reason else []
    if row.category:
        parts.append(f"category {row.get_category_display().lower()}")
    if row.effect == Decision.Effect.WAITING:
        parts.append("takes effect when the redaction is verified")
    else:
        parts += [EFFECTS[row.effect]] if row.effect in EFFECTS else []
    if row.note:
        parts.append(f"\u201c{row.note}\u201d")
    who = f"{row.reviewer.get_username()} ({row.role})" if row.role else str(row.reviewer)
    what = row.get_verdict_display().capitalize()
    return Entry(row.at, what, who, " \u00b7 ".join(parts), TONES.get(row.verdict, ""))


def _files(item):
    if item.incident is None:
        return {}
    return {row.pk: row.get_kind_display() for row in item.incident.evidence.all()}


def _scan(row, frames):
    """Tell of one look; what a frame of the track shows of faces was hidden in its clip before."""
    if row.evidence_id in frames and row.result != "failed":
        return Entry(row.scanned_at, "Frames of the track looked through")
    found = {"clear": "no faces", "faces": "faces or heads"}.get(row.result, row.error)
    return Entry(row.scanned_at, f"Scanned: {found}", tone="" if row.result == "clear" else "warn")


def _is_inherited(row, frames):
    """Say whether a frame of the track has this from its clip: nobody put it in place."""
    is_applied = row.state == Redaction.State.APPLIED
    return row.evidence_id in frames and is_applied and row.applied_at is None


def _redaction(row):
    who = row.created_by.get_username() if row.created_by_id else ""
    what = f"{row.get_method_display().capitalize()} {row.get_state_display().lower()}"
    if row.error:
        what = f"{what}: {row.error}"
    at = row.applied_at or row.created_at
    return Entry(at, what, who, tone=REDACTION_TONES.get(row.state, ""))


def _joined(entries, rows, files):
    """Make one line of what happened to several files of an item in one go."""
    joined, touched = {}, defaultdict(dict)
    for entry, row in zip(entries, rows, strict=True):
        key = entry.what, entry.who, entry.at.replace(second=0, microsecond=0)
        joined[key] = entry
        touched[key][row.evidence_id] = files.get(row.evidence_id, "")
    return [replace(joined[key], more=_listed(touched[key].values())) for key in joined]


def _listed(names):
    """Name files, the frames of a track together: "clip, 3 frames of the track"."""
    counts = Counter(names)
    frames = counts.pop(FRAME, 0)
    told = [FRAME] if frames == 1 else [f"{frames} frames of the track"] if frames else []
    return ", ".join([*counts, *told])
