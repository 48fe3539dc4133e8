"""What people have drawn: the boxes that count now, and the classes that they are of."""

from collections import Counter

from django.db.models import Exists, OuterRef, Prefetch

from hitlsite.models import AuditEntry
from review.annotation_checks import Seen, shape
from review.models import Annotation, Decision, LabelClass, Mark, TrainingItem
from review.selectors.access import visible_items, visible_sites
from review.selectors.filters import parse_filters
from review.selectors.pages import first_keys

# A class's usual shape is told by its newest pictures; a list is worked through in such parts.
HISTORY_PICTURES = 300
LONGEST_LIST = 500
SPLIT_ACTION = "labelclass.split"
MARKED, SPLIT = "marked", "split"
# A rejection for one of these reasons says nothing against the boxes of its pictures.
TEACHING_REASONS = (Decision.Reason.WRONG_CLASS, Decision.Reason.BASELINE_NOISE)


def current(item):
    """Return {evidence id: the Annotation that counts now} of an item."""
    standing = item.annotations.filter(is_current=True).select_related("annotated_by")
    return {annotation.evidence_id: annotation for annotation in standing}


def label_classes(site):
    """Return every class of a site by its index, merged ones too."""
    return list(
        LabelClass.objects.filter(site=site).select_related("merged_into").order_by("index")
    )


def standing_classes(classes):
    """Return {index: the LabelClass that counts}: itself, or what it was merged into.

    Args:
        classes: what ``label_classes`` returned.
    """
    by_pk = {one.pk: one for one in classes}
    standing = {}
    for one in classes:
        last = one
        while last.merged_into_id is not None:
            last = by_pk[last.merged_into_id]
        standing[one.index] = last
    return standing


def indices_by_name(classes):
    """Return {name: index}; merged and former names lead to the class that they became."""
    standing = standing_classes(classes)
    named = {
        name.casefold(): standing[one.index].index for one in classes for name in one.former_names
    }
    named |= {one.name.casefold(): standing[one.index].index for one in classes}
    return named | {one.name.casefold(): one.index for one in classes if one.merged_into_id is None}


def visible_label_classes(user):
    """Return the classes that a person may know of."""
    if not user.has_perm("review.view_labelclass"):
        return LabelClass.objects.none()
    return LabelClass.objects.visible_to(user)


def box_counts(site):
    """Return {index: how many current boxes carry it}, as they were drawn, before any merge."""
    counts = Counter()
    drawn = Annotation.objects.filter(item__site=site, is_current=True).exclude(boxes=[])
    for boxes in drawn.order_by().values_list("boxes", flat=True).iterator(chunk_size=2000):
        counts.update(box["label"] for box in boxes)
    return counts


def shapes_by_label(site, standing, *, but=None):
    """Return {index: [(log aspect, log area)]} of the boxes on a site's newest pictures.

    Args:
        standing: what ``standing_classes`` returned.
        but: id of an evidence row that is left out: its own boxes are no history of it.
    """
    newest = Annotation.objects.filter(item__site=site, is_current=True).exclude(boxes=[])
    rows = (
        newest.exclude(evidence=but)
        .order_by("-pk")
        .values_list("boxes", "evidence__width", "evidence__height")
    )
    shapes = {}
    for boxes, width, height in rows[:HISTORY_PICTURES]:
        for box in boxes:
            label = standing[box["label"]].index if box["label"] in standing else box["label"]
            shapes.setdefault(label, []).append(shape(box["box_xyxy"], (width, height)))
    return shapes


def detections(evidence, named):
    """Return what the deployed detector found on a picture as Seen rows, surest first.

    Args:
        named: what ``indices_by_name`` returned.
    """
    if evidence.photo_id is not None:
        rows = evidence.photo.detections.order_by("-score", "pk")
        found = [(row.class_name, row.score, row.box_xyxy, None) for row in rows]
    else:
        found = [
            (row["class_name"], row.get("score") or 0.0, row["box_xyxy"], row.get("track_id"))
            for row in evidence.observations
            if row.get("box_xyxy")
        ]
    found.sort(key=lambda row: -row[1])
    return [
        (Seen(named.get(name.casefold()), name, score, tuple(box)), track)
        for name, score, box, track in found
    ]


