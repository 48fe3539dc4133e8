"""What a challenger that looks on would have made of the incidents that people judged since."""

from dataclasses import dataclass

from django.db.models import Count, Q

from detection import selectors as detection
from detection.models import Deployment
from review.models import TrainingItem

# Where a deployment has no score from which it is believed: what begins a track.
LEAST_SCORE = 0.3
Status = TrainingItem.Status


@dataclass(frozen=True, slots=True)
class Shadow:
    """Of the incidents with a verdict, how many the challenger saw as well.

    It looks at what others reported: what nobody else saw is in no count.
    """

    deployment: Deployment
    score: float
    confirmed: int
    confirmed_seen: int
    rejected: int
    rejected_seen: int

    @property
    def sentence(self):
        if not self.confirmed + self.rejected:
            return f"{self.deployment.name} looks on; nothing that it looked at was judged yet."
        return (
            f"{self.deployment.name} looks on. It sees {self.confirmed_seen} of {self.confirmed} "
            f"incidents that people confirmed since, and {self.rejected_seen} of {self.rejected} "
            f"that they rejected, each with a score of {self.score:.2f} or more."
        )


def shadow(slot):
    """Return the Shadow of a slot, None where no challenger looks on."""
    deployment = detection.challenger(slot)
    if deployment is None or not deployment.is_shadow:
        return None
    score = deployment.threshold or LEAST_SCORE
    judged = deployment.predictions.filter(
        incident__item__represented_by__isnull=True,
        incident__item__status__in=[Status.CONFIRMED, Status.REJECTED],
    ).exclude(incident__item__mode=TrainingItem.Mode.GOLD)
    is_confirmed = Q(incident__item__status=Status.CONFIRMED)
    is_seen = Q(score__gte=score)
    return Shadow(
        deployment,
        score,
        **judged.aggregate(
            confirmed=Count("pk", filter=is_confirmed),
            confirmed_seen=Count("pk", filter=is_confirmed & is_seen),
            rejected=Count("pk", filter=~is_confirmed),
            rejected_seen=Count("pk", filter=~is_confirmed & is_seen),
        ),
    )
