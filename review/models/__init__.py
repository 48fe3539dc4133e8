"""What reviewers see and decide."""

from review.models.decision import Decision
from review.models.item import TrainingItem
from review.models.privacy import PrivacyScan, Redaction

__all__ = ["Decision", "PrivacyScan", "Redaction", "TrainingItem"]
