"""What task classifiers said, as rows: each sample of a deployment once, however often it is said.

Whoever stores first is believed: a worker that goes on from its checkpoint, or a classification of
the whole video afterwards, adds only what is not there yet. The writers of one footage take turns,
so that whoever reads its rows in the order of their ids misses none.
"""

from itertools import groupby, pairwise

from django.db import transaction

from detection.models import Footage, TaskLog

MOST_SAMPLES = 1000
LEAST_GAP_SECONDS, STEPS_IN_A_GAP, LEAST_STEPS = 1.0, 3, 3


@transaction.atomic
def store(footage, said):
    """Store task_watching.Said of a footage; return how many samples were new."""
    if not said:
        return 0
    Footage.objects.select_for_update(no_key=True).filter(pk=footage.pk).first()
    return sum(_store_one(footage, one) for one in said)


def _store_one(footage, one):
    if not one.samples:
        return 0
    known = TaskLog.objects.filter(footage=footage, deployment=one.deployment)
    near = known.filter(
        end_seconds__gte=one.samples[0][0], start_seconds__lte=one.samples[-1][0]
    ).order_by("start_seconds")
    stretches = list(near.values_list("start_seconds", "end_seconds"))
    rows = [
        TaskLog(
            footage=footage,
            deployment=one.deployment,
            start_seconds=part[0][0],
            end_seconds=part[-1][0],
            samples=part,
            latency=one.latency,
            lag_seconds=one.lag_seconds,
        )
        for part in _parts(one.samples, stretches)
    ]
    for row in rows:  # one by one, for the order of their ids
        row.save(force_insert=True)
    return sum(len(row.samples) for row in rows)


def _parts(samples, stretches):
    """Return the samples outside of stretches, cut where one of them lies between two."""

    def place(sample):
        at = sample[0]
        if any(start <= at <= end for start, end in stretches):
            return None
        return sum(end < at for _, end in stretches)

    parts = [list(group) for key, group in groupby(samples, place) if key is not None]
    return [
        part[first : first + MOST_SAMPLES]
        for part in parts
        for first in range(0, len(part), MOST_SAMPLES)
    ]


def samples_of(footage, deployment):
    """Return everything that a deployment said of a footage, [at_seconds, label, confidence]."""
    rows = TaskLog.objects.filter(footage=footage, deployment=deployment)
    found = rows.order_by("start_seconds").values_list("samples", flat=True)
    return [sample for samples in found.iterator() for sample in samples]


def gap_of(samples):
    """Return how far apart two of these samples belong to two spans, seconds.

    Classifiers that look twice a second and every other second have gaps of their own; of a few
    samples alone nobody can tell.
    """
    steps = sorted(later[0] - earlier[0] for earlier, later in pairwise(samples))
    usual = steps[len(steps) // 4] if len(steps) >= LEAST_STEPS else 0.0
    return max(LEAST_GAP_SECONDS, STEPS_IN_A_GAP * usual)


def lag_of(footage, deployment):
    """Return how much later than the task the labels of a deployment change in a footage."""
    rows = TaskLog.objects.filter(footage=footage, deployment=deployment)
    return rows.values_list("lag_seconds", flat=True).first() or 0.0


def spans_of(samples, lag_seconds=0.0):
    """Return the task_stream.TaskSpan of samples of one deployment, in order."""
    from detection.vision import task_stream

    return task_stream.spans_of(samples, gap_seconds=gap_of(samples), lag_seconds=lag_seconds)
