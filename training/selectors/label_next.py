"""Which pictures wait for labels, what the last ranking said of them, and what came of rankings.

A ranking is a finished Job of KIND of a site; its result keeps every pick with its arm. Jobs of
this kind are never forgotten: what people did to the pictures of either arm is measured by them.
"""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from detection.models import Evidence
from hitlsite.models import Job, Site
from review.models import Annotation, TrainingItem
from review.selectors import annotations as drawn
from review.selectors import visible_items, visible_sites

KIND = "label_next"
SHOWN_FIRST = (Evidence.Kind.FRAME_PEAK, Evidence.Kind.PHOTO, Evidence.Kind.FRAME_OPEN)
# A detector's box of a lower score is no proposal that people are shown to be sure of.
PROPOSED_FROM = 0.25
MOST_MEASURED, MOST_RANKINGS, MOST_COUNTED = 2000, 200, 10_000


@dataclass(frozen=True)
class SiteRanking:
    """What there is of one site: the ranking under way, the last whole one and the last failure."""

    site: Site
    active: Job | None
    done: Job | None
    failure: str
    waiting: int


@dataclass(frozen=True)
class Arm:
    """How many pictures of an arm were labelled, and on how many people changed the boxes."""

    name: str
    picked: int
    labelled: int
    changed: int


def unlabelled(items):
    """Return those of some items of which nobody said anything with boxes."""
    said = Annotation.objects.filter(item=OuterRef("pk"))
    return items.filter(~Exists(said)).exclude(mode=TrainingItem.Mode.GOLD)


def picture_of(item):
    """Return the picture of an item that is labelled first, None where it has none."""
    rows = {row.kind: row for row in item.evidence}
    return next((rows[kind] for kind in SHOWN_FIRST if kind in rows), None)


def candidates(site, most):
    """Return [(item, Evidence)] of a site's newest items without labels."""
    items = unlabelled(TrainingItem.objects.filter(site=site, represented_by__isnull=True))
    items = items.select_related("camera", "photo__evidence", "incident")
    newest = items.prefetch_related("incident__evidence", "photo__detections")
    newest = newest.order_by("-pk")[:most]
    pairs = [(item, picture_of(item)) for item in newest]
    return [(item, picture) for item, picture in pairs if picture is not None]


def seen_on(picture):
    """Return (boxes, scores, class names) that the detector found on a picture."""
    if picture.photo_id is not None:
        rows = [(one.box_xyxy, one.score, one.class_name) for one in picture.photo.detections.all()]
    else:
        rows = [
            (row["box_xyxy"], row.get("score") or 0.0, row["class_name"])
            for row in picture.observations
            if row.get("box_xyxy")
        ]
    boxes, scores, names = zip(*rows, strict=True) if rows else ((), (), ())
    return list(boxes), list(scores), tuple(names)


def labelled_pictures(site, most):
    """Return the Evidence of a site's newest labelled pictures."""
    said = Annotation.objects.filter(item__site=site, is_current=True).order_by("-pk")
    return [one.evidence for one in said.select_related("evidence__photo")[:most]]


def rankings(user):
    """Return a SiteRanking of every site that ``user`` knows, by name."""
    return [_ranking(user, site) for site in visible_sites(user).order_by("name")]


def _ranking(user, site):
    turns = Job.objects.filter(kind=KIND, site=site).order_by("-pk")
    last = turns.first()
    failed = last is not None and last.state == Job.State.FAILED
    return SiteRanking(
        site=site,
        active=turns.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).first(),
        done=turns.filter(state=Job.State.DONE).first(),
        failure=last.error_message if failed else "",
        waiting=unlabelled(visible_items(user).filter(site=site))[:MOST_COUNTED].count(),
    )


def waiting_picks(user, job):
    """Return [(pick, item)] of a ranking that still wait for labels, in its order."""
    picks = job.result.get("picks", [])
    found = unlabelled(visible_items(user).filter(pk__in=[pick["item"] for pick in picks]))
    found = found.select_related("camera", "site", "photo__evidence", "incident")
    items = found.prefetch_related("incident__evidence").in_bulk()
    return [(pick, items[pick["item"]]) for pick in picks if pick["item"] in items]


def arms(user):
    """Return the Arms of all rankings of the sites that ``user`` knows.

    A picture counts for the last ranking that picked it before somebody labelled it, with the
    boxes that were saved first: what a second look changed is no news of the first.
    """
    turns = Job.objects.filter(kind=KIND, site__in=visible_sites(user), state=Job.State.DONE)
    picked = {}
    newest = turns.order_by("-pk").values_list("result__picks", "finished_at")[:MOST_RANKINGS]
    for picks, at in reversed(newest):
        for pick in picks or ():
            picked.setdefault(pick["item"], []).append((at, pick["arm"]))
    counts = {"model": Counter(), "random": Counter()}
    for history in picked.values():
        counts[history[-1][1]]["picked"] += 1
    classes = {}
    for said in _first_said(list(picked)):
        before = [arm for at, arm in picked[said.item_id] if at <= said.annotated_at]
        if before:
            if said.item.site_id not in classes:
                classes[said.item.site_id] = drawn.label_classes(said.item.site)
            counts[before[-1]]["labelled"] += 1
            counts[before[-1]]["changed"] += is_changed(said, classes[said.item.site_id])
    return [
        Arm(name, one["picked"], one["labelled"], one["changed"]) for name, one in counts.items()
    ]


def _first_said(item_ids):
    """Yield the first Annotation of each of some items, the newest items first."""
    said = Annotation.objects.filter(item__in=sorted(item_ids)[-MOST_MEASURED:], version=1)
    rows = said.select_related("item__site", "evidence__photo").order_by("item", "pk")
    rows = rows.prefetch_related("evidence__photo__detections")
    seen = set()
    for one in rows:
        if one.item_id not in seen:
            seen.add(one.item_id)
            yield one


def is_changed(said, classes):
    """Say whether the boxes of an Annotation are others than the detector's on that picture.

    Args:
        classes: all of the site, as ``label_classes`` returns them.
    """
    from training.learning import active

    standing, named = drawn.standing_classes(classes), drawn.indices_by_name(classes)
    boxes, scores, names = seen_on(said.evidence)
    proposed = [
        (named.get(name.casefold()), box)
        for box, score, name in zip(boxes, scores, names, strict=True)
        if score >= PROPOSED_FROM and name.casefold() in named
    ]
    saved = [(standing[box["label"]].index, box["box_xyxy"]) for box in said.boxes]
    return active.is_changed(proposed, saved)
