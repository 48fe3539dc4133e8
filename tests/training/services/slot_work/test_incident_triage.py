"""Incident triage learns from verdicts in force, and only from what was known before them."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from detection.models import Footage, Incident
from detection.slots import INCIDENT_TRIAGE
from tests import factories
from tests.training.measured import Quiet
from training.learning.triage import COLUMNS
from training.selectors import decided_incidents
from training.services import datasets, runs
from training.services.slot_work import incident_triage
from training.services.slot_work.incident_triage import CONFIRMED, REJECTED

pytestmark = pytest.mark.django_db
AT = factories.STARTS_AT


@pytest.fixture(autouse=True)
def _files(data_dir, settings):
    settings.TRAINING_DIR = data_dir / "training"


def decided(camera, reviewer, verdict=CONFIRMED, *, reason=None, decided_at=None, **columns):
    """Return an item with a verdict in force."""
    made = factories.incident(camera, with_files=False, **columns)
    item = factories.item(made, status=verdict, decided_at=decided_at or made.closed_at)
    given = {} if reason is None else {"reason": reason}
    factories.decision(item, reviewer, verdict=verdict, **given)
    return item


def gathered(site):
    return incident_triage.gather({}, [site], Quiet())


def test_verdicts_teach_what_the_table_of_verdicts_says(camera, reviewer, site):
    decided(camera, reviewer)
    decided(camera, reviewer, REJECTED)
    for reason in ("wrong_class", "privacy_risk", "low_quality", "duplicate", "other"):
        decided(camera, reviewer, REJECTED, reason=reason)
    found = gathered(site)
    assert [one.label["label"] for one in found.candidates] == [CONFIRMED, REJECTED]
    assert found.left_out["rejected_as_duplicate"] == 1
    assert sum(found.left_out.values()) == 5
    assert [row["name"] for row in found.taxonomy] == [CONFIRMED, REJECTED]
    assert set(found.candidates[0].label["features"]) == set(COLUMNS)


def test_what_is_not_in_force_or_measures_people_is_left_out(camera, reviewer, site):
    first = decided(camera, reviewer)
    decided(camera, reviewer).__class__.objects.exclude(pk=first.pk).update(mode="gold")
    stacked = decided(camera, reviewer)
    stacked.represented_by = first
    stacked.save()
    factories.item(factories.incident(camera, with_files=False), mode="double")
    factories.item(factories.incident(camera, with_files=False), status="needs_review")
    held = factories.item(factories.incident(camera, with_files=False), mode="double")
    factories.decision(held, reviewer, effect="held")
    assert [one.item_id for one in gathered(site).candidates] == [first.pk]


def test_the_last_verdict_counts(camera, reviewer, second_reviewer, site):
    item = decided(camera, reviewer, REJECTED, reason="low_quality")
    factories.decision(
        item, second_reviewer, verdict=REJECTED, reason="baseline_noise", item_version=2
    )
    assert len(gathered(site).candidates) == 1


def test_foreign_sites_are_not_looked_at(camera, reviewer):
    decided(camera, reviewer)
    assert gathered(factories.site()).candidates == []


def test_a_films_incidents_are_one_group_and_a_streams_are_those_of_a_day(camera, reviewer, site):
    site.time_zone = "Asia/Tokyo"
    site.save()
    film = factories.footage(camera)
    segment = factories.segment(film)
    for start in (1.0, 20.0):
        decided(camera, reviewer, footage=film, segment=segment, opened_at_seconds=start)
    stream = factories.footage(camera, kind=Footage.Kind.STREAM)
    part = factories.segment(stream)
    for hours in (1, 12):
        decided(camera, reviewer, footage=stream, segment=part, opened_at_seconds=3600.0 * hours)
    assert [one.group for one in gathered(site).candidates] == [
        f"footage {film.pk}",
        f"footage {film.pk}",
        f"camera {camera.pk} 2026-03-02",
        f"camera {camera.pk} 2026-03-03",
    ]


def test_the_past_of_a_camera_is_what_was_decided_before_an_incident_began(camera, reviewer, site):
    last = decided(camera, reviewer, opened_at_seconds=7200.0)
    began = last.incident.opened_at
    for minutes, verdict in ((-60, REJECTED), (-5, CONFIRMED), (0, REJECTED), (30, REJECTED)):
        at = began + timedelta(minutes=minutes)
        decided(camera, reviewer, verdict, decided_at=at)
    decided(factories.camera(site), reviewer, REJECTED, decided_at=began - timedelta(hours=1))
    known = decided_incidents.known_of(last.incident, site, decided_incidents.pasts(site))
    assert (known.past_rejected, known.past_decided) == (1, 2)


def test_nothing_that_comes_later_changes_what_is_known(camera, reviewer, site):
    first = decided(camera, reviewer)
    before = gathered(site).candidates[0]
    for number in range(3):
        decided(camera, reviewer, REJECTED, opened_at_seconds=100.0 + number)
    assert gathered(site).candidates[0] == before
    factories.decision(first, reviewer, item_version=5)
    assert gathered(site).candidates[0] == before


def test_zones_are_those_that_the_footage_was_watched_with(camera, reviewer, site):
    zones = [{"name": "entrance", "kind": "restricted", "polygon": []}]
    film = factories.footage(camera, configuration={"zones": zones})
    item = decided(camera, reviewer, footage=film)
    known = decided_incidents.known_of(item.incident, site, {})
    assert known.zone_kinds == ["restricted"]
    assert known.rule_kinds == ["loitering"]


def test_imports_say_so(camera, reviewer, site):
    decided(camera, reviewer, origin=Incident.Origin.IMPORT)
    (found,) = gathered(site).candidates
    assert found.origin == "import"


@pytest.mark.slow
def test_verdicts_become_a_model_that_ranks(camera, reviewer, site):
    serving = factories.deployment()
    rng = np.random.default_rng(0)
    for number in range(240):
        is_real = rng.random() < 0.5
        score = float(np.clip(rng.normal(0.75 if is_real else 0.45, 0.12), 0.05, 1.0))
        decided(
            camera,
            reviewer,
            CONFIRMED if is_real else REJECTED,
            deployment=serving,
            peak_score=score,
            seconds=20.0 if is_real else 6.0,
            decided_at=AT + timedelta(days=1, minutes=number),
        )
    dataset = datasets.freeze_now(datasets.freeze(slot=INCIDENT_TRIAGE).pk)
    assert dataset.state == "done", dataset.error_message
    run = runs.execute(runs.start(slot=INCIDENT_TRIAGE, trigger="command").run.pk)
    assert (run.state, run.error_message) == ("done", "")
    figures = run.version.judgements.get().challenger.figures
    assert figures["figure_name"] == "AUC"
    assert figures["auc"] == figures["figure"] > 0.9
    assert figures["average_precision"] > 0.8
    assert "confirmed" in figures["curves"]["precision_recall"]
    assert run.result["outcome"] == "promote"


def test_the_gate_compares_rankings_overall_by_category_and_by_camera():
    rng = np.random.default_rng(3)
    gate_camera = SimpleNamespace(name="Gate")
    entries = [
        SimpleNamespace(
            position=place,
            group=f"film {place // 3}",
            camera=gate_camera,
            label={
                "label": CONFIRMED if place % 2 else REJECTED,
                "features": {"category_loitering": float(place < 30), "category_unknown": 1.0},
            },
        )
        for place in range(60)
    ]
    dull = {one.position: [[CONFIRMED, 0.5], [REJECTED, 0.5]] for one in entries}
    keen = {
        one.position: [[CONFIRMED, float(rng.random() + one.position % 2)], [REJECTED, 0.0]]
        for one in entries
    }
    figure, slices = incident_triage.paired(None, entries, dull, keen)
    ones = np.ones((1, 20))
    assert (figure.values(ones, None)[0], figure.values(None, ones)[0]) == (0.5, 1.0)
    assert [(one.kind, one.name, one.positives) for one in slices] == [
        ("camera", "Gate", 30),
        ("class", "loitering", 15),
        ("class", "unknown", 15),
    ]


def test_a_model_that_knows_nothing_finds_all_equally_likely():
    entries = [SimpleNamespace(position=4)]
    scores = incident_triage.score(None, None, entries, Quiet())
    assert scores == {4: [[CONFIRMED, 0.5], [REJECTED, 0.5]]}
