"""Whether a slot is trained tonight, decided once a night and written down whatever it is.

The night is claimed by one conditional UPDATE, so that two workers that come at once train once.
What learns online may be asked to learn more often than once a night: it then trains whenever its
interval is over and there is enough that is new, and says at most once a night why it does not.
What follows, freezing and starting, is a job of its own: see ``preparing``.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Q

from detection.slots import SLOTS
from hitlsite.models import Job
from training.models import RetrainingPolicy, TrainingRun
from training.selectors import training_status
from training.selectors.new_samples import new_samples, why_none
from training.services import policies, preparing, run_window, training_events

# Whatever is put off must still be decided before the window ends: beat looks every ten minutes.
LAST_CALL = timedelta(minutes=20)
ONLINE = "online"
A_DAY = 24  # hours


class Act(StrEnum):
    TRAIN = "train"
    SKIP = "skip"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a slot at a moment, and why.

    Attributes:
        act: train, skip (which is written down) or nothing (not yet, or no longer tonight).
        reason: a stable word for machines, "" where it trains.
        message: a sentence for people.
        job: what was queued to freeze and start.
        night: run_window.Night, None outside of the hours.
    """

    slot: str
    act: Act
    reason: str
    message: str
    n_samples: int = 0
    min_required: int = 0
    job: Job | None = None
    night: run_window.Night | None = None


def decide(slot, at, *, trigger=TrainingRun.Trigger.NIGHTLY):
    """Do what the policy of a slot asks for at a moment, and return the Decision.

    To train is to queue a job, which a worker of the training queue carries out.

    Raises:
        DomainError: slot_unknown; Conflict run_active, where somebody started a run just now.
    """
    policy = policies.policy_of(slot)
    decision = _decision(policy, at)
    if decision.act == Act.NOTHING:
        return decision
    with transaction.atomic():
        # Of two workers that train by the hour, the second finds the job of the first.
        is_free = decision.act == Act.TRAIN and _is_hourly(policy)
        if not is_free and not _claim(policy, decision.night):
            return _decided(slot, decision.night)
        if decision.act == Act.TRAIN:
            return replace(decision, job=preparing.ask(policy, trigger=trigger))
        training_events.skipped(
            slot,
            decision.reason,
            message=decision.message,
            n_samples=decision.n_samples,
            min_required=decision.min_required,
            at=at,
        )
    return decision


def _is_hourly(policy):
    """Say whether a policy trains more than once a night."""
    return policies.algorithm_of(policy) == ONLINE and policy.interval_hours < A_DAY


def _claim(policy, night):
    """Take the night for this process; False where another one was faster."""
    free = RetrainingPolicy.objects.filter(pk=policy.pk)
    free = free.filter(Q(decided_for__isnull=True) | ~Q(decided_for=night.day))
    return bool(free.update(decided_for=night.day))


def foretell(slot, at):
    """Return the Decision that ``decide`` would come to, and do nothing.

    Outside of the hours its message also says what would be done if they came now.
    """
    policy = policies.policy_of(slot)
    decision = _decision(policy, at)
    if decision.night is not None:
        return decision
    zone = policies.zone_of(policy)
    coming = run_window.following(policy, zone, at)
    then = _considered(policy, coming.begins, coming)
    begins = coming.begins.astimezone(zone)
    message = f"Its hours begin {begins:%Y-%m-%d %H:%M} ({zone.key}). As of now: {then.message}"
    return replace(
        decision, message=message, n_samples=then.n_samples, min_required=then.min_required
    )


def _decision(policy, at):
    night = run_window.current(policy, policies.zone_of(policy), at)
    if night is None:
        message = "It is outside of its hours."
        return Decision(policy.slot, Act.NOTHING, "outside_window", message)
    is_decided = policy.decided_for == night.day
    if is_decided and not _is_hourly(policy):
        return _decided(policy.slot, night)
    decision = _considered(policy, at, night)
    if is_decided and decision.act == Act.SKIP:
        return replace(decision, act=Act.NOTHING)
    return decision


def _decided(slot, night):
    message = f"The night of {night.day} is decided already."
    return Decision(slot, Act.NOTHING, "decided_already", message, night=night)


def _considered(policy, at, night):
    """Return the Decision of a night that is not decided yet."""
    due = _due_at(policy, at)
    if policy.enabled and at < due <= night.ends - LAST_CALL:
        return Decision(policy.slot, Act.NOTHING, "not_due_yet", _early(policy, due), night=night)
    count = new_samples(policy.slot, policy.label_source)
    reason, message = _obstacle(policy, at, due, count)
    if not reason:
        sample = SLOTS[policy.slot].sample
        message = f"It trains: there are {count} new samples (one is a {sample})."
    act = Act.SKIP if reason else Act.TRAIN
    return Decision(policy.slot, act, reason, message, count, policy.min_samples, night=night)


def _obstacle(policy, at, due, count):
    """Return (word, sentence) of what is in the way of training, ("", "") for nothing."""
    slot = SLOTS[policy.slot]
    if not policy.enabled:
        return "disabled", "Training by itself is switched off for this slot."
    if not slot.is_trainable:
        return "not_trainable", why_none(policy.slot)
    if training_status.is_active(policy.slot):
        return "run_active", "A run is being prepared, waits or is going on already."
    if due > at:
        return "interval_not_over", _early(policy, due)
    if count < policy.min_samples:
        return "too_few_samples", preparing.too_few(policy, count)
    return "", ""


def _early(policy, due):
    return (
        f"The last run is less than {policy.interval_hours} hours ago; the next is due at "
        f"{due:%Y-%m-%d %H:%M} UTC."
    )


def _due_at(policy, at):
    """Return when the interval since the last run is over; ``at`` itself where there was none.

    A nightly run counts from the beginning of its hours. Otherwise each night would begin a little
    later than the one before, until one of them is missed.
    """
    last = TrainingRun.objects.filter(slot=policy.slot).order_by("-pk").first()
    if last is None:
        return at
    since = last.created_at
    if last.trigger == TrainingRun.Trigger.NIGHTLY and not _is_hourly(policy):
        night = run_window.current(policy, policies.zone_of(policy), since)
        since = night.begins if night else since
    return since + timedelta(hours=policy.interval_hours)
