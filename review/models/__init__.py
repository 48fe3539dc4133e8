"""What reviewers see and decide."""

from review.models.annotation import Annotation, LabelClass, Mark
from review.models.decision import Decision
from review.models.guideline import GoldAnswer, Guideline, GuidelineExample
from review.models.item import TrainingItem
from review.models.privacy import PrivacyScan, Redaction
from review.models.queue import ItemTally, SavedFilter
from review.models.viewing_copy import ViewingCopy
from review.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "Annotation",
    "Decision",
    "GoldAnswer",
    "Guideline",
    "GuidelineExample",
    "ItemTally",
    "LabelClass",
    "Mark",
    "PrivacyScan",
    "Redaction",
    "SavedFilter",
    "TrainingItem",
    "ViewingCopy",
    "Webhook",
    "WebhookDelivery",
]
