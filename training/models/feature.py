"""Features of videos, what people call which stretch of them, and stretches to look at again."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from detection.models import Deployment, Footage
from detection.models.footage import OfFootageQuerySet
from hitlsite.models import Site, VisibleQuerySet
from hitlsite.models.job import Leased


class OfSiteQuerySet(VisibleQuerySet):
    site_path = "site"


class OfLabelSetQuerySet(VisibleQuerySet):
    site_path = "label_set__site"


class FeatureSet(Leased):
    """What was measured in every sampled frame of one video: a parquet file once it is done.

    The columns of the file are those of ``detection.vision.task_columns``. ``sources`` tells what
    measured them, {"pose": sha256, "hands": sha256, "detector": {...}}; what came from elsewhere
    has no footage and no sources. ``figures`` is what the page shows: duration, frames a second,
    share of frames in which each column is missing, frames by label.
    """

    class Detector(models.TextChoices):
        FUSION = "fusion"
        MEDIAPIPE = "mediapipe"
        YOLO = "yolo"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="feature_sets")
    footage = models.ForeignKey(
        Footage, null=True, blank=True, on_delete=models.PROTECT, related_name="feature_sets"
    )
    name = models.CharField(max_length=200, help_text="what the file calls the video")
    detector = models.CharField(max_length=9, choices=Detector.choices, default=Detector.FUSION)
    sample_rate = models.PositiveIntegerField(default=1, help_text="every so many-th frame")
    group = models.UUIDField(null=True, blank=True, help_text="of those asked for together")
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    sources = models.JSONField(default=dict, blank=True)
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    byte_count = models.PositiveBigIntegerField(default=0)
    frames = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_message = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )

    objects = OfSiteQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # Two clicks on one video start one extraction.
            models.UniqueConstraint(
                fields=["footage", "detector", "sample_rate"],
                condition=Q(state__in=["queued", "running"]),
                name="feature_set_is_active_once_per_video",
            ),
            models.UniqueConstraint(
                fields=["site", "sha256"],
                condition=Q(footage__isnull=True) & ~Q(sha256=""),
                name="feature_set_from_elsewhere_is_one_per_content",
            ),
        ]
        indexes = [
            # The newest features of a video, for a dataset and for its page.
            models.Index(fields=["footage", "-id"], name="feature_set_of_footage"),
        ]

    def __str__(self):
        return f"features of {self.name}"


class LabelSet(models.Model):
    """One question put to videos, such as who stands at the table, with its possible answers.

    ``labels`` are [{"name", "key": one character or ""}], in the order of their colours.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="label_sets")
    name = models.CharField(max_length=60)
    labels = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfSiteQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "name"], name="label_set_name_is_unique_in_site"
            )
        ]

    def __str__(self):
        return self.name

    @property
    def label_names(self):
        return [row["name"] for row in self.labels]


class SpanAnnotation(models.Model):
    """What a person calls which stretch of one video; every save is a version, the last one counts.

    ``spans`` are [[start_seconds, end_seconds, label]], in order, none over another.
    """

    class Source(models.TextChoices):
        DRAWN = "drawn"
        FILE = "file"
        CORRECTION = "correction"

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="annotations")
    footage = models.ForeignKey(Footage, on_delete=models.PROTECT, related_name="span_annotations")
    version = models.PositiveIntegerField()
    is_current = models.BooleanField(default=True)
    spans = models.JSONField(default=list)
    source = models.CharField(max_length=10, choices=Source.choices)
    annotated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    annotated_at = models.DateTimeField(auto_now_add=True)

    objects = OfLabelSetQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["label_set", "footage", "version"],
                name="span_annotation_version_is_unique",
            ),
            # Two people who save at once: one of them is told.
            models.UniqueConstraint(
                fields=["label_set", "footage"],
                condition=Q(is_current=True),
                name="span_annotation_current_is_one_per_footage",
            ),
        ]

    def __str__(self):
        return f"{self.label_set} on {self.footage} (version {self.version})"


class SpanToLabel(models.Model):
    """A stretch of a video that a person should name: a model was unsure of it, or two differed.

    ``annotation`` is what came of it; it is labelled or dismissed once and stays so.
    """

    class Reason(models.TextChoices):
        LOW_CONFIDENCE = "low_confidence", "the model was unsure"
        DISAGREEMENT = "disagreement", "two models differ"
        RANDOM = "random", "drawn at random"

    class State(models.TextChoices):
        WAITING = "waiting"
        LABELLED = "labelled"
        DISMISSED = "dismissed"

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="spans_to_label")
    footage = models.ForeignKey(Footage, on_delete=models.PROTECT, related_name="spans_to_label")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    start_seconds = models.FloatField()
    end_seconds = models.FloatField()
    reason = models.CharField(max_length=14, choices=Reason.choices)
    predicted = models.CharField(max_length=60, help_text="by the deployment")
    other = models.CharField(max_length=60, blank=True, help_text="by the challenger")
    confidence = models.FloatField()
    priority = models.FloatField(help_text="the highest first")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    annotation = models.ForeignKey(
        SpanAnnotation, null=True, blank=True, on_delete=models.PROTECT, related_name="answers"
    )
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    handled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfLabelSetQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "pk"]
        constraints = [
            # Looking through a video again finds the same stretches.
            models.UniqueConstraint(
                fields=["label_set", "footage", "deployment", "start_seconds"],
                name="span_to_label_is_found_once",
            ),
            models.CheckConstraint(
                condition=Q(end_seconds__gt=F("start_seconds")), name="span_to_label_has_length"
            ),
        ]
        indexes = [
            # The queue.
            models.Index(
                fields=["label_set", "-priority", "id"],
                condition=Q(state="waiting"),
                name="span_to_label_waiting",
            ),
        ]

    def __str__(self):
        return f"{self.start_seconds:.1f} to {self.end_seconds:.1f} s of {self.footage}"


class SpanSearch(models.Model):
    """How far what classifiers said of a footage was searched for spans to label.

    ``until_log`` is the id of the last TaskLog that was read.
    """

    footage = models.OneToOneField(Footage, on_delete=models.CASCADE, related_name="span_search")
    until_log = models.PositiveBigIntegerField(default=0)
    searched_at = models.DateTimeField(auto_now=True)

    objects = OfFootageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "span searches"

    def __str__(self):
        return f"search of {self.footage} until {self.until_log}"
