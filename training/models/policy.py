"""When a slot is trained by itself, and what came of every time that it was considered."""

from datetime import time

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from detection.slots import SLOTS
from hitlsite.models import Site
from training.models.dataset import TabularSample
from training.models.run import TrainingRun

SLOT_CHOICES = [(slot.name, slot.title) for slot in SLOTS.values()]


class RetrainingPolicy(models.Model):
    """The rules of one slot. ``decided_for`` is the night that was decided last, as a day."""

    slot = models.CharField(max_length=40, choices=SLOT_CHOICES, unique=True)
    enabled = models.BooleanField(default=False)
    interval_hours = models.PositiveIntegerField(
        default=24, validators=[MinValueValidator(1), MaxValueValidator(24 * 366)]
    )
    min_samples = models.PositiveIntegerField(
        default=100, help_text="new and valid ones since the last run"
    )
    algorithm = models.CharField(max_length=40, blank=True, help_text="empty: the slot's usual one")
    parameters = models.JSONField(default=dict, blank=True, help_text="such as epochs and batch")
    auto_promote = models.BooleanField(
        default=False, help_text="deploy what passes the gate without asking anybody"
    )
    auto_rollback = models.BooleanField(
        default=True, help_text="go back when people reject more of a fresh deployment's incidents"
    )
    window_from = models.TimeField(default=time(1, 0), help_text="site time")
    window_until = models.TimeField(default=time(5, 0), help_text="site time")
    clock_of = models.ForeignKey(
        Site,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="the site whose time that is; empty: the first one",
    )
    label_source = models.CharField(
        max_length=8,
        choices=TabularSample.LabelSource.choices,
        default=TabularSample.LabelSource.OUTCOME,
        help_text="human: only labels that people gave; outcome: those that were measured"
        " afterwards too; decision: also what the model decided itself",
    )
    purpose = models.CharField(
        max_length=300, blank=True, help_text="stands on the model card of what is deployed alone"
    )
    decided_for = models.DateField(null=True, blank=True, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slot"]
        verbose_name_plural = "retraining policies"

    def __str__(self):
        return f"policy of {self.slot}"


class TrainingEvent(models.Model):
    """A line of the training history; the same lines stand in training_history.log."""

    class Type(models.TextChoices):
        STARTED = "TRAINING_STARTED", "started"
        COMPLETED = "TRAINING_COMPLETED", "completed"
        FAILED = "TRAINING_FAILED", "failed"
        SKIPPED = "TRAINING_SKIPPED", "skipped"

    slot = models.CharField(max_length=40)
    event_type = models.CharField(max_length=20, choices=Type.choices)
    message = models.CharField(max_length=500)
    details = models.JSONField(default=dict)
    run = models.ForeignKey(
        TrainingRun, null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # A slot's recent history, newest first.
            models.Index(fields=["slot", "-id"], name="training_event_history"),
        ]

    def __str__(self):
        return f"{self.event_type} {self.slot}"
