"""An answer about a random minute says what was missed, or that nothing was."""

import pytest

from detection.models import Fixture, Incident
from hitlsite.errors import DomainError
from review.selectors import similar
from review.services import conversion, stacks
from review.services.decisions import decide
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def minute(camera):
    incident = factories.incident(
        camera,
        origin="audit_minute",
        inclusion_probability=0.002,
        category="unknown",
        class_name="",
        with_files=False,
    )
    incident.rule_hits.all().delete()
    return factories.item(incident)


def test_confirmed_it_needs_a_category(minute, reviewer):
    with pytest.raises(DomainError) as caught:
        decide(minute.pk, by=reviewer, verdict="confirmed")
    assert "category" in caught.value.fields
    decide(minute.pk, by=reviewer, verdict="confirmed", category="loitering")
    minute.refresh_from_db()
    assert (minute.status, minute.category) == ("confirmed", "loitering")


@pytest.mark.parametrize("category", ["", "unknown"])
def test_unknown_is_no_answer(minute, reviewer, category):
    with pytest.raises(DomainError):
        decide(minute.pk, by=reviewer, verdict="confirmed", category=category)


def test_it_has_no_class_that_could_be_wrong(minute, reviewer):
    with pytest.raises(DomainError) as caught:
        decide(minute.pk, by=reviewer, verdict="rejected", reason="wrong_class")
    assert "reason" in caught.value.fields


@pytest.mark.parametrize("reason", ["baseline_noise", "duplicate", "low_quality"])
def test_rejected_it_may_be_for_any_other_reason(minute, reviewer, reason):
    decide(minute.pk, by=reviewer, verdict="rejected", reason=reason)
    minute.refresh_from_db()
    assert minute.status == "rejected"


def test_incidents_of_rules_are_answered_as_before(camera, reviewer):
    item = factories.item(factories.incident(camera, category="unknown", with_files=False))
    decide(item.pk, by=reviewer, verdict="confirmed")


def test_nothing_missed_makes_no_fixture(camera, reviewer):
    incident = factories.incident(
        camera, origin="near_miss", inclusion_probability=0.5, with_files=False
    )
    numbers = {"box_xyxy": [0.1, 0.1, 0.2, 0.2]}
    factories.rule_hit(incident, position=1, kind="object_left_unattended", numbers=numbers)
    item = factories.item(incident)
    decide(item.pk, by=reviewer, verdict="rejected", reason="baseline_noise")
    assert not Fixture.objects.exists()


def test_its_item_says_how_likely_it_was(camera):
    incident = factories.incident(
        camera, origin="audit_minute", inclusion_probability=0.002, with_files=False
    )
    item, is_new = conversion.convert(incident)
    assert is_new
    assert item.provenance["inclusion_probability"] == 0.002
    assert item.provenance["sampled"] == "audit_minute"


def test_samples_are_in_no_stack_and_beside_no_incident(camera):
    source = factories.footage(camera)
    part = factories.segment(source)
    made = [
        factories.incident(
            footage=source,
            segment=part,
            with_files=False,
            origin=origin,
            inclusion_probability=0.5 if origin == "near_miss" else None,
        )
        for origin in ("near_miss", "rule", "near_miss", "rule")
    ]
    items = []
    for one in made:
        items.append(factories.item(one))
        stacks.assign(items[-1])
    assert [item.stack for item in items] == [None, None, None, items[1]]
    assert [one.incident.origin for one in similar(items[1])] == ["rule"]
    assert Incident.objects.reported().count() == 2
