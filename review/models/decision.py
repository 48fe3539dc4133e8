"""What people decided: append-only."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models import Incident
from hitlsite.models import VisibleQuerySet
from review.models.item import TrainingItem


class OfItemQuerySet(VisibleQuerySet):
    site_path = "item__site"


class Decision(models.Model):
    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        NEEDS_REVIEW = "needs_review", "needs review"
        REOPENED = "reopened"
        UNDONE = "undone"

    class Reason(models.TextChoices):
        WRONG_CLASS = "wrong_class", "wrong class"
        BASELINE_NOISE = "baseline_noise", "baseline noise"
        PRIVACY_RISK = "privacy_risk", "privacy risk"
        LOW_QUALITY = "low_quality", "low quality"
        DUPLICATE = "duplicate"
        POLICY_VIOLATION = "policy_violation", "policy violation"
        OTHER = "other"

    class Effect(models.TextChoices):
        """What became of a verdict.

        A confirmation waits where the redaction that it needs is not verified yet. The first of
        two blind verdicts is held until the second; of two that differ both only count, as every
        verdict on a gold item does.
        """

        APPLIED = "applied"
        WAITING = "waiting"
        VOID = "void"
        HELD = "held"
        COUNTED = "counted"

    item = models.ForeignKey(TrainingItem, on_delete=models.PROTECT, related_name="decisions")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    role = models.CharField(max_length=12)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    note = models.TextField(blank=True)
    category = models.CharField(
        max_length=30, choices=Incident.Category.choices, blank=True, help_text="if corrected"
    )
    boxes = models.JSONField(default=list, blank=True)
    effect = models.CharField(max_length=8, choices=Effect.choices, default=Effect.APPLIED)
    undoes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    seconds_taken = models.FloatField(null=True, blank=True)
    # Verdicts given in one act, from a contact sheet or a selection, are taken back in one.
    batch = models.UUIDField(null=True, blank=True, db_index=True)
    guideline_version = models.PositiveIntegerField(default=0)
    status_before = models.CharField(max_length=16, choices=TrainingItem.Status.choices)
    item_version = models.PositiveIntegerField(help_text="the version that was decided upon")
    at = models.DateTimeField()

    objects = OfItemQuerySet.as_manager()

    class Meta:
        ordering = ["item", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(verdict="rejected") | ~Q(reason=""),
                name="decision_reject_has_a_reason",
            ),
            # Two people at once: one version of an item is decided by one row that counts.
            models.UniqueConstraint(
                fields=["item", "item_version"],
                condition=Q(effect__in=["applied", "waiting"]),
                name="decision_is_one_per_item_version",
            ),
            # Nobody gives both of two blind verdicts.
            models.UniqueConstraint(
                fields=["item", "reviewer"],
                condition=Q(effect="held"),
                name="decision_held_is_one_per_reviewer",
            ),
        ]
        indexes = [
            # A reviewer's last verdicts, for undo and for statistics.
            models.Index(fields=["reviewer", "-at"], name="decision_by_reviewer"),
        ]

    def __str__(self):
        return f"{self.verdict} by {self.reviewer}"
