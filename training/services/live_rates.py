"""How often people reject what a deployment reports, and going back when that rises.

A fresh deployment is compared with the one that it replaced: its verdicts come in one by one, and a
test that may be looked at after every one of them says when more are rejected by no accident. A
challenger with a share of the cameras is compared with the champion of the same days; since the
cameras differ, that is shown and nothing is done about it.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

from django.utils import timezone

from detection.models import Deployment, Incident
from detection.services import serving
from detection.slots import OBJECT_DETECTOR, TASK_CLASSIFIER
from hitlsite import jobs
from hitlsite.errors import Conflict
from review.models import TrainingItem
from training.learning import sequential
from training.models import Promotion
from training.services import policies, promotion

ALPHA = 0.01
LEAST_BEFORE = 30  # verdicts on the incidents of the deployment before
MOST_BEFORE = 500
FRESH = timedelta(days=30)
KIND = "live-rates"
# Incidents are what people judge, and only detectors make them.
WATCHED = (OBJECT_DETECTOR,)
UNWATCHED = {
    TASK_CLASSIFIER: "What people correct was chosen by the model's own doubt: it compares no two."
}
Status = TrainingItem.Status


@dataclass(frozen=True, slots=True)
class Rate:
    """Verdicts in force on a deployment's incidents; the ends are of a 95 % interval."""

    name: str
    verdicts: int
    rejected: int
    share: float | None
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two deployments' rates and what speaks for a rise from the first to the second.

    Attributes:
        e_value: of the last look; evidence of 1 / ALPHA at any look is an alarm.
        seen: verdicts of the second that were looked at.
        most: how many are looked at in all, since each is put beside as many of the first.
        alarm_at: the verdict with which the alarm went off, None where it did not.
    """

    before: Rate
    now: Rate
    e_value: float
    highest: float
    seen: int
    most: int
    alarm_at: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What pages show of a slot.

    Attributes:
        deployment: the promoted champion, None without one.
        fresh: beside the deployment that it replaced; None where there is nothing to watch.
        challenger: the same days' champion beside the challenger; None without a share.
        is_watched: whether an alarm would lead back.
        why: why nothing is watched, "" where something is.
    """

    slot: str
    deployment: Deployment | None
    fresh: Comparison | None
    challenger: Comparison | None
    is_watched: bool
    why: str

    @property
    def is_alarmed(self):
        return self.is_watched and self.fresh.alarm_at is not None

    @property
    def sentence(self):
        return self.fresh.sentence if self.fresh else self.why


def report(slot, at=None):
    """Return the LiveReport of a slot."""
    at = at or timezone.now()
    deployment = serving.champion(slot)
    why, fresh = _why_not(slot, deployment, at), None
    if deployment is not None and slot in WATCHED:
        old, new = _before(deployment), _outcomes([deployment])
        if len(old) >= LEAST_BEFORE:
            fresh = _compared(_name_before(deployment), old, deployment.name, new)
        elif not why:
            why = f"Only {len(old)} verdicts tell of the time before; {LEAST_BEFORE} are needed."
    is_watched = bool(fresh) and not why and policies.policy_of(slot).auto_rollback
    if fresh and not why and not is_watched:
        why = "Going back by itself is switched off in the policy of the slot."
    return LiveReport(slot, deployment, fresh, _challenge(slot, deployment), is_watched, why)


def watch(at=None):
    """Go back from every fresh deployment with an alarm; return the reports of those.

    One worker at a time looks: a second one would go back one step further.
    """
    found = []
    for slot in WATCHED:
        if not report(slot, at).is_alarmed:
            continue
        with jobs.alone(KIND, slot) as job:
            # Looked at anew: the one before us may have gone back already.
            told = report(slot, at) if job else None
            if told and told.is_alarmed and _go_back(told, at):
                found.append(told)
    return found


def _go_back(told, at):
    """Roll back; False where somebody has just deployed something else."""
    numbers = asdict(told.fresh)
    try:
        promotion.rollback(
            told.slot,
            by=None,
            notes=f"{told.fresh.sentence} The policy of the slot went back.",
            reason=(
                f"reject rate rose: {numbers['before']['rejected']} of "
                f"{numbers['before']['verdicts']} before, {numbers['now']['rejected']} of "
                f"{numbers['now']['verdicts']} now, e-value {told.fresh.highest:.1f}"
            ),
            at=at,
        )
    except Conflict:
        return False
    return True


