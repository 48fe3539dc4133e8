"""Two people judge a share of the items, and neither knows what the other said.

The first verdict is held: the item stays where it is, and nobody is told. The second, by somebody
else, brings the item into force where both say the same, and before a supervisor where they
differ. Gold items, whose answer is known, take any number of verdicts that only count.
"""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.crypto import salted_hmac

from detection.models import Incident
from hitlsite.errors import Conflict
from hitlsite.models import Membership
from review.agreement import rating
from review.models import Decision, TrainingItem

Effect, Mode = Decision.Effect, TrainingItem.Mode
PENDING = TrainingItem.Status.PENDING_REVIEW
MODEL_BACKEND = "hitlsite.backends.PeopleBackend"


@dataclass(frozen=True, slots=True)
class Weighed:
    """What becomes of a verdict, and the held one that it answers."""

    effect: str
    first: Decision | None = None


def is_double(site, key):
    """Say whether two people judge what ``key`` names: the same answer every time.

    The share is drawn by a keyed hash, so that nobody can tell beforehand which items those are.
    """
    drawn = salted_hmac("review.second", f"{site.pk}:{key}", algorithm="sha256").digest()
    return int.from_bytes(drawn[:8]) < settings.SECOND_REVIEW_SHARE * 2**64


def mode_of(incident):
    """Return the mode of the item that an incident becomes; samples are judged by one person."""
    is_of_rule = incident.origin == Incident.Origin.RULE
    is_twice = is_of_rule and is_double(incident.camera.site, incident.pk)
    return Mode.DOUBLE if is_twice else Mode.SINGLE


def weigh(item, decision):
    """Say what becomes of a verdict on an item whose row this transaction holds.

    Raises:
        Conflict: already_judged, where the same person has judged it before.
    """
    if item.mode == Mode.SINGLE or item.status != PENDING:
        return Weighed(Effect.APPLIED)
    if item.mode == Mode.GOLD:
        if item.decisions.filter(reviewer=decision.reviewer, effect=Effect.COUNTED).exists():
            raise _judged(item, "your verdict on it counts once.")
        return Weighed(Effect.COUNTED)
    first = item.decisions.filter(effect=Effect.HELD).first()
    if first is None:
        is_alone = not _somebody_else(item, decision.reviewer)
        return Weighed(Effect.APPLIED if is_alone else Effect.HELD)
    if first.reviewer_id == decision.reviewer_id:
        if _somebody_else(item, decision.reviewer):
            raise _judged(item, "now a second person does.")
        drop(first)
        return Weighed(Effect.APPLIED)
    agree = _rated(item, first) == _rated(item, decision)
    return Weighed(Effect.APPLIED if agree else Effect.COUNTED, first)


def _judged(item, rest):
    return Conflict(f"You have judged item {item.pk}: {rest}", code="already_judged")


def _rated(item, decision):
    return rating(decision.verdict, decision.category or item.category)


def _somebody_else(item, reviewer):
    """Say whether the site has a second person who may decide."""
    members = Membership.objects.filter(site=item.site_id).exclude(user=reviewer)
    return (
        get_user_model()
        .objects.with_perm("review.decide_trainingitem", backend=MODEL_BACKEND)
        .filter(pk__in=members.values("user"))
        .exists()
    )


def stays_open(item, effect):
    """Say whether a verdict of this effect leaves the item exactly as it is."""
    return effect == Effect.HELD or (effect == Effect.COUNTED and item.mode == Mode.GOLD)


def leave_open(item):
    """Give back the claim on an item that has been judged and waits for others."""
    TrainingItem.objects.filter(pk=item.pk).update(claimed_by=None, claim_expires_at=None)
    item.claimed_by, item.claim_expires_at = None, None


def count(first):
    """Let the first of two verdicts count, now that the second is there."""
    _set(first, Effect.COUNTED)


def drop(decision):
    """Let a verdict that never came into force stand for nothing."""
    _set(decision, Effect.VOID)


def give_back(item, second):
    """Hold the first of two verdicts again where the second no longer stands."""
    if item.mode != Mode.DOUBLE or second.status_before != PENDING:
        return
    if second.effect == Effect.COUNTED:
        drop(second)
    first = item.decisions.filter(effect=Effect.COUNTED).exclude(pk=second.pk).last()
    if first is not None:
        _set(first, Effect.HELD)


def _set(decision, effect):
    decision.effect = effect
    decision.save(update_fields=["effect"])
