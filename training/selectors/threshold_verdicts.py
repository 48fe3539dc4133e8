"""What people said of incidents, as evidence for a threshold of score of a class.

Confirmed counts as right; rejected counts as a false alarm where the reason says that nothing was
wrong (baseline noise) or that it was no such thing (wrong class). Every other reason tells nothing
about scores. Scores of other weights are on another scale: of each camera only the incidents of the
weights that made its newest one count.

What a threshold held back has no verdict unless it was drawn as a near miss; one that was stands
for as many as there were for each that was judged on its day. Of what people missed for other
reasons, which no threshold brings back, the weight is estimated from the random minutes; a minute
names no class, so that it counts by the share that the class has among the confirmed incidents of
its category.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Subquery

from detection.models import Camera, Incident, SampleDraw, ScoreThreshold
from review.models import Decision, TrainingItem
from review.selectors import visible_items
from review.selectors.recall import NOTHING_MISSED
from training.learning.thresholds import Verdict

MOST_VERDICTS = 20_000
Status, Origin, Reason = TrainingItem.Status, Incident.Origin, Decision.Reason
FALSE_ALARM = (Reason.BASELINE_NOISE, Reason.WRONG_CLASS)
DECIDED = (Status.CONFIRMED, Status.REJECTED)


@dataclass
class Found:
    """The evidence for one class and camera, or for one class at all cameras.

    Attributes:
        verdicts: of ``thresholds.Verdict``.
        unreachable: weight of what was missed and no threshold brings back.
        left_out: {reason: how many}.
        weights: names of the weights whose scores these are.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    unreachable: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)
    weights: set[str] = field(default_factory=set)


def _decided(user, camera):
    given = Decision.objects.filter(
        item=OuterRef("pk"), effect=Decision.Effect.APPLIED, undone_by__isnull=True
    )
    items = visible_items(user).filter(status__in=DECIDED, represented_by__isnull=True)
    items = items.filter(camera=camera) if camera else items
    items = items.exclude(mode=TrainingItem.Mode.GOLD)
    return items.annotate(why=Subquery(given.order_by("-pk").values("reason")[:1]))


def choices(user):
    """Return [(class name, Camera, confirmed, rejected)] of what ``user`` knows verdicts of."""
    rows = (
        _decided(user, None)
        .filter(incident__origin=Origin.RULE)
        .exclude(incident__class_name="")
        .order_by()
        .values_list("incident__class_name", "camera", "status")
        .annotate(count=Count("pk"))
    )
    counts = defaultdict(Counter)
    for class_name, camera, status, count in rows:
        counts[class_name, camera][status] += count
    cameras = Camera.objects.select_related("site").in_bulk({camera for _, camera in counts})
    found = [
        (name, cameras[camera], told[Status.CONFIRMED], told[Status.REJECTED])
        for (name, camera), told in counts.items()
    ]
    return sorted(found, key=lambda row: (row[0], row[1].name, row[1].pk))


def evidence_of(user, class_name, camera=None):
    """Return the Found of a class at one camera, or at all that ``user`` knows."""
    found = Found()
    _add_reported(found, user, class_name, camera)
    _add_sampled(found, user, class_name, camera)
    return found


def _add_reported(found, user, class_name, camera):
    rows = _decided(user, camera).filter(
        incident__origin=Origin.RULE, incident__class_name=class_name
    )
    columns = ("camera", "incident__peak_score", "status", "why", "incident__opened_at")
    columns += ("site__time_zone", "incident__deployment__sha256", "incident__deployment__name")
    serving, left_out = {}, Counter()
    newest = rows.order_by("-incident__opened_at").values_list(*columns)[:MOST_VERDICTS]
    for camera_id, score, status, why, opened_at, zone, sha256, name in newest:
        if serving.setdefault(camera_id, sha256) != sha256:
            left_out["of other weights"] += 1
            continue
        if status == Status.REJECTED and why not in FALSE_ALARM:
            left_out[f"rejected as {Reason(why).label}" if why else "rejected"] += 1
            continue
        day = opened_at.astimezone(ZoneInfo(zone)).date()
        is_right = status == Status.CONFIRMED
        found.verdicts.append(Verdict(score, is_right, f"{camera_id}:{day.isoformat()}"))
        found.weights.add(name)
    found.left_out = dict(left_out)


