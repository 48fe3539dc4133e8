"""What was looked for in every file that people are shown, and what was done about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models import Evidence
from review.models.decision import OfItemQuerySet
from review.models.item import TrainingItem


class PrivacyScan(models.Model):
    """One look for faces in one file. ``failed`` counts as faces."""

    class Result(models.TextChoices):
        CLEAR = "clear"
        FACES = "faces"
        FAILED = "failed"

    item = models.ForeignKey(TrainingItem, on_delete=models.PROTECT, related_name="scans")
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="scans")
    file_sha256 = models.CharField(max_length=64)
    result = models.CharField(max_length=6, choices=Result.choices)
    regions = models.JSONField(default=list)
    detectors = models.JSONField(default=list)
    frames_scanned = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    seconds_taken = models.FloatField(default=0.0)
    scanned_at = models.DateTimeField(auto_now_add=True)

    objects = OfItemQuerySet.as_manager()

    class Meta:
        ordering = ["item", "pk"]

    def __str__(self):
        return f"{self.result}: {self.evidence}"


class Redaction(models.Model):
    """One redacted copy of one file: proposed, verified, applied; or blocked, or undone."""

    class Method(models.TextChoices):
        BLUR = "blur"
        PIXELATE = "pixelate"
        MASK = "mask"

    class State(models.TextChoices):
        VERIFIED = "verified"
        BLOCKED = "blocked"
        APPLIED = "applied"
        REPLACED = "replaced"
        UNDONE = "undone"

    item = models.ForeignKey(TrainingItem, on_delete=models.PROTECT, related_name="redactions")
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="redactions")
    scan = models.ForeignKey(PrivacyScan, on_delete=models.PROTECT, related_name="redactions")
    method = models.CharField(max_length=8, choices=Method.choices)
    state = models.CharField(max_length=8, choices=State.choices)
    regions = models.JSONField(default=list)
    drawn_regions = models.JSONField(default=list)
    residuals = models.JSONField(default=list)
    rounds = models.PositiveSmallIntegerField(default=0)
    source_sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    byte_count = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    objects = OfItemQuerySet.as_manager()

    class Meta:
        ordering = ["item", "pk"]
        constraints = [
            # One picture shows one redaction.
            models.UniqueConstraint(
                fields=["evidence"],
                condition=Q(state="applied"),
                name="redaction_is_applied_once_per_evidence",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["blocked", "replaced", "undone"]) | ~Q(path=""),
                name="redaction_shown_has_a_file",
            ),
        ]
        indexes = [
            # Whether a redacted copy is still needed, asked before it is deleted.
            models.Index(fields=["path"], condition=~Q(path=""), name="redaction_by_path"),
        ]

    def __str__(self):
        return f"{self.method} of {self.evidence} ({self.state})"
