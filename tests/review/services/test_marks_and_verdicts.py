"""A photo's mark is taken back and set again around what people said of its item."""

import pytest

from hitlsite.errors import Conflict
from review.models import TrainingItem
from review.services import decisions, marks, photo_items
from review.services.photo_items import is_put_aside
from tests import photos

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def item(camera, reviewer):
    return photos.looked_at(photos.marked(photos.photo(camera), reviewer)[1])


def mark_anew(item, by):
    marks.unmark(item.photo_id, by=by)
    item.refresh_from_db()
    assert is_put_aside(item)
    marks.mark(item.photo_id, by=by, reason="other")
    item.refresh_from_db()


def test_what_waits_for_a_supervisor_comes_back_to_the_supervisor(item, reviewer, supervisor):
    decisions.decide(item.pk, by=reviewer, verdict="needs_review")
    mark_anew(item, reviewer)
    assert item.status == "needs_review"

    decisions.decide(item.pk, by=supervisor, verdict="confirmed")
    decisions.reopen(item.pk, by=supervisor, note="once more")
    item.refresh_from_db()
    mark_anew(item, reviewer)
    assert item.status == "pending_review"


def test_a_verdict_on_what_has_left_the_queue_is_not_taken_back(item, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="needs_review")
    marks.unmark(item.photo_id, by=reviewer)
    with pytest.raises(Conflict, match="no longer marked") as refusal:
        decisions.undo(by=reviewer)
    assert refusal.value.code == "already_decided"
    item.refresh_from_db()
    assert is_put_aside(item)


def test_what_came_with_boxes_from_elsewhere_needs_no_mark(camera, reviewer):
    photo = photos.photo(camera, origin="import")
    item, is_new = photo_items.imported(photo, by=reviewer)
    marks.mark(photo.pk, by=reviewer, reason="other")
    marks.unmark(photo.pk, by=reviewer)
    assert is_new
    assert TrainingItem.objects.get() == item
    assert TrainingItem.objects.get().status == "pending_review"
