"""Evidence as the item page shows it: the file, what is drawn over it, and whether one may look."""

from dataclasses import dataclass, field

from detection.models import Evidence
from detection.views.pictures import ZoneShape, zone_shapes
from review import selectors
from review.models import PrivacyScan, Redaction, TrainingItem

ORDER = (
    Evidence.Kind.CLIP,
    Evidence.Kind.FRAME_OPEN,
    Evidence.Kind.FRAME_PEAK,
    Evidence.Kind.FRAME_LAST,
    Evidence.Kind.TRACK_FRAME,
    Evidence.Kind.PHOTO,
)
COVER_ORDER = (
    Evidence.Kind.PHOTO,
    Evidence.Kind.FRAME_PEAK,
    Evidence.Kind.FRAME_OPEN,
    Evidence.Kind.FRAME_LAST,
    Evidence.Kind.CLIP,
)
LABELS = {
    Evidence.Kind.CLIP: "Clip",
    Evidence.Kind.FRAME_OPEN: "Opening",
    Evidence.Kind.FRAME_PEAK: "Peak",
    Evidence.Kind.FRAME_LAST: "Last",
    Evidence.Kind.TRACK_FRAME: "Track",
    Evidence.Kind.PHOTO: "Photo",
}


@dataclass(frozen=True)
class Box:
    """A box of one track in pixels of its picture, as SVG wants it."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""
    is_subject: bool = False


@dataclass(frozen=True)
class Exhibit:
    evidence: Evidence
    label: str
    is_visible: bool
    boxes: tuple[Box, ...] = ()
    private_boxes: tuple[Box, ...] = ()
    zones: tuple[ZoneShape, ...] = ()
    track: dict = field(default_factory=dict)
    is_proposed: bool = False  # its boxes are what a detector saw, for a person to accept

    @property
    def track_script(self):
        return f"track-{self.evidence.pk}"

    @property
    def font_px(self):
        """Text in an overlay scales with the picture: about 13 px on a page."""
        return round(self.evidence.width / 76, 1)


def exhibits(user, item):
    """Return what there is to look at, the clip first."""
    rows = sorted(item.evidence, key=lambda row: (ORDER.index(row.kind), row.position))
    regions = {} if item.is_private else _found_regions(item)
    return [_exhibit(user, item, row, regions.get(row.pk, [])) for row in rows]


def cover(user, item):
    """Return the evidence that stands for an item in a list, or None where one may not look."""
    if not selectors.may_see_media(user, item):
        return None
    rows = {row.kind: row for row in item.evidence}
    return next((rows[kind] for kind in COVER_ORDER if kind in rows), None)


def _exhibit(user, item, evidence, regions):
    subjects = set(item.incident.track_ids) if item.incident else set()
    size = evidence.width, evidence.height
    observations = [row for row in _observations(item, evidence) if row.get("box_xyxy")]
    still = () if evidence.is_clip else observations
    return Exhibit(
        evidence=evidence,
        label=LABELS[evidence.kind],
        is_visible=is_visible(user, item, evidence),
        boxes=tuple(
            _box(row["box_xyxy"], size, _track_label(row), row.get("track_id") in subjects)
            for row in still
        ),
        private_boxes=() if evidence.is_clip else tuple(_box(r["box_xyxy"], size) for r in regions),
        zones=tuple(zone_shapes(_zones(item.incident), evidence, is_labelled_on_top=True)),
        is_proposed=item.incident is None,
        track=_clip_track(evidence, observations, regions, subjects) if evidence.is_clip else {},
    )


def is_visible(user, item, evidence):
    """Say what ``media_access`` is going to say, from what the item was read with."""
    if not selectors.may_see_media(user, item):
        return False
    if not item.is_private or user.has_perm("review.view_unredacted_always"):
        return True
    file = evidence.pk, evidence.sha256
    applied = (row for row in item.redactions.all() if row.state == Redaction.State.APPLIED)
    if any((row.evidence_id, row.sha256) == file for row in applied):
        return True
    scans = [row for row in item.scans.all() if (row.evidence_id, row.file_sha256) == file]
    last = max(scans, key=lambda row: row.pk, default=None)
    return last is not None and last.result == PrivacyScan.Result.CLEAR


def _found_regions(item):
    """Return {evidence id: regions} of the newest scan of each file."""
    found = {}
    for scan in sorted(item.scans.all(), key=lambda scan: scan.pk):
        found[scan.evidence_id] = scan.regions
    return found


def _observations(item, evidence):
    """Return what was seen in a file; of a photo, what its detections are."""
    if item.photo is None or evidence.observations:
        return evidence.observations
    return item.photo.detections.values("class_name", "score", "box_xyxy")


def _zones(incident):
    if incident is None:
        return []
    zones = incident.footage.configuration.get("zones", [])
    named = {hit.zone for hit in incident.rule_hits.all()}
    return [zone for zone in zones if zone.get("polygon") and zone.get("name") in named] or [
        zone for zone in zones if zone.get("polygon") and zone.get("kind") == "restricted"
    ]


def _track_label(row):
    score = row.get("score")
    shown = "" if score is None else f" {score:.2f}"
    # What came to rest and was never tracked has an id below zero, which says nothing to people.
    number = row.get("track_id") if (row.get("track_id") or 0) > 0 else ""
    return " ".join(f"{row.get('class_name', '')} {number}{shown}".split())


def _box(box_xyxy, size, label="", is_subject=False):
    x1, y1, x2, y2 = box_xyxy
    width, height = size
    return Box(
        round(x1 * width, 1),
        round(y1 * height, 1),
        round((x2 - x1) * width, 1),
        round((y2 - y1) * height, 1),
        label,
        is_subject,
    )


def _clip_track(evidence, observations, regions, subjects):
    """Return what the player draws over the clip, times on the clip's own clock.

    Rows are [at_seconds, box, label, is_subject] and [at_seconds or None, box].
    """
    return {
        "boxes": [
            [
                round(row["at_seconds"] - evidence.at_seconds, 3),
                [round(value, 4) for value in row["box_xyxy"]],
                _track_label(row),
                row.get("track_id") in subjects,
            ]
            for row in observations
        ],
        "regions": [
            [row.get("at_seconds"), [round(value, 4) for value in row["box_xyxy"]]]
            for row in regions
        ],
    }


def needs_redaction(item):
    return item.privacy in (
        TrainingItem.Privacy.FACES,
        TrainingItem.Privacy.FAILED,
        TrainingItem.Privacy.UNSCANNED,
    )
