"""How people judge, counted from what they said."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from review import selectors
from review.selectors import Period
from review.services import decisions, gold
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ALL = Period()


def item(camera, **columns):
    return factories.item(factories.incident(camera, with_files=False), **columns)


def both(camera, one, other, first="confirmed", second="confirmed", at=NOW, **columns):
    """Let two people judge a new item blind."""
    judged = item(camera, mode="double", **columns)
    for by, verdict in ((one, first), (other, second)):
        reason = "duplicate" if verdict == "rejected" else ""
        decisions.decide(judged.pk, by=by, verdict=verdict, reason=reason, at=at, seconds_taken=4)
    return judged


@pytest.fixture
def pairs(camera, reviewer, second_reviewer, supervisor):
    both(camera, reviewer, second_reviewer)
    both(
        camera,
        second_reviewer,
        reviewer,
        "rejected",
        "rejected",
        category="aggression",
        proposed_category="aggression",
    )
    return both(camera, reviewer, supervisor, "confirmed", "rejected")


def rows(found):
    return {row.name: row for row in found.reviewers}


def test_everybody_and_by_category(pairs, supervisor):
    found = selectors.statistics(supervisor, ALL)

    assert (found.everybody.pairs, found.everybody.agreed) == (3, 2)
    assert [(row.category, row.kappa.pairs) for row in found.categories] == [
        ("aggression", 1),
        ("loitering", 2),
    ]


def test_by_reviewer_against_all_others(pairs, supervisor):
    found = rows(selectors.statistics(supervisor, ALL))

    assert list(found) == ["Ada Byron", "Grace Hopper", "supervisor"]
    assert {name: (row.kappa.pairs, row.kappa.agreed) for name, row in found.items()} == {
        "Ada Byron": (3, 2),
        "Grace Hopper": (2, 2),
        "supervisor": (1, 0),
    }
    assert found["Ada Byron"].judged == 3


def test_a_supervisor_s_last_word_is_no_pair(pairs, supervisor):
    decisions.decide(pairs.pk, by=supervisor, verdict="confirmed")
    assert selectors.statistics(supervisor, ALL).everybody.agreed == 2


def test_what_does_not_stand_does_not_count(camera, reviewer, second_reviewer, supervisor):
    both(camera, reviewer, second_reviewer)
    decisions.undo(by=second_reviewer, at=NOW)
    held = item(camera, mode="double")
    decisions.decide(held.pk, by=reviewer, verdict="confirmed")
    decisions.decide(item(camera).pk, by=reviewer, verdict="confirmed")

    found = selectors.statistics(supervisor, ALL)
    assert found.everybody.pairs == 0
    assert found.everybody.why
    assert {row.name: row.judged for row in found.reviewers} == {"Ada Byron": 3}


def test_a_reopened_pair_stays_a_pair(camera, reviewer, second_reviewer, supervisor):
    judged = both(camera, reviewer, second_reviewer)
    decisions.reopen(judged.pk, by=supervisor, note="look again")
    decisions.decide(judged.pk, by=supervisor, verdict="rejected", reason="duplicate")
    found = selectors.statistics(supervisor, ALL).everybody
    assert (found.pairs, found.agreed) == (1, 1)


def test_known_answers_without_those_who_set_them(camera, reviewer, second_reviewer, supervisor):
    for verdict in ("confirmed", "needs_review"):
        known = item(camera)
        gold.set_gold(known.pk, by=supervisor, verdict="confirmed")
        decisions.decide(known.pk, by=reviewer, verdict=verdict)
        decisions.decide(known.pk, by=supervisor, verdict="confirmed")

    found = rows(selectors.statistics(supervisor, ALL))
    assert (found["Ada Byron"].gold.count, found["Ada Byron"].gold.total) == (1, 2)
    assert found["Ada Byron"].gold.low < 0.5 < found["Ada Byron"].gold.high
    assert found["supervisor"].gold.total == 0
    # Verdicts that measure are no pairs, even where several people gave them.
    assert selectors.statistics(supervisor, ALL).everybody.pairs == 0


def test_the_middle_of_seconds(camera, reviewer, supervisor):
    for seconds in (1.0, 2.0, 3.0, 50.0, None):
        decisions.decide(item(camera).pk, by=reviewer, verdict="confirmed", seconds_taken=seconds)
    few = rows(selectors.statistics(supervisor, ALL))["Ada Byron"]
    assert (few.judged, few.median_seconds) == (5, None)
    decisions.decide(item(camera).pk, by=reviewer, verdict="confirmed", seconds_taken=4.0)
    assert rows(selectors.statistics(supervisor, ALL))["Ada Byron"].median_seconds == 3.0


def test_nobody_is_ranked_by_speed(camera, reviewer, second_reviewer, supervisor):
    for by, seconds in ((second_reviewer, 1.0), (reviewer, 90.0)):
        for _ in range(5):
            decisions.decide(item(camera).pk, by=by, verdict="confirmed", seconds_taken=seconds)
    names = [row.name for row in selectors.statistics(supervisor, ALL).reviewers]
    assert names == sorted(names)


def test_days_are_the_site_s(camera, reviewer, second_reviewer, supervisor):
    camera.site.time_zone = "Pacific/Auckland"
    camera.site.save()
    late = datetime(2026, 3, 2, 23, 30, tzinfo=ZoneInfo("Pacific/Auckland"))
    both(camera, reviewer, second_reviewer, at=late)
    both(camera, reviewer, second_reviewer, at=late + timedelta(hours=1))

    def counted(since, until):
        return selectors.statistics(supervisor, Period(since, until)).everybody.pairs

    second, third = date(2026, 3, 2), date(2026, 3, 3)
    assert counted(second, second) == counted(third, third) == 1
    assert counted(second, third) == counted(None, third) == counted(second, None) == 2
    assert counted(third, second) == 0


def test_a_reviewer_sees_their_own(pairs, reviewer):
    found = selectors.statistics(reviewer, ALL)
    assert (found.everybody, found.categories) == (None, [])
    assert [(row.name, row.kappa.pairs) for row in found.reviewers] == [("Ada Byron", 3)]


def test_another_site_s_people_are_not_there(pairs, outsider, superuser):
    found = selectors.statistics(outsider, ALL)
    assert [row.kappa.pairs for row in found.reviewers] == [0]
    assert selectors.statistics(superuser, ALL).everybody.pairs == 3


def test_what_waits_for_a_supervisor(
    pairs, camera, reviewer, second_reviewer, supervisor, outsider
):
    asked = item(camera)
    decisions.decide(asked.pk, by=reviewer, verdict="needs_review", note="who is that?")
    agreed = both(camera, reviewer, second_reviewer, "needs_review", "needs_review")

    total, waiting = selectors.waiting_for_supervisor(supervisor)

    found = {one.item.pk: one for one in waiting}
    assert (total, set(found)) == (3, {pairs.pk, asked.pk, agreed.pk})
    assert [found[pk].differs for pk in (pairs.pk, asked.pk, agreed.pk)] == [True, False, False]
    said = [(one.reviewer, one.verdict) for one in found[pairs.pk].decisions]
    assert said == [(reviewer, "confirmed"), (supervisor, "rejected")]
    assert found[asked.pk].decisions[0].note == "who is that?"
    assert list(selectors.differing_items(supervisor)) == [pairs]
    assert selectors.waiting_for_supervisor(outsider) == (0, [])


def test_statistics_cost_the_same_for_many(
    pairs, camera, reviewer, second_reviewer, supervisor, django_assert_max_num_queries
):
    for _ in range(10):
        both(camera, reviewer, second_reviewer)
    supervisor.has_perm("review.view_agreement")
    with django_assert_max_num_queries(7):
        selectors.statistics(supervisor, ALL)
    with django_assert_max_num_queries(6):
        selectors.waiting_for_supervisor(supervisor)
