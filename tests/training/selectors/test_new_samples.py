"""What counts as new for each slot: once, valid, and not learned from yet."""

from datetime import UTC, datetime

import pytest

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, OBJECT_DETECTOR, SLOTS
from review.models import Annotation
from tests import factories
from tests.training import toy_work
from training.models import Dataset, DatasetEntry, RetrainingPolicy, TabularSample, TrainingRun
from training.selectors.new_samples import new_samples, why_none

AT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def item(camera, reviewer, status="confirmed", **columns):
    made = factories.item(factories.incident(camera, with_files=False), status=status, **columns)
    if status in ("confirmed", "rejected"):
        factories.decision(made, reviewer, verdict=status)
    return made


def annotate(item, reviewer, *, exhaustive=(0,), **columns):
    evidence = factories.evidence(
        item.incident, "frame_peak", factories.jpeg(factories.picture()), at_seconds=32.0
    )
    return Annotation.objects.create(
        item=item,
        evidence=evidence,
        version=1,
        boxes=[{"label": 0, "box_xyxy": [0.1, 0.1, 0.5, 0.5], "origin": "drawn"}],
        exhaustive=list(exhaustive),
        annotated_by=reviewer,
        annotated_at=AT,
        **columns,
    )


def learned(site, slot, *entries, state="done"):
    dataset = Dataset.objects.create(slot=slot, number=1, state="done", manifest_sha256="a" * 64)
    DatasetEntry.objects.bulk_create(
        DatasetEntry(
            dataset=dataset,
            position=position,
            sha256=f"{position:064x}",
            split="train",
            group="g",
            origin="field",
            site=site,
            **columns,
        )
        for position, columns in enumerate(entries)
    )
    return TrainingRun.objects.create(
        slot=slot,
        number=1,
        dataset=dataset,
        algorithm="x",
        code_version="1",
        trigger="api",
        inputs_sha256="0" * 64,
        state=state,
    )


def test_annotated_pictures_are_counted_until_learned(camera, reviewer):
    known, new = (annotate(item(camera, reviewer), reviewer) for _ in range(2))
    assert new_samples(OBJECT_DETECTOR) == 2
    run = learned(camera.site, OBJECT_DETECTOR, {"evidence": known.evidence, "item": known.item})
    assert new_samples(OBJECT_DETECTOR) == 1
    # A run that failed learned nothing.
    TrainingRun.objects.filter(pk=run.pk).update(state="failed")
    assert new_samples(OBJECT_DETECTOR) == 2
    Annotation.objects.filter(pk=new.pk).update(is_current=False)
    assert new_samples(OBJECT_DETECTOR) == 1


@pytest.mark.parametrize(
    ("columns", "exhaustive"),
    [
        ({"status": "pending_review"}, (0,)),
        ({"status": "rejected", "privacy": "faces", "proposal": "none"}, (0,)),
        ({"mode": "gold"}, (0,)),
        ({}, ()),
    ],
    ids=["undecided", "with faces", "gold", "nothing exhaustive"],
)
def test_pictures_that_teach_nothing_do_not_count(camera, reviewer, columns, exhaustive):
    annotate(item(camera, reviewer, **columns), reviewer, exhaustive=exhaustive)
    assert new_samples(OBJECT_DETECTOR) == 0


def test_near_duplicates_count_once(camera, reviewer):
    first = item(camera, reviewer)
    for made in (first, item(camera, reviewer, represented_by=first)):
        annotate(made, reviewer)
    assert new_samples(OBJECT_DETECTOR) == 1
    assert new_samples(INCIDENT_TRIAGE) == 1


def test_decisions_are_counted_until_learned(camera, reviewer):
    made = [item(camera, reviewer, status) for status in ("confirmed", "rejected")]
    item(camera, reviewer, "needs_review")
    item(camera, reviewer, "confirmed", mode="gold")
    assert new_samples(INCIDENT_TRIAGE) == 2
    learned(camera.site, INCIDENT_TRIAGE, {"item": made[0]})
    assert new_samples(INCIDENT_TRIAGE) == 1


@pytest.mark.parametrize(("source", "count"), [("human", 1), ("outcome", 2), ("decision", 3)])
def test_the_policy_says_whose_labels_count(site, source, count):
    rows = [
        TabularSample.objects.create(
            slot=LOD_POLICY,
            site=site,
            client_id=label or kind,
            at=AT,
            label=label,
            label_source=kind,
        )
        for kind, label in (
            ("human", "1"),
            ("outcome", "2"),
            ("decision", "3"),
            ("", ""),
            ("human", ""),
        )
    ]
    assert new_samples(LOD_POLICY) == 2
    RetrainingPolicy.objects.create(slot=LOD_POLICY, label_source=source)
    assert new_samples(LOD_POLICY) == new_samples(LOD_POLICY, source) == count
    learned(site, LOD_POLICY, {"sample": rows[0]})
    assert new_samples(LOD_POLICY) == count - 1


@pytest.mark.parametrize("slot", SLOTS)
def test_an_empty_product_has_none(slot, db):
    assert new_samples(slot) == 0
    assert bool(why_none(slot)) is not SLOTS[slot].is_trainable


def test_another_slots_runs_do_not_matter(site):
    toy_work.dataset(site=site, groups=1)
    assert new_samples(OBJECT_DETECTOR) == 0
