"""The history of an item as one list: what it went through, and who did it."""

from dataclasses import dataclass
from datetime import datetime

from review import selectors
from review.models import Decision, Redaction

TONES = {
    Decision.Verdict.CONFIRMED: "good",
    Decision.Verdict.REJECTED: "bad",
    Decision.Verdict.NEEDS_REVIEW: "warn",
}
REDACTION_TONES = {Redaction.State.BLOCKED: "bad", Redaction.State.APPLIED: "good"}


@dataclass(frozen=True)
class Entry:
    at: datetime
    what: str
    who: str = ""
    more: str = ""
    tone: str = ""


def timeline(item):
    """Return the entries of an item, the newest first."""
    entries = [Entry(item.created_at, "Put before reviewers", more=item.collection_method)]
    if item.incident:
        entries.append(Entry(item.incident.opened_at, "Incident opened", more=item.incident.why))
    entries += [_decision(row) for row in selectors.history(item)]
    entries += _merged([_scan(row) for row in item.scans.all()])
    entries += _merged([_redaction(row) for row in item.redactions.all()])
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _decision(row):
    parts = [row.get_reason_display()] if row.reason else []
    if row.category:
        parts.append(f"category {row.get_category_display()}")
    if row.effect == Decision.Effect.WAITING:
        parts.append("takes effect when the redaction is verified")
    elif row.effect == Decision.Effect.VOID:
        parts.append("void")
    if row.note:
        parts.append(f"\u201c{row.note}\u201d")
    who = f"{row.reviewer.get_username()} ({row.role})" if row.role else str(row.reviewer)
    what = row.get_verdict_display().capitalize()
    return Entry(row.at, what, who, " \u00b7 ".join(parts), TONES.get(row.verdict, ""))


def _scan(row):
    found = {"clear": "no faces", "faces": f"{len(row.regions)} regions", "failed": row.error}
    tone = "" if row.result == "clear" else "warn"
    return Entry(row.scanned_at, "Scanned for faces", "", f"{_name(row)}: {found[row.result]}", tone)


def _redaction(row):
    who = row.created_by.get_username() if row.created_by_id else ""
    what = f"{row.get_method_display().capitalize()} {row.get_state_display().lower()}"
    more = f"{_name(row)}{f': {row.error}' if row.error else ''}"
    return Entry(row.applied_at or row.created_at, what, who, more, REDACTION_TONES.get(row.state, ""))


def _name(row):
    return row.evidence.get_kind_display()


def _merged(entries):
    """Join what happened to the files of one item in one go: four scans are one line."""
    joined = {}
    for entry in entries:
        key = entry.what, entry.who, entry.tone, entry.at.replace(second=0, microsecond=0)
        before = joined.get(key)
        more = f"{before.more}, {entry.more}" if before else entry.more
        joined[key] = Entry(entry.at, entry.what, entry.who, more, entry.tone)
    return list(joined.values())