def annotated_items(site):
    """Return the items of a site whose current boxes say something about their pictures.

    Items that were rejected for what their pictures are, or waiting for a verdict on an incident,
    are left out; imported boxes were somebody's verdict elsewhere and need none here.
    """
    teaching = Decision.objects.filter(
        item=OuterRef("pk"),
        effect=Decision.Effect.APPLIED,
        verdict=Decision.Verdict.REJECTED,
        reason__in=TEACHING_REASONS,
        undone_by__isnull=True,
    )
    has_boxes = Annotation.objects.filter(item=OuterRef("pk"), is_current=True)
    status, collection = TrainingItem.Status, TrainingItem.Collection
    items = TrainingItem.objects.filter(Exists(has_boxes), site=site)
    confirmed = items.filter(status=status.CONFIRMED)
    rejected = items.filter(Exists(teaching), status=status.REJECTED)
    imported = items.filter(
        status=status.PENDING_REVIEW, collection_method=collection.IMPORT, photo__isnull=False
    )
    standing = Annotation.objects.filter(is_current=True).select_related("evidence__photo")
    return (
        (confirmed | rejected | imported)
        .select_related("site", "camera", "photo")
        .prefetch_related(Prefetch("annotations", queryset=standing, to_attr="current_boxes"))
        .order_by("pk")
    )


def unconfirmed_box_count(site):
    """Return how many current boxes ``annotated_items`` leaves out with their items."""
    current = Annotation.objects.filter(is_current=True, item__site=site)
    looked_at = annotated_items(site).prefetch_related(None).order_by().values("pk")
    left = current.exclude(item__in=looked_at)
    return sum(len(boxes) for boxes in left.values_list("boxes", flat=True).iterator())


def split_classes(site):
    """Return the indices of a site's classes that were split: boxes of them are to be drawn anew.

    The audit chain says which; one that has been split stays so.
    """
    label = LabelClass._meta.label_lower
    told = AuditEntry.objects.filter(action=SPLIT_ACTION, object_type=label, site=site)
    pks = [int(pk) for pk in told.values_list("object_id", flat=True)]
    return set(LabelClass.objects.filter(pk__in=pks, site=site).values_list("index", flat=True))


def to_relabel(site):
    """Return the ids of a site's items with a box of a class that was split, in order."""
    split = split_classes(site)
    if not split:
        return []
    standing = standing_classes(label_classes(site))
    labels = {index for index, one in standing.items() if one.index in split}
    drawn = Annotation.objects.filter(item__site=site, is_current=True).exclude(boxes=[])
    rows = drawn.order_by("item").values_list("item", "boxes").iterator(chunk_size=2000)
    found = {item: None for item, boxes in rows if labels & {box["label"] for box in boxes}}
    return list(found)


def batch(user, name, filters):
    """Return the ids of up to 500 items of a list that a person works through, in its order.

    Args:
        name: "marked" for the photos that are marked for retraining, "split" for pictures of
            classes that were split; anything else goes by ``filters``, as the queue does.
    """
    if name == SPLIT:
        items = {pk for site in visible_sites(user) for pk in to_relabel(site)}
        seen = visible_items(user).filter(pk__in=items).order_by("pk")
        return list(seen.values_list("pk", flat=True)[:LONGEST_LIST])
    if name == MARKED:
        marked = Mark.objects.filter(photo=OuterRef("photo"), unmarked_at__isnull=True)
        items = visible_items(user).filter(Exists(marked), photo__isnull=False)
        return list(items.order_by("pk").values_list("pk", flat=True)[:LONGEST_LIST])
    wanted = parse_filters(user, filters)
    return [pk for _, pk in first_keys(user, wanted, count=LONGEST_LIST)]


def annotated_among(item_ids):
    """Return the ids of those items that have boxes, or a reviewed negative, by now."""
    found = Annotation.objects.filter(item__in=item_ids, is_current=True)
    return set(found.values_list("item", flat=True))
