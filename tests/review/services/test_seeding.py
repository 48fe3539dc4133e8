"""Seeded sites: as many items as asked for, in order, ready to be decided."""

import pytest
from django.core.management import CommandError, call_command

from hitlsite.errors import DomainError
from review import selectors
from review.models import TrainingItem
from review.services import decisions, seeding
from tests.cast import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def test_a_seeded_site_is_ready_for_review():
    told = []
    site = seeding.seed("Busy", 1005, progress=told.append)
    reviewer = person("somebody", "reviewer", site)

    assert told == [1000, 1005]
    assert selectors.counts(reviewer)["pending_review"] == 1005
    items = selectors.items_page(reviewer, size=3).items
    assert [item.is_private for item in items] == [True] * 3
    assert [row.sha256 == row.original_sha256 for item in items for row in item.evidence]
    assert decisions.decide(items[0].pk, by=reviewer, verdict="confirmed").effect == "applied"


def test_the_same_seed_gives_the_same_items():
    one, other = (seeding.seed(name, 20, seed=7) for name in ("One", "Other"))
    first, second = (
        list(
            TrainingItem.objects.filter(site=site)
            .order_by("pk")
            .values_list("category", "severity", "priority", "incident__peak_score")
        )
        for site in (one, other)
    )
    assert first == second
    assert len(set(first)) > 10


@pytest.mark.parametrize(("share", "modes"), [(0, {"single"}), (1, {"double"})])
def test_the_share_of_second_reviews_holds_for_them_too(settings, share, modes):
    settings.SECOND_REVIEW_SHARE = share
    site = seeding.seed("Busy", 5)
    assert set(TrainingItem.objects.filter(site=site).values_list("mode", flat=True)) == modes


def test_a_site_of_somebody_is_left_alone(site):
    with pytest.raises(DomainError, match="There is a site 'Harbour'"):
        seeding.seed(site.name, 5)
    assert not TrainingItem.objects.exists()
    with pytest.raises(CommandError, match="The count must be 1 to"):
        call_command("seed_items", site="Busy", count=0)
