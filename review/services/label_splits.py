"""Split a class: the new ones are made, and pictures that show the old one go back to people.

Nobody but a person can say which box is which. Until somebody has drawn it anew, a box of the old
class teaches nothing: its picture no longer counts as labelled whole for it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import Conflict
from review.models import Annotation, LabelClass, TrainingItem
from review.selectors import annotations as drawn
from review.services import annotation, label_classes
from review.services.regions import invalid

ORIGIN = "split"
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Split:
    """What came of a split: the classes, and how many pictures are to be labelled anew."""

    made: tuple[LabelClass, ...]
    pictures: int


def split(pk, into_names, *, by, at=None):
    """Let boxes of one class wait until each is drawn as one of several others; return Split.

    A picture on which there was none of the class has none of the new ones either.

    Args:
        into_names: two names or more; classes of these names are taken, the others made.

    Raises:
        NotFound, Forbidden.
        Conflict: already_merged, already_split. DomainError: a name is empty or too long, or the
            names are not two different ones.
    """
    label_classes.require(by, label_classes.CHANGE)
    at = at or timezone.now()
    with transaction.atomic():
        found = label_classes.held_class(pk, by)
        _refuse(found)
        made = _made(found, into_names, by)
        said = _said_of(found)
        waiting = 0
        for first in range(0, len(said), CHUNK):
            waiting += _put_back(said[first : first + CHUNK], found, made, by, at)
        names = [one.name for one in made]
        detail = {"name": found.name, "into": names, "pictures": waiting}
        audit.record(drawn.SPLIT_ACTION, found, actor=by, site=found.site, detail=detail, at=at)
    return Split(tuple(made), waiting)


def _refuse(found):
    if found.merged_into_id is not None:
        raise Conflict(
            f"{found.name} is merged into {found.merged_into.name}.", code="already_merged"
        )
    if found.index in drawn.split_classes(found.site):
        raise Conflict(f"{found.name} was split before.", code="already_split")


def _made(found, into_names, by):
    names = {name.strip().casefold(): name.strip() for name in into_names if name.strip()}
    if len(names) < 2 or found.name.casefold() in names:
        raise invalid("name", "Name two classes or more, none of them the one that is split.")
    standing = LabelClass.objects.filter(site=found.site, merged_into__isnull=True)
    known = {one.name.casefold(): one for one in standing}
    return [
        known.get(folded) or label_classes.add(found.site, name, by=by)
        for folded, name in names.items()
    ]


def _said_of(found):
    """Return the ids of the current states that have to do with a class, by item."""
    standing = drawn.standing_classes(drawn.label_classes(found.site))
    labels = {index for index, one in standing.items() if one.pk == found.pk}
    current = Annotation.objects.filter(item__site=found.site, is_current=True)
    rows = current.order_by("item", "pk").values_list("pk", "boxes", "exhaustive")
    return [
        (pk, labels)
        for pk, boxes, exhaustive in rows.iterator(chunk_size=2000)
        if labels & ({box["label"] for box in boxes} | set(exhaustive))
    ]


def _put_back(said, found, made, by, at):
    """Append states without the class among those labelled whole; return how many show it."""
    pks, labels = [pk for pk, _ in said], said[0][1]
    of_items = Annotation.objects.filter(pk__in=pks).values("item")
    held = TrainingItem.objects.select_for_update(no_key=True).filter(pk__in=of_items)
    list(held.order_by("pk").values_list("pk", flat=True))
    waiting = 0
    # What somebody saved before the items were held is current now.
    current = Annotation.objects.filter(
        is_current=True, evidence__in=Annotation.objects.filter(pk__in=pks).values("evidence")
    )
    for one in current.select_related("item__site", "evidence").order_by("item", "pk"):
        shows = any(box["label"] in labels for box in one.boxes)
        waiting += shows
        exhaustive = set(one.exhaustive) - labels
        if not shows and set(one.exhaustive) & labels:
            exhaustive |= {new.index for new in made}
        annotation.append(
            one.item,
            one.evidence,
            by=by or one.annotated_by,
            boxes=one.boxes,
            exhaustive=sorted(exhaustive),
            is_negative=one.is_negative,
            before=one.version,
            origin=ORIGIN,
            at=at,
        )
    return waiting
