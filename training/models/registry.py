"""Model versions, how they scored, what the gate said, and what people did with them."""

import uuid

from django.conf import settings
from django.db import models

from detection.models import Deployment
from training.models.dataset import Dataset
from training.models.run import OfDatasetQuerySet, TrainingRun


class ModelVersion(models.Model):
    """What a run made. ``files`` are its artifacts, ``forms`` the ways in which they can serve.

    A file is {"name", "path" in storage, "sha256", "byte_count"}. A form is {"name", "backend",
    "input_size", "precision", "files": names, "sha256", "milliseconds", "figure" and "threshold"
    (of the validation split), "serves": bool, "why"}; exactly one serves.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slot = models.CharField(max_length=40)
    number = models.PositiveIntegerField(help_text="counted within the slot")
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="version")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    algorithm = models.CharField(max_length=40)
    # What it was trained on from: {"name", "sha256"} of weights, or {} where it began with nothing.
    base = models.JSONField(default=dict, blank=True)
    class_names = models.JSONField(default=list, blank=True)
    files = models.JSONField(default=list)
    forms = models.JSONField(default=list)
    # What it knows less of than what it began from, see learning.forgetting.
    forgetting = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfDatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [("promote_modelversion", "Can deploy versions and go back")]
        constraints = [
            models.UniqueConstraint(
                fields=["slot", "number"], name="model_version_number_is_unique_in_slot"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def name(self):
        return f"{self.slot}-{self.number}"

    @property
    def serving_form(self):
        return next(form for form in self.forms if form["serves"])


class Evaluation(models.Model):
    """How one artifact scored on one split of a dataset; never changed.

    ``name`` and ``sha256`` say which artifact: a version's form, or weights that were there before
    anything was trained. ``figures`` are plain values: the slot's figures, per class, the points
    of its plots, and its worst mistakes by entry.
    """

    slot = models.CharField(max_length=40)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=6)
    test_sha256 = models.CharField(max_length=64, blank=True)
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="evaluations"
    )
    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    backend = models.CharField(max_length=20, blank=True)
    input_size = models.PositiveIntegerField(default=0)
    precision = models.CharField(max_length=10, blank=True)
    figures = models.JSONField(default=dict)
    # What the artifact said of every entry, as a file in storage; see services.kept_scores.
    scores_path = models.CharField(max_length=300, blank=True)
    scores_sha256 = models.CharField(max_length=64, blank=True)
    evaluated_at = models.DateTimeField(auto_now_add=True)

    objects = OfDatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.name} on {self.dataset} ({self.split})"


class OfVersionQuerySet(OfDatasetQuerySet):
    sites_path = "version__dataset__sites"


class GateDecision(models.Model):
    """What the gate said of a version beside the champion of that moment; see learning.gate."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="judgements")
    champion = models.ForeignKey(
        Evaluation, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    challenger = models.ForeignKey(Evaluation, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=16)
    report = models.JSONField()
    decided_at = models.DateTimeField(auto_now_add=True)

    objects = OfVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.version}: {self.outcome}"


class Promotion(models.Model):
    """Somebody, or a policy, changed what serves; the ledger row that it led to stands beside.

    ``version`` is empty where what serves is no version of ours: a rollback to the first weights.
    ``card`` is the model card as it was written from the rows in that moment.
    """

    class Act(models.TextChoices):
        PROMOTE = "promote"
        ROLLBACK = "rollback"
        SHADOW = "shadow"
        SHARE = "share"
        RETIRE = "retire", "retire the challenger"

    slot = models.CharField(max_length=40)
    act = models.CharField(max_length=8, choices=Act.choices)
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    gate = models.ForeignKey(GateDecision, null=True, blank=True, on_delete=models.PROTECT)
    purpose = models.CharField(max_length=300, blank=True)
    notes = models.TextField(blank=True)
    card = models.TextField(blank=True)
    detail = models.JSONField(default=dict, blank=True)
    # Nobody: the policy of the slot did it.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return f"{self.act} {self.version or self.slot}"
