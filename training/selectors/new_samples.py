"""How many samples there are that the last run of a slot has not seen.

One function for each slot that can be trained, counting the same kind of thing that its datasets
are made of. A dataset may still leave some out, for its caps or because they resemble others.
"""

from django.db.models import Exists, OuterRef, Q

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, OBJECT_DETECTOR, SLOTS, TASK_CLASSIFIER
from hitlsite.models import Site
from review.models import Annotation, TrainingItem
from review.selectors.annotations import annotated_items
from training.models import (
    Dataset,
    DatasetEntry,
    FeatureSet,
    RetrainingPolicy,
    SpanAnnotation,
    TabularSample,
    TrainingRun,
)
from training.selectors import decided_incidents

# Of near-duplicates that were decided together, the one that stands for them.
_TEACHES = Q(represented_by__isnull=True)
# What an online run says of new labels that all went to the validation and the test.
NOTHING_NEW = "nothing_new"
Mode, Source = TrainingItem.Mode, TabularSample.LabelSource
# Which labels are trained on where a policy names a source: each trusts those before it too.
SOURCES = {
    Source.HUMAN: (Source.HUMAN,),
    Source.OUTCOME: (Source.HUMAN, Source.OUTCOME),
    Source.DECISION: (Source.HUMAN, Source.OUTCOME, Source.DECISION),
}


def new_samples(slot, label_source=""):
    """Return how many new and valid samples a slot has; 0 where nothing is trained yet.

    Args:
        label_source: of tabular slots; that of their policy where none is given.
    """
    if slot == LOD_POLICY:
        return _labelled_rows(slot, label_source)
    count = _COUNTS.get(slot)
    return count(slot) if count else 0


def why_none(slot):
    """Return why a slot never has samples, "" where it may have some."""
    if SLOTS[slot].is_trainable:
        return ""
    return f"Nothing learns in the slot {slot} yet."


def last_dataset(slot):
    """Return the id of the dataset that was learned from last, None before the first time.

    Where a run found nothing in a dataset that the champion had not learned, it is learned from.
    """
    states = TrainingRun.State
    is_learned = Q(state=states.DONE) | Q(state=states.FAILED, error_code=NOTHING_NEW)
    learned = TrainingRun.objects.filter(is_learned, slot=slot)
    return learned.order_by("-pk").values_list("dataset", flat=True).first()


def _entries(slot, column):
    """Return the ids in a column of the last dataset's entries, as a subquery."""
    seen = DatasetEntry.objects.filter(dataset=last_dataset(slot))
    return seen.exclude(**{column: None}).order_by().values(column)


def _annotated_pictures(slot):
    """Count pictures with something exhaustively labelled, of items that may be trained on."""
    taught = Q()
    for site in Site.objects.all():
        items = annotated_items(site).select_related(None).prefetch_related(None).order_by()
        taught |= Q(item__in=items.filter(_TEACHES).exclude(mode=Mode.GOLD).values("pk"))
    if not taught:
        return 0
    pictures = Annotation.objects.filter(taught, is_current=True)
    private = [TrainingItem.Privacy.CLEAR, TrainingItem.Privacy.REDACTED]
    pictures = pictures.filter(item__privacy__in=private).exclude(exhaustive=[])
    return pictures.exclude(evidence__in=_entries(slot, "evidence")).count()


def _labelled_rows(slot, label_source):
    if not label_source:
        chosen = RetrainingPolicy.objects.filter(slot=slot).values_list("label_source", flat=True)
        label_source = chosen.first() or Source.OUTCOME
    rows = TabularSample.objects.filter(slot=slot, label_source__in=SOURCES[label_source])
    return rows.exclude(label="").exclude(pk__in=_entries(slot, "sample")).count()


def _decided_incidents(slot):
    """Count decided incidents whose verdict teaches something."""
    seen = set(_entries(slot, "item").values_list("item", flat=True))
    return sum(
        item.pk not in seen and not decided_incidents.reason_left_out(item)
        for site in Site.objects.all()
        for item in decided_incidents.decided(site).select_related(None).prefetch_related(None)
    )


def _labelled_spans(slot):
    """Count spans of measured videos that are others than those that the last dataset was cut by.

    A span whose ends or label were corrected is a new one.
    """
    last = Dataset.objects.filter(pk=last_dataset(slot)).first()
    windows = last.counts.get("windows", {}) if last else {}
    measured = FeatureSet.objects.filter(footage=OuterRef("footage"), state=FeatureSet.State.DONE)
    current = SpanAnnotation.objects.filter(Exists(measured), is_current=True)
    if windows.get("label_set"):
        current = current.filter(label_set=windows["label_set"])
    cut_by = {row["footage"]: row["annotation"] for row in windows.get("inputs", ())}
    seen = SpanAnnotation.objects.in_bulk([pk for pk in cut_by.values() if pk is not None])
    count = 0
    for annotation in current.iterator():
        before = seen.get(cut_by.get(annotation.footage_id))
        known = {tuple(span) for span in before.spans} if before else set()
        count += sum(tuple(span) not in known for span in annotation.spans)
    return count


_COUNTS = {
    OBJECT_DETECTOR: _annotated_pictures,
    INCIDENT_TRIAGE: _decided_incidents,
    TASK_CLASSIFIER: _labelled_spans,
}
