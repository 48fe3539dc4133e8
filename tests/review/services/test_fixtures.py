"""A reviewer who rejects an unattended object as noise teaches the camera that it belongs there."""

import pytest

from detection.models import Fixture
from detection.services import cameras, fixtures
from hitlsite.models import AuditEntry
from review.services import decisions
from tests import factories

pytestmark = pytest.mark.django_db
BOX = [0.2, 0.6, 0.3, 0.8]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    incident = factories.incident(
        camera,
        with_files=False,
        category="object_left_unattended",
        class_name="backpack",
    )
    factories.rule_hit(
        incident, position=1, kind="object_left_unattended", numbers={"box_xyxy": BOX}
    )
    return factories.item(incident)


def reject(item, by, reason="baseline_noise"):
    return decisions.decide(item.pk, by=by, verdict="rejected", reason=reason)


def told(action):
    return AuditEntry.objects.select_related("detail").get(action=action).detail.content


def test_what_is_rejected_as_noise_belongs_there(item, camera, reviewer):
    reject(item, reviewer)

    kept = Fixture.objects.get()
    assert (kept.camera, kept.incident, kept.class_name) == (camera, item.incident, "backpack")
    assert cameras.fixture_boxes(camera) == [tuple(BOX)]
    assert told("fixture.added") == {
        "incident": item.incident_id,
        "box_xyxy": BOX,
        "class_name": "backpack",
    }


@pytest.mark.parametrize("reason", ["wrong_class", "duplicate", "low_quality"])
def test_other_reasons_teach_nothing_about_the_place(item, camera, reviewer, reason):
    reject(item, reviewer, reason)

    assert cameras.fixture_boxes(camera) == []


def test_a_confirmed_object_does_not_belong_there(item, camera, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert cameras.fixture_boxes(camera) == []


def test_incidents_of_other_rules_have_no_place(camera, reviewer):
    item = factories.item(factories.incident(camera, with_files=False))
    reject(item, reviewer)

    assert cameras.fixture_boxes(camera) == []


def test_taking_the_verdict_back_takes_the_fixture_back(item, camera, reviewer):
    reject(item, reviewer)
    decisions.undo(by=reviewer)

    assert cameras.fixture_boxes(camera) == []
    assert told("fixture.removed") == told("fixture.added")


def test_reopening_the_item_takes_the_fixture_back(item, camera, reviewer, supervisor):
    reject(item, reviewer)
    decisions.reopen(item.pk, by=supervisor, note="somebody did leave it")

    assert cameras.fixture_boxes(camera) == []


def test_a_fixture_can_be_removed_while_the_verdict_stays(item, camera, reviewer, supervisor):
    reject(item, reviewer)
    fixtures.remove(Fixture.objects.get(), by=supervisor)

    assert cameras.fixture_boxes(camera) == []
    item.refresh_from_db()
    assert item.status == "rejected"
