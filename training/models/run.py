"""Training runs: what was learned from what, how it went, and what came of it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from hitlsite.models import Leased
from training.models.dataset import Dataset, OfSitesQuerySet


class OfDatasetQuerySet(OfSitesQuerySet):
    sites_path = "dataset__sites"


class TrainingRun(Leased):
    """One attempt to train a challenger; leased while a worker trains, evaluates and judges it.

    ``stage`` says how far it is. ``history`` has a dict for every epoch, ``log`` the last lines.
    ``inputs_sha256`` digests everything that decides the outcome: the same inputs need no second
    run. ``result`` is what the pages show at its end; the rows it points at hold the figures.
    """

    class Stage(models.TextChoices):
        WAITING = "waiting"
        PREPARING = "preparing"
        TRAINING = "training"
        EXPORTING = "exporting"
        EVALUATING = "evaluating"
        JUDGING = "judging"
        ENDED = "ended"

    class Trigger(models.TextChoices):
        PAGE = "page"
        API = "api"
        COMMAND = "command"
        NIGHTLY = "nightly"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slot = models.CharField(max_length=40)
    number = models.PositiveIntegerField(help_text="counted within the slot")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    algorithm = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict, blank=True)
    seed = models.PositiveIntegerField(default=0)
    code_version = models.CharField(max_length=60)
    trigger = models.CharField(max_length=8, choices=Trigger.choices)
    inputs_sha256 = models.CharField(max_length=64)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.WAITING)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_message = models.CharField(max_length=200, blank=True)
    history = models.JSONField(default=list, blank=True)
    log = models.TextField(blank=True)
    result = models.JSONField(default=dict, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )

    objects = OfDatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["slot", "number"], name="training_run_number_is_unique_in_slot"
            ),
            # A second start while one waits or runs is refused, whoever comes first.
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(state__in=["queued", "running"]),
                name="training_run_is_active_once_per_slot",
            ),
        ]
        indexes = [
            # Whether a run with these inputs is done already.
            models.Index(fields=["slot", "inputs_sha256"], name="training_run_inputs"),
        ]

    def __str__(self):
        return f"{self.slot} run {self.number}"
