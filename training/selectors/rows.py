"""The rows that an export is made from.

They are read as plain values, a few hundred items at a time: an export of 25,000 items then costs
neither their memory nor the time to build their model instances. JSON passes as text, and only
what is needed of it is decoded.
"""

from collections import defaultdict
from typing import NamedTuple

from django.db.models import Case, Q, TextField, Value, When
from django.db.models.functions import Cast

from detection.models import Evidence, RuleHit
from review.models import Decision, Redaction, TrainingItem
from training.selectors.runs import CHUNK


class ItemRow(NamedTuple):
    """The columns of one item, its incident's or its photo's, and what hangs on it.

    Attributes:
        evidence: StoredFiles by time, clips included.
        hits: (rule, kind, zone) in order.
        decision: (id, reviewer) of the confirmation in force, or None.
        redactions: {evidence id: (sha256, method, regions as JSON text)}.
    """

    id: int
    version: int
    category: str
    proposed_category: str
    collection_method: str
    privacy: str
    camera: str
    incident: int | None
    key: str | None
    class_name: str | None
    why: str | None
    peak_score: float | None
    opened: float | None
    closed: float | None
    opened_at: object
    code_version: str | None
    footage: int | None
    footage_sha256: str | None
    deployment: int | None
    photo: int | None
    photo_sha256: str | None
    captured_at: object
    evidence: list = ()
    hits: list = ()
    decision: tuple | None = None
    redactions: dict = {}


class StoredFile(NamedTuple):
    """One file of evidence; ``observations`` are JSON text, empty for a clip."""

    id: int
    incident: int | None
    photo: int | None
    kind: str
    at_seconds: float
    path: str
    sha256: str
    observations: str


_ITEM_COLUMNS = (
    "id",
    "version",
    "category",
    "proposed_category",
    "collection_method",
    "privacy",
    "camera__name",
    "incident_id",
    "incident__key",
    "incident__class_name",
    "incident__why",
    "incident__peak_score",
    "incident__opened_at_seconds",
    "incident__closed_at_seconds",
    "incident__opened_at",
    "incident__code_version",
    "incident__footage_id",
    "incident__footage__sha256",
    "incident__deployment_id",
    "photo_id",
    "photo__received_sha256",
    "photo__captured_at",
)
_FILE_COLUMNS = ("id", "incident_id", "photo_id", "kind", "at_seconds", "path", "sha256", "seen")


def item_rows(pks):
    """Yield an ItemRow of each item, in the order of ``pks``, which rise."""
    for start in range(0, len(pks), CHUNK):
        yield from _chunk(pks[start : start + CHUNK])


def among(field, pks):
    """Return a filter for at least the rows of these ids.

    Where they lie close together it is a range, which takes in what lies between: that costs less
    than hundreds of parameters.
    """
    if pks and max(pks) - min(pks) < 2 * len(pks):
        return {f"{field}__gte": min(pks), f"{field}__lte": max(pks)}
    return {f"{field}__in": pks}


def _chunk(pks):
    wanted = set(pks)
    values = TrainingItem.objects.filter(**among("pk", pks)).order_by("pk")
    rows = [row for row in values.values_list(*_ITEM_COLUMNS) if row[0] in wanted]
    incidents = [row[7] for row in rows if row[7]]
    photos = [row[19] for row in rows if row[19]]
    files, hits = _files(incidents, photos), _hits(incidents)
    decisions, redactions = _decisions(pks), _redactions(pks)
    for row in rows:
        owner = ("incident", row[7]) if row[7] else ("photo", row[19])
        yield ItemRow(
            *row,
            files.get(owner, []),
            hits.get(row[7], ()),
            decisions.get(row[0]),
            redactions.get(row[0], {}),
        )


def _files(incidents, photos):
    """Return {("incident" or "photo", id): StoredFiles by time}."""
    is_clip = When(kind=Evidence.Kind.CLIP, then=Value(""))
    seen = Case(is_clip, default=Cast("observations", TextField()), output_field=TextField())
    owned = Q(**among("incident", incidents)) if incidents else Q(pk__in=[])
    if photos:
        owned |= Q(**among("photo", photos))
    rows = Evidence.objects.filter(owned).annotate(seen=seen)
    found = defaultdict(list)
    for values in rows.order_by("at_seconds", "kind", "pk").values_list(*_FILE_COLUMNS):
        file = StoredFile._make(values)
        owner = ("incident", file.incident) if file.incident else ("photo", file.photo)
        found[owner].append(file)
    return found


def _hits(incidents):
    found = defaultdict(list)
    if incidents:
        rows = RuleHit.objects.filter(**among("incident", incidents)).order_by("position")
        columns = ("incident", "rule_name", "kind", "zone")
        for incident, name, kind, zone in rows.values_list(*columns):
            found[incident].append((name, kind, zone))
    return found


def _decisions(pks):
    """Return the last confirmation in force of each item."""
    rows = confirmations(pks).values_list("item_id", "pk", "reviewer__username")
    return {item: (pk, reviewer) for item, pk, reviewer in rows}


def confirmations(pks):
    return Decision.objects.filter(
        **among("item", pks),
        verdict=Decision.Verdict.CONFIRMED,
        effect=Decision.Effect.APPLIED,
        undone_by__isnull=True,
    ).order_by("pk")


def _redactions(pks):
    found = defaultdict(dict)
    rows = Redaction.objects.filter(**among("item", pks), state=Redaction.State.APPLIED)
    rows = rows.annotate(regions_text=Cast("regions", TextField()))
    columns = ("item_id", "evidence_id", "sha256", "method", "regions_text")
    for item, evidence, sha256, method, regions in rows.values_list(*columns):
        found[item][evidence] = (sha256, method, regions)
    return found
