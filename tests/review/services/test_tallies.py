"""The kept numbers follow every act, whatever the order."""

import random
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from hitlsite.errors import Conflict, DomainError
from review import selectors
from review.models import ItemTally, TrainingItem
from review.services import bulk, conversion, decisions, gold, proposing, tallies
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]
STATUSES = TrainingItem.Status.values


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def kept(site):
    rows = ItemTally.objects.filter(site=site).values_list("status", "count")
    return dict.fromkeys(STATUSES, 0) | dict(rows)


def truth(site):
    items = TrainingItem.objects.filter(site=site).exclude(mode="gold")
    return dict.fromkeys(STATUSES, 0) | Counter(items.values_list("status", flat=True))


class Walk:
    """One reviewer and one supervisor who do whatever chance says to whatever is there."""

    def __init__(self, seed, camera, reviewer, supervisor, scanner):
        self.chance = random.Random(seed)
        self.camera, self.reviewer, self.supervisor = camera, reviewer, supervisor
        self.scanner = scanner
        self.served = factories.deployment()
        self.done = set()

    def some(self, **filters):
        found = TrainingItem.objects.filter(camera=self.camera, **filters).order_by("pk")
        return self.chance.choice(list(found) or [None])

    def who(self):
        return self.chance.choice([self.reviewer, self.supervisor])

    def convert(self):
        incident = factories.incident(self.camera, with_files=False, deployment=self.served)
        conversion.convert(incident, scanner=self.scanner)

    def decide(self):
        verdict = self.chance.choice(["confirmed", "rejected", "needs_review"])
        reason = "duplicate" if verdict == "rejected" else ""
        decisions.decide(self.some().pk, by=self.who(), verdict=verdict, reason=reason)

    def decide_many(self):
        pending = TrainingItem.objects.filter(camera=self.camera)[:3]
        bulk.decide_many([item.pk for item in pending], by=self.who(), verdict="confirmed")

    def undo(self):
        decisions.undo(by=self.who())

    def reopen(self):
        item = self.some(status__in=["confirmed", "rejected"])
        decisions.reopen(item.pk, by=self.supervisor, note="again")

    def make_gold(self):
        gold.set_gold(self.some().pk, by=self.supervisor, verdict="confirmed")

    def retire_gold(self):
        gold.retire_gold(self.some(mode="gold").pk, by=self.supervisor)

    def confirm_before_its_redaction(self):
        item = factories.item(
            factories.incident(self.camera, deployment=self.served),
            privacy="faces",
            proposal="waiting",
        )
        decisions.decide(item.pk, by=self.reviewer, verdict="confirmed")

    def settle(self):
        item = self.some(proposal="waiting")
        proposing.propose_waiting(item.pk, scanner=self.scanner)

    def step(self):
        acts = [self.convert, self.decide, self.decide, self.decide_many, self.undo, self.reopen]
        acts += [self.make_gold, self.retire_gold, self.confirm_before_its_redaction, self.settle]
        act = self.chance.choice(acts)
        try:
            act()
            self.done.add(act.__name__)
        except (DomainError, AttributeError) as error:
            # Refused, or nothing there to do it to.
            assert isinstance(error, DomainError) or "NoneType" in str(error), act
        return act.__name__


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_the_truth_after_every_act(
    seed, share, camera, reviewer, supervisor, scanner, settings
):
    settings.SECOND_REVIEW_SHARE, settings.UNDO_SECONDS = share, 600
    walk = Walk(seed, camera, reviewer, supervisor, scanner)
    walk.convert()
    for number in range(50):
        act = walk.step()
        assert kept(camera.site) == truth(camera.site), (number, act)
    assert len(walk.done) > 6, walk.done
    seen = selectors.counts(supervisor)
    assert {status: seen[status] for status in STATUSES} == truth(camera.site)


def test_a_recount_repairs_and_says_what_was_off(camera, site, capsys):
    for status in ("pending_review", "pending_review", "confirmed"):
        factories.item(factories.incident(camera, with_files=False), status=status)
    ItemTally.objects.filter(site=site, status="pending_review").update(count=40)
    ItemTally.objects.filter(site=site, status="confirmed").delete()

    assert tallies.recount(site) == {"pending_review": (40, 2), "confirmed": (0, 1)}
    assert kept(site) == truth(site)
    assert tallies.recount(site) == {}

    ItemTally.objects.filter(site=site, status="rejected").update(count=-3)
    call_command("recount_items", site=site.name)
    assert capsys.readouterr().out == "Harbour: rejected -3 -> 0\n"
    call_command("recount_items")
    assert "Harbour: every number was right\n" in capsys.readouterr().out


def test_a_recount_of_a_site_that_is_not_there(site):
    with pytest.raises(CommandError, match="There is no site 'Atlantis'"):
        call_command("recount_items", site="Atlantis")


def test_a_move_that_is_refused_changes_no_number(camera, site, reviewer):
    item = factories.item(factories.incident(camera, with_files=False), status="confirmed")
    before = kept(site)

    with pytest.raises(Conflict):
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert kept(site) == before == truth(site)


def test_counting_takes_no_more_for_many(camera, reviewer, django_assert_num_queries):
    reviewer.has_perm("review.view_trainingitem")
    for _ in range(5):
        factories.item(factories.incident(camera, with_files=False))
    with django_assert_num_queries(1):
        assert selectors.counts(reviewer)["pending_review"] == 5


def test_with_filters_the_rows_are_counted_up_to_a_bound(camera, reviewer, monkeypatch):
    other = factories.camera(camera.site, "Yard")
    for where in (camera, camera, camera, other):
        factories.item(factories.incident(where, with_files=False))
    factories.item(factories.incident(camera, with_files=False), mode="gold")

    found = selectors.counts(reviewer, {"camera": camera.pk, "status": "confirmed"})
    assert (found["pending_review"], found["is_capped"]) == (3, False)

    monkeypatch.setattr("review.selectors.pages.MOST_COUNTED", 2)
    found = selectors.counts(reviewer, {"camera": camera.pk})
    assert (found["pending_review"], found["is_capped"]) == (2, True)


def test_what_measures_people_is_in_no_number(camera, site, reviewer, outsider):
    factories.item(factories.incident(camera, with_files=False), mode="gold")

    assert kept(site)["pending_review"] == 0
    assert selectors.counts(reviewer)["pending_review"] == 0
    assert selectors.counts(outsider)["pending_review"] == 0
