"""Pictures of a dataset's entries with boxes over them, to those who may see the pictures."""

from dataclasses import dataclass

from django.urls import reverse

from review import selectors as review_selectors
from review.selectors import visible_items

FONT_SHARE = 0.024  # of the width of a picture


@dataclass(frozen=True, slots=True)
class Drawn:
    """A box over a picture, in pixels; ``kind`` is truth, right, wrong or missed.

    What is missed has its label below, all else above, or inside where the picture ends there.
    """

    kind: str
    label: str
    x: float
    y: float
    width: float
    height: float
    is_inside: bool = False

    @property
    def label_y(self):
        return round(self.y + self.height, 1) if self.kind == "missed" else self.y


@dataclass(frozen=True, slots=True)
class Pictured:
    """An entry and its picture.

    Attributes:
        address: of the picture, "" for who may not see it.
        relabel: address of the editor that it is labelled anew in, "" for who may not.
    """

    entry: object
    address: str
    thumb: str
    relabel: str
    boxes: tuple = ()

    @property
    def evidence(self):
        return self.entry.evidence

    @property
    def font_px(self):
        return round(self.evidence.width * FONT_SHARE, 1)


def pictured(user, entry, boxes=()):
    """Return the Pictured of an entry.

    Args:
        boxes: (kind, label, xyxy as shares).
    """
    evidence = entry.evidence
    if evidence is None:
        return Pictured(entry, "", "", "")
    address = thumb = relabel = ""
    if user.has_perm("review.view_trainingitem"):
        if review_selectors.media_access(user, evidence):
            version = f"?v={evidence.sha256[:8]}"
            address = reverse("review:evidence", args=[evidence.pk]) + version
            thumb = reverse("review:evidence_thumb", args=[evidence.pk]) + version
        if entry.item_id and address and visible_items(user).filter(pk=entry.item_id).exists():
            editor = reverse("review:boxes", args=[entry.item_id])
            relabel = f"{editor}?evidence={evidence.pk}"
    drawn = tuple(drawn_over(evidence, *box) for box in boxes) if address else ()
    return Pictured(entry, address, thumb, relabel, drawn)


def drawn_over(evidence, kind, label, box):
    """Return the Drawn of a box that is given as shares."""
    x1, y1, x2, y2 = box
    room = evidence.width * FONT_SHARE * 1.3 / max(evidence.height, 1)
    return Drawn(
        kind,
        label,
        round(x1 * evidence.width, 1),
        round(y1 * evidence.height, 1),
        round((x2 - x1) * evidence.width, 1),
        round((y2 - y1) * evidence.height, 1),
        is_inside=(1 - y2 if kind == "missed" else y1) < room,
    )
