"""A verdict is taken back by who gave it, for a minute, while nothing has used it."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from detection.services.evidence import purge_sealed
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.models import Decision, TrainingItem
from review.services import decisions
from review.services.redactions import is_copy_needed
from review.services.undoing import undoable
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera, with_files=False))


def fresh(item):
    return TrainingItem.objects.get(pk=item.pk)


def shown_bytes(item):
    return {row.kind: default_storage.open(row.path).read() for row in item.incident.evidence.all()}


@pytest.mark.parametrize("verdict", ["confirmed", "rejected", "needs_review"])
def test_the_item_stands_where_it_stood(item, reviewer, verdict):
    reason = "duplicate" if verdict == "rejected" else ""
    given = decisions.decide(item.pk, by=reviewer, verdict=verdict, reason=reason)

    undone = decisions.undo(by=reviewer)

    assert (undone.verdict, undone.undoes, undone.item) == ("undone", given, fresh(item))
    assert (fresh(item).status, fresh(item).decided_at) == ("pending_review", None)
    assert fresh(item).version > undone.item_version
    assert Decision.objects.count() == 2


def test_a_corrected_category_goes_back(item, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", category="aggression")
    decisions.undo(by=reviewer)

    assert fresh(item).category == "loitering"


def test_a_supervisor_s_verdict_goes_back_to_needs_review(camera, supervisor):
    incident = factories.incident(camera, with_files=False)
    item = factories.item(incident, status="needs_review")
    decisions.decide(item.pk, by=supervisor, verdict="confirmed")
    decisions.undo(by=supervisor)

    assert fresh(item).status == "needs_review"


def test_the_original_files_come_back_identical(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="faces")
    before = shown_bytes(item)
    given = decisions.decide(item.pk, by=reviewer, verdict="confirmed", at=NOW)
    assert shown_bytes(item) != before

    decisions.undo(by=reviewer, decision_id=given.pk, at=NOW + timedelta(seconds=59))

    assert shown_bytes(item) == before
    assert (fresh(item).privacy, fresh(item).proposal) == ("faces", "ready")
    purge_sealed(NOW + timedelta(days=9), is_needed=is_copy_needed)
    assert shown_bytes(item) == before
    again = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    assert (again.effect, fresh(item).status) == ("applied", "confirmed")


def test_a_redaction_from_before_the_verdict_stays(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="redacted")
    before = shown_bytes(item)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    decisions.undo(by=reviewer)

    assert (shown_bytes(item), fresh(item).privacy) == (before, "redacted")


def test_a_waiting_confirmation_is_void(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="faces", proposal="waiting")
    waiting = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    decisions.undo(by=reviewer)

    waiting.refresh_from_db()
    assert (waiting.effect, fresh(item).status) == ("void", "pending_review")
    decisions.decide(item.pk, by=reviewer, verdict="needs_review")


@pytest.mark.parametrize(("seconds", "is_late"), [(0, False), (60, False), (60.1, True)])
def test_the_minute_is_a_minute(item, reviewer, seconds, is_late):
    given = decisions.decide(item.pk, by=reviewer, verdict="confirmed", at=NOW)
    later = NOW + timedelta(seconds=seconds)

    if is_late:
        for decision_id, code in ((given.pk, "undo_too_late"), (None, "nothing_to_undo")):
            with pytest.raises(Conflict) as refusal:
                decisions.undo(by=reviewer, decision_id=decision_id, at=later)
            assert refusal.value.code == code
    else:
        decisions.undo(by=reviewer, at=later)


def test_only_the_last_ten_in_reverse_order(camera, reviewer, settings):
    settings.UNDO_DEPTH = 2
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(3)]
    given = [decisions.decide(one.pk, by=reviewer, verdict="confirmed") for one in items]

    assert undoable(reviewer) == [given[2], given[1]]
    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer, decision_id=given[0].pk)
    assert refusal.value.code == "undo_too_late"
    assert [decisions.undo(by=reviewer).undoes for _ in range(2)] == [given[2], given[1]]
    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer)
    assert refusal.value.code == "nothing_to_undo"


def test_what_was_used_stays(item, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    TrainingItem.objects.filter(pk=item.pk).update(used_at=NOW)

    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer)
    assert (refusal.value.code, fresh(item).status) == ("already_used", "confirmed")


def test_what_was_decided_since_stays(item, reviewer, supervisor):
    given = decisions.decide(item.pk, by=reviewer, verdict="needs_review")
    decisions.decide(item.pk, by=supervisor, verdict="confirmed")

    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer, decision_id=given.pk)
    assert refusal.value.code == "already_decided"


def test_a_verdict_is_taken_back_once(item, reviewer):
    given = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    undone = decisions.undo(by=reviewer)

    for decision_id in (given.pk, undone.pk):
        with pytest.raises(Conflict) as refusal:
            decisions.undo(by=reviewer, decision_id=decision_id)
        assert refusal.value.code == "nothing_to_undo"


def test_nobody_takes_back_another_s(item, reviewer, supervisor, outsider):
    given = decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    with pytest.raises(Forbidden, match="Only Ada Byron"):
        decisions.undo(by=supervisor, decision_id=given.pk)
    with pytest.raises(NotFound):
        decisions.undo(by=outsider, decision_id=given.pk)
    for nobody in (0, 2**70, "x"):
        with pytest.raises(NotFound):
            decisions.undo(by=reviewer, decision_id=nobody)
    assert fresh(item).status == "confirmed"


def test_an_original_that_is_gone_leaves_the_redaction(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="faces")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", at=NOW)
    redacted = shown_bytes(item)
    purge_sealed(NOW + timedelta(hours=1), is_needed=is_copy_needed)

    decisions.undo(by=reviewer, at=NOW + timedelta(seconds=30))

    assert (shown_bytes(item), fresh(item).privacy) == (redacted, "redacted")
    assert fresh(item).status == "pending_review"
