"""What people said about the boxes of pictures: annotations, and corrections of a verdict.

Both go by the content of a picture, because two items may show the same one.
"""

import json
from collections import defaultdict
from typing import NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

from detection.models import Evidence
from review.models import Annotation
from training.selectors.rows import among, confirmations
from training.selectors.runs import CHUNK


class Drawn(NamedTuple):
    """One person's word on a picture, kept as text until its picture is exported.

    Attributes:
        boxes: JSON; of an annotation with ``label``, of a correction with ``class_name``.
        exhaustive: JSON list of indices of label classes.
    """

    boxes: str
    exhaustive: str = "[]"
    is_negative: bool = False


def drawn_boxes(pks):
    """Return {sha256 of a picture: Drawn}; an annotation comes before a correction.

    A correction's box that names no file is about the still at peak score; one without a class is
    of the incident's class. Of two people's word on one picture the later item's counts.
    """
    found = {}
    for start in range(0, len(pks), CHUNK):
        found |= _corrections(pks[start : start + CHUNK])
    for start in range(0, len(pks), CHUNK):
        found |= _annotations(pks[start : start + CHUNK])
    return found


def _annotations(pks):
    rows = Annotation.objects.filter(**among("item", pks), is_current=True).annotate(
        boxes_text=Cast("boxes", TextField()), exhaustive_text=Cast("exhaustive", TextField())
    )
    columns = ("item_id", "evidence__sha256", "boxes_text", "exhaustive_text", "is_negative")
    wanted = set(pks)
    return {
        sha256: Drawn(boxes, exhaustive, is_negative)
        for item, sha256, boxes, exhaustive, is_negative in rows.order_by("item").values_list(
            *columns
        )
        if item in wanted
    }


def _corrections(pks):
    corrected = _corrected(pks)
    stills, found = _stills(corrected), {}
    for item in sorted(corrected):
        found |= _boxes_by_picture(stills[item], *corrected[item])
    return found


def _corrected(pks):
    """Return {item id: (class name, boxes)} of the last confirmations, where they drew any."""
    wanted, columns = set(pks), ("item_id", "pk", "item__incident__class_name", "boxes")
    drawn = {
        item: (pk, name or "", boxes)
        for item, pk, name, boxes in confirmations(pks).exclude(boxes=[]).values_list(*columns)
        if item in wanted
    }
    if not drawn:
        return {}
    last = dict(confirmations(sorted(drawn)).values_list("item_id", "pk"))
    return {item: told for item, (pk, *told) in drawn.items() if last[item] == pk}


def _stills(pks):
    found = defaultdict(list)
    pks = list(pks)
    for owner in ("incident", "photo"):
        rows = Evidence.objects.filter(**{f"{owner}__item__in": pks})
        rows = rows.exclude(kind=Evidence.Kind.CLIP).order_by("at_seconds", "kind")
        for item, *still in rows.values_list(f"{owner}__item", "pk", "kind", "sha256"):
            found[item].append(still)
    return found


def _boxes_by_picture(stills, class_name, boxes):
    if not stills:
        return {}
    by_id = {pk: sha256 for pk, _, sha256 in stills}
    by_kind = {kind: sha256 for _, kind, sha256 in reversed(stills)}
    by_id[None] = by_kind.get(Evidence.Kind.FRAME_PEAK, stills[0][2])
    found = defaultdict(list)
    for box in boxes:
        sha256 = by_id.get(box.get("evidence"))
        name = box.get("class_name") or class_name
        if sha256 and name:
            found[sha256].append({"class_name": name, "box_xyxy": box["box_xyxy"]})
    return {sha256: Drawn(json.dumps(rows)) for sha256, rows in found.items()}
