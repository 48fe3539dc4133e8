"""Filters under a name: one's own, at most twenty, and honest when they no longer fit."""

import pytest

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review.models import SavedFilter
from review.services import saved_filters
from tests import factories

pytestmark = pytest.mark.django_db


def test_saving_again_under_a_name_replaces_it(camera, reviewer):
    saved_filters.save("  Night   shift ", {"camera": camera.pk, "after": "x"}, by=reviewer)
    kept = saved_filters.save("Night shift", {"status": "needs_review"}, by=reviewer)

    assert saved_filters.of(reviewer) == [kept]
    assert (kept.name, kept.query) == ("Night shift", "status=needs_review")


def test_everybody_has_their_own(camera, reviewer, second_reviewer):
    mine = saved_filters.save("Mine", {"camera": camera.pk}, by=reviewer)
    theirs = saved_filters.save("Mine", {}, by=second_reviewer)

    assert saved_filters.of(second_reviewer) == [theirs]
    with pytest.raises(NotFound):
        saved_filters.delete(mine.pk, by=second_reviewer)
    assert saved_filters.delete(mine.pk, by=reviewer) == "Mine"
    assert saved_filters.of(reviewer) == []


def test_there_are_twenty_at_most(reviewer):
    for number in range(20):
        saved_filters.save(f"Filter {number}", {}, by=reviewer)

    saved_filters.save("Filter 3", {"status": "all"}, by=reviewer)
    with pytest.raises(Conflict, match="20 saved filters"):
        saved_filters.save("One more", {}, by=reviewer)
    assert SavedFilter.objects.count() == 20


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "\ud800", None])
def test_a_name_that_is_none(reviewer, name):
    with pytest.raises(DomainError) as refusal:
        saved_filters.save(name, {}, by=reviewer)
    assert list(refusal.value.fields) == ["name"]


def test_filters_that_are_none(reviewer, outsider, camera, device_user):
    with pytest.raises(DomainError) as refusal:
        saved_filters.save("x", {"camera": camera.pk}, by=outsider)
    assert list(refusal.value.fields) == ["camera"]
    with pytest.raises(DomainError):
        saved_filters.save("x", {"mode": "gold"}, by=reviewer)
    with pytest.raises(Forbidden):
        saved_filters.save("x", {}, by=device_user)
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("pk", ["x", -1, 2**70, None])
def test_deleting_what_is_not_there(reviewer, pk):
    with pytest.raises(NotFound):
        saved_filters.delete(pk, by=reviewer)


def test_another_site_s_camera_is_no_filter(reviewer):
    elsewhere = factories.camera()
    with pytest.raises(DomainError):
        saved_filters.save("x", {"camera": elsewhere.pk}, by=reviewer)
