"""How people judge: where two of them agree, how often a known answer is given, how long it takes.

People are listed by name. Nothing here says who is quicker than whom.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import F, Q
from django.utils import timezone

from review.agreement import Kappa, Share, cohens_kappa, rating, wilson
from review.models import Decision, GoldAnswer
from review.selectors.access import visible_sites
from review.selectors.decisions import GIVEN

DEFAULT_DAYS = 90
FEWEST_TIMED = 5
Effect = Decision.Effect
_STANDING = Q(verdict__in=GIVEN, undone_by__isnull=True) & ~Q(effect=Effect.VOID)


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, in the time zone of each site; None leaves that end open."""

    since: date | None = None
    until: date | None = None

    @classmethod
    def recent(cls, *, today=None):
        today = today or timezone.now().date()
        return cls(today - timedelta(days=DEFAULT_DAYS - 1), None)

    def bounds(self, zone):
        """Return (start, end) as aware datetimes, the end not included; None for an open one."""
        start = datetime.combine(self.since, time.min, zone) if self.since else None
        after = self.until + timedelta(days=1) if self.until else None
        return start, datetime.combine(after, time.min, zone) if after else None


@dataclass(frozen=True, slots=True)
class Said:
    """One of two blind verdicts, reduced to what can be compared."""

    reviewer_id: int
    rating: str


@dataclass(frozen=True, slots=True)
class Pair:
    item_id: int
    category: str
    first: Said
    second: Said
    at: datetime

    @property
    def agrees(self):
        return self.first.rating == self.second.rating

    def seen_by(self, reviewer_id):
        """Return (the reviewer's own rating, the other's)."""
        own, other = self.first, self.second
        if own.reviewer_id != reviewer_id:
            own, other = other, own
        return own.rating, other.rating


@dataclass(frozen=True, slots=True)
class CategoryRow:
    category: str
    kappa: Kappa


@dataclass(frozen=True, slots=True)
class ReviewerRow:
    name: str
    judged: int
    median_seconds: float | None
    kappa: Kappa
    gold: Share


@dataclass(frozen=True, slots=True)
class Statistics:
    """``everybody`` and ``categories`` are empty where somebody may read only their own row."""

    reviewers: list[ReviewerRow]
    everybody: Kappa | None = None
    categories: list[CategoryRow] = field(default_factory=list)


def statistics(user, period=None):
    """Return how the people of ``user``'s sites judge, or ``user`` alone without view_agreement."""
    period = period or Period.recent()
    pairs = blind_pairs(user, period)
    timed, gold = _seconds(user, period), _gold(user, period)
    if not user.has_perm("review.view_agreement"):
        return Statistics([_reviewer_row(user.pk, _name(user), pairs, timed, gold)])
    pairs_by_category = defaultdict(list)
    for pair in pairs:
        pairs_by_category[pair.category].append((pair.first.rating, pair.second.rating))
    people = get_user_model().objects.in_bulk(set(timed))
    names = sorted((_name(person).casefold(), pk) for pk, person in people.items())
    return Statistics(
        [_reviewer_row(pk, _name(people[pk]), pairs, timed, gold) for _, pk in names],
        cohens_kappa([(pair.first.rating, pair.second.rating) for pair in pairs]),
        [
            CategoryRow(category, cohens_kappa(rated))
            for category, rated in sorted(pairs_by_category.items())
        ],
    )


def overall_agreement(user, period=None):
    """Return the kappa of all pairs that ``user`` may see."""
    pairs = blind_pairs(user, period or Period.recent())
    return cohens_kappa([(pair.first.rating, pair.second.rating) for pair in pairs])


def _name(person):
    return person.get_full_name() or person.get_username()


def _reviewer_row(pk, name, pairs, timed, gold):
    own = [
        pair.seen_by(pk)
        for pair in pairs
        if pk in (pair.first.reviewer_id, pair.second.reviewer_id)
    ]
    taken = [seconds for seconds in timed.get(pk, ()) if seconds is not None]
    return ReviewerRow(
        name,
        len(timed.get(pk, ())),
        median(taken) if len(taken) >= FEWEST_TIMED else None,
        cohens_kappa(own),
        wilson(*gold.get(pk, (0, 0))),
    )


def blind_pairs(user, period):
    """Return every two blind verdicts on one item that both stand, by when the second was given."""
    pairs = []
    for site in visible_sites(user):
        start, end = period.bounds(ZoneInfo(site.time_zone))
        pairs += [
            pair
            for pair in _pairs_of(site)
            if (start is None or pair.at >= start) and (end is None or pair.at < end)
        ]
    return pairs


def _pairs_of(site):
    counted = Decision.objects.filter(
        effect=Effect.COUNTED, item__site=site, item__gold__isnull=True
    )
    rows = (
        Decision.objects.filter(_STANDING, item__in=counted.values("item"))
        .exclude(effect=Effect.HELD)
        .order_by("item", "pk")
        .values_list("item", "item__proposed_category", "reviewer", "verdict", "category", "at")
    )
    first = None
    paired = None
    for item, proposed, reviewer, verdict, category, at in rows.iterator():
        said = Said(reviewer, rating(verdict, category or proposed))
        if item == paired:
            continue  # a supervisor's verdict on what two saw differently
        if first is not None and first[0] == item:
            yield Pair(item, proposed, first[1], said, at)
            paired = item
        else:
            first = item, said


def _seconds(user, period):
    """Return {reviewer id: [seconds taken or None for each standing verdict]}."""
    taken = defaultdict(list)
    for decisions in _of_sites(user, period, Decision.objects.filter(_STANDING)):
        for reviewer, seconds in decisions.values_list("reviewer", "seconds_taken").iterator():
            taken[reviewer].append(seconds)
    return taken


def _gold(user, period):
    """Return {reviewer id: (verdicts like the known answer, all)}; who set it is left out."""
    found = defaultdict(lambda: (0, 0))
    counted = Decision.objects.filter(
        _STANDING, effect=Effect.COUNTED, item__gold__isnull=False
    ).exclude(reviewer=F("item__gold__set_by"))
    columns = ("reviewer", "verdict", "category", "item__proposed_category")
    answer = ("item__gold__verdict", "item__gold__category")
    for decisions in _of_sites(user, period, counted):
        for row in decisions.values_list(*columns, *answer):
            reviewer, verdict, category, proposed, known, known_category = row
            said = rating(verdict, category or proposed)
            right = said == rating(known, known_category or proposed)
            count, total = found[reviewer]
            found[reviewer] = count + right, total + 1
    return found


def _of_sites(user, period, decisions):
    for site in visible_sites(user):
        start, end = period.bounds(ZoneInfo(site.time_zone))
        found = decisions.filter(item__site=site).order_by()
        if start is not None:
            found = found.filter(at__gte=start)
        if end is not None:
            found = found.filter(at__lt=end)
        yield found


def known_answer(user, item):
    """Return the standing GoldAnswer of an item, for those who may know of it; else None."""
    if not user.has_perm("review.view_goldanswer"):
        return None
    return GoldAnswer.objects.filter(item=item, retired_at__isnull=True).first()
