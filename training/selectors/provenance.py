"""From anything that left back to what it was made of, and forward from what came in.

What a person may not know of does not exist here either: every step goes through the selectors of
its own app.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch, Q

from detection.models import Evidence, Footage, Incident
from hitlsite.bounds import as_id
from hitlsite.errors import NotFound
from review import selectors as review
from review.models import Redaction, TrainingItem
from training.models import ExportRun
from training.selectors.runs import SEE
from training.selectors.uses import item_ids, uses_of

INCIDENTS_SHOWN = 50
LONGEST_QUESTION = 200
_SHA256 = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.[a-z0-9]{1,5})?")
_NAME = r"(\d{8}t\d{6}z_[0-9a-f]{8}(?:-\d+)?)"
_LINE = re.compile(rf"(?:.*_)?{_NAME}(?:\.[a-z]+)?[\s:#]+(?:line\s+)?([0-9]+)", re.ASCII)
ITEM, FOOTAGE = "item", "footage"


def find(user, question):
    """Return (ITEM or FOOTAGE, id) of what a search box was asked for.

    Args:
        question: an item's id; an export's name, or a file's of it, and the number of a line; the
            sha256 of a picture, a clip or a footage's file, or the name of a picture of an export.

    Raises:
        NotFound: there is nothing of it that ``user`` may know of.
    """
    asked = question.strip().casefold() if len(question) <= LONGEST_QUESTION else ""
    named = asked.removeprefix("item").strip()
    found = None
    if as_id(named) is not None:
        found = _visible(user, Q(pk=as_id(named)))
    elif hashed := _SHA256.fullmatch(asked):
        found = _of_content(user, hashed[1])
    elif line := _LINE.fullmatch(asked):
        found = _of_line(user, line[1], as_id(line[2]))
    if found is None:
        raise NotFound(f"Nothing was found for {question.strip()[:80]!r}.")
    return found


def _visible(user, condition):
    pk = review.visible_items(user).filter(condition).order_by("pk").values_list("pk", flat=True)
    first = pk.first()
    return None if first is None else (ITEM, first)


def _of_line(user, name, number):
    """Return the item of a line of an export that the user may see."""
    runs = ExportRun.objects.visible_to(user).filter(name__iexact=name, state=ExportRun.State.DONE)
    for pk, named in runs.values_list("pk", "name") if user.has_perm(SEE) else ():
        item = None if number is None else item_ids(pk, named).item_of(number)
        if item is not None:
            return _visible(user, Q(pk=item))
    return None


def _of_content(user, sha256):
    """Return what a file of this content belongs to: now, before its redaction, or as it came."""
    evidence = Evidence.objects.filter(
        Q(sha256=sha256) | Q(original_sha256=sha256) | Q(sealed_sha256=sha256)
    )
    found = _visible(user, Q(incident__evidence__in=evidence) | Q(photo__evidence__in=evidence))
    if found:
        return found
    redacted = Redaction.objects.filter(sha256=sha256).values("item")
    photo = Q(photo__received_sha256=sha256) | Q(photo__sha256=sha256)
    found = _visible(user, Q(pk__in=redacted) | photo)
    if found:
        return found
    footage = Footage.objects.visible_to(user).filter(sha256=sha256).order_by("pk").first()
    return (FOOTAGE, footage.pk) if footage else _of_masked(user, sha256)


def _of_masked(user, sha256):
    """Find a picture that only a masked export holds: its manifest names what it was made from.

    Read line by line; nobody else stores which picture became which.
    """
    masked = {"variant": "masked", "state": ExportRun.State.DONE}
    runs = ExportRun.objects.visible_to(user).filter(**masked).order_by("-pk")
    pattern = re.compile(rf'"source_sha256":"([0-9a-f]{{64}})".*"sha256":"{sha256}"')
    for export in runs if user.has_perm(SEE) else ():
        names = [row["name"] for row in export.files if row["name"].startswith("manifest_")]
        path = settings.EXPORT_DIR / export.directory / (names or [""])[0]
        if not path.is_file():
            continue
        with path.open(encoding="utf-8") as rows:
            for row in rows:
                source = sha256 in row and pattern.search(row)
                if source:
                    return _of_content(user, source[1])
    return None


@dataclass(frozen=True)
class Trace:
    """Everything that an item stands on and where it went.

    Attributes:
        files: (evidence, its scans, its redactions).
        rules: RuleHits in order.
        held_at: when the first of two blind verdicts was given, see review.selectors.
    """

    item: TrainingItem
    files: list
    rules: list
    decisions: list
    uses: list
    held_at: datetime | None = None


def item_trace(user, pk):
    """Return the Trace of an item.

    Raises:
        NotFound: there is none that ``user`` may know of.
    """
    item = review.item_for(user, pk)
    scans, redactions = list(item.scans.all()), list(item.redactions.all())
    files = [
        (
            row,
            [scan for scan in scans if scan.evidence_id == row.pk],
            [one for one in redactions if one.evidence_id == row.pk],
        )
        for row in item.evidence
    ]
    return Trace(
        item=item,
        files=files,
        rules=list(item.incident.rule_hits.all()) if item.incident else [],
        decisions=review.history(item, user),
        uses=uses_of(user, [item.pk])[item.pk],
        held_at=review.held_at(item, user),
    )


def footage_trace(user, pk, *, after=None):
    """Return (footage, [(incident, item or None, decisions, uses)], next cursor or None).

    Args:
        after: id of the incident that the page before ended with.

    Raises:
        NotFound: there is no such footage that ``user`` may know of.
    """
    footages = Footage.objects.visible_to(user).select_related("camera__site", "deployment")
    footage = footages.filter(pk=as_id(pk)).first()
    if footage is None or not user.has_perm("review.view_trainingitem"):
        raise NotFound(f"There is no footage {str(pk)[:20]}.")
    decided = Prefetch(
        "item__decisions",
        queryset=review.readable_decisions(user)
        .select_related("reviewer", "undone_by")
        .order_by("pk"),
        to_attr="readable",
    )
    incidents = footage.incidents.filter(pk__gt=as_id(after) or 0).order_by("pk")
    rows = list(incidents.select_related("item").prefetch_related(decided)[: INCIDENTS_SHOWN + 1])
    following = rows[INCIDENTS_SHOWN - 1].pk if len(rows) > INCIDENTS_SHOWN else None
    rows = rows[:INCIDENTS_SHOWN]
    items = {row.pk: _item_of(row) for row in rows}
    uses = uses_of(user, [item.pk for item in items.values() if item])
    told = [
        (row, items[row.pk], items[row.pk].readable, uses[items[row.pk].pk])
        if items[row.pk]
        else (row, None, [], [])
        for row in rows
    ]
    return footage, told, following


def _item_of(incident):
    try:
        return incident.item
    except Incident.item.RelatedObjectDoesNotExist:
        return None