def _add_sampled(found, user, class_name, camera):
    """Add what was drawn at random, each with the weight of its stratum."""
    judged = _judged_samples(user, camera)
    weights = _weights(judged)
    shares = _shares(user, class_name, camera)
    missed = Counter()
    for row in judged:
        weight = weights.get(row.stratum, 0.0)
        is_missed = row.status == Status.CONFIRMED
        if row.origin == Origin.AUDIT_MINUTE:
            missed["minutes"] += weight * shares.get(row.category, 0.0) if is_missed else 0.0
        elif row.class_name != class_name:
            continue
        elif row.score > 0.0:
            group = f"{row.camera}:{row.day.isoformat()}"
            found.verdicts.append(Verdict(row.score, is_missed, group, weight))
            missed["held back"] += weight if is_missed else 0.0
        elif is_missed:
            missed["nearly"] += weight
    # A minute counts whatever was missed in it, near misses and held back ones among it.
    known = missed["nearly"] + missed["held back"]
    found.unreachable = max(missed["minutes"], known) - missed["held back"]


@dataclass(frozen=True, slots=True)
class _Sample:
    camera: int
    day: object
    origin: str
    class_name: str
    score: float
    status: str
    category: str

    @property
    def stratum(self):
        return self.camera, self.day, self.origin


def _judged_samples(user, camera):
    """Return the samples that people gave a clear answer on."""
    items = _decided(user, camera).filter(incident__origin__in=Incident.SAMPLED)
    judged = []
    for item in items.select_related("incident").order_by("-pk")[:MOST_VERDICTS]:
        incident = item.incident
        if item.status == Status.REJECTED and item.why not in NOTHING_MISSED[incident.origin]:
            continue
        judged.append(
            _Sample(
                item.camera_id,
                incident.sampled_day,
                incident.origin,
                incident.class_name,
                incident.peak_score,
                item.status,
                item.category,
            )
        )
    return judged


def _weights(judged):
    """Return {stratum: for how many each judged sample stands}."""
    counts = Counter(row.stratum for row in judged)
    draws = SampleDraw.objects.filter(
        camera__in={key[0] for key in counts}, day__in={key[1] for key in counts}
    )
    rows = draws.values_list("camera", "day", "kind", "population")
    return {
        (camera, day, kind): population / counts[camera, day, kind]
        for camera, day, kind, population in rows
        if counts[camera, day, kind]
    }


def _shares(user, class_name, camera):
    """Return {category: share of a class among its confirmed incidents}."""
    items = _decided(user, camera).filter(incident__origin=Origin.RULE, status=Status.CONFIRMED)
    rows = items.order_by().values_list("category", "incident__class_name")
    totals, own = Counter(), Counter()
    for category, of_class, count in rows.annotate(count=Count("pk")):
        totals[category] += count
        own[category] += count if of_class == class_name else 0
    return {category: own[category] / total for category, total in totals.items()}


def rows_for(user, class_name, camera=None):
    """Return every choice of a threshold of a class at a place, the newest first."""
    rows = ScoreThreshold.objects.visible_to(user).filter(class_name=class_name, camera=camera)
    return rows.select_related("accepted_by", "camera__site").order_by("-pk")


def standing(user):
    """Return the ScoreThresholds in force that ``user`` may know of, by class and camera."""
    newest = {}
    rows = ScoreThreshold.objects.visible_to(user).select_related("accepted_by", "camera__site")
    for row in rows.order_by("pk"):
        newest[row.class_name, row.camera_id] = row
    found = [row for row in newest.values() if row.value is not None]
    return sorted(found, key=lambda row: (row.class_name, str(row.camera or "")))