def _why_not(slot, deployment, at):
    """Return why a deployment is not watched, "" where it is."""
    if slot not in WATCHED:
        return UNWATCHED.get(slot, "People give no verdicts on what this slot answers.")
    if deployment is None:
        return "Nothing was deployed here."
    deployed = Promotion.objects.filter(deployment=deployment, act=Promotion.Act.PROMOTE)
    if not deployed.exists():
        return "It serves again after a rollback, which is not gone back from by itself."
    if at - deployment.activated_at > FRESH:
        return f"It has served for more than {FRESH.days} days."
    return ""


def _before(deployment):
    """Return outcomes of what served before, newest first: its successor is most like those."""
    if deployment.replaces_id:
        old = [deployment.replaces_id]
    else:
        old = Deployment.objects.filter(
            slot=deployment.slot,
            role=Deployment.Role.CHAMPION,
            source=Deployment.Source.OBSERVED,
            activated_at__lt=deployment.activated_at,
        )
    verdicts = _verdicts(old).filter(incident__camera__detector__in=serving.NO_OWN_CHOICE)
    verdicts = verdicts.filter(incident__opened_at__lt=deployment.activated_at)
    statuses = verdicts.order_by("-decided_at", "-pk").values_list("status", flat=True)
    return [int(status == Status.REJECTED) for status in statuses[:MOST_BEFORE]]


def _name_before(deployment):
    return deployment.replaces.name if deployment.replaces_id else "the weights before"


def _outcomes(deployments, since=None):
    """Return 1 for a rejection and 0 for a confirmation, in the order of the verdicts."""
    verdicts = _verdicts(deployments)
    if since:
        verdicts = verdicts.filter(incident__opened_at__gte=since)
    statuses = verdicts.order_by("decided_at", "pk").values_list("status", flat=True)
    return [int(status == Status.REJECTED) for status in statuses]


def _verdicts(deployments):
    """Return items with a verdict in force on what deployments reported, each scene once."""
    decided = TrainingItem.objects.filter(
        status__in=[Status.CONFIRMED, Status.REJECTED],
        incident__deployment__in=deployments,
        incident__origin=Incident.Origin.RULE,
        represented_by__isnull=True,
    )
    return decided.exclude(mode=TrainingItem.Mode.GOLD)


def _challenge(slot, champion):
    second = serving.challenger(slot) if slot in WATCHED else None
    if second is None or champion is None or not second.share:
        return None
    since = max(second.activated_at, champion.activated_at)
    old, new = _outcomes([champion], since), _outcomes([second], since)
    return _compared(champion.name, old, second.name, new, together=1)


def _compared(old_name, old, new_name, new, together=None):
    evidence = sequential.rise(old, new, alpha=ALPHA, together=together)
    before, now = _rate(old_name, old), _rate(new_name, new)
    return Comparison(
        before=before,
        now=now,
        e_value=evidence.e_value,
        highest=evidence.highest,
        seen=evidence.blocks,
        most=len(old) // (together or sequential.per_block(len(old))),
        alarm_at=evidence.alarm_at,
        sentence=_sentence(before, now, evidence),
    )


def _rate(name, outcomes):
    total, rejected = len(outcomes), sum(outcomes)
    ends = sequential.interval(rejected, total)
    return Rate(name, total, rejected, rejected / total if total else None, *ends)


def _sentence(before, now, evidence):
    told = (
        f"People rejected {now.rejected} of {now.verdicts} incidents of {now.name} and "
        f"{before.rejected} of {before.verdicts} of {before.name}"
    )
    if evidence.alarm_at:
        return (
            f"{told}: a rise that chance would bring about in at most {ALPHA:.0%} of all cases "
            f"(evidence {evidence.highest:.1f}, {1 / ALPHA:.0f} suffice)."
        )
    return (
        f"{told}; that is no proof of a rise (evidence {evidence.highest:.1f} of {1 / ALPHA:.0f})."
    )
