"""What people draw and mark: label classes, annotations, and marks on photos."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models import Evidence, Photo
from hitlsite.models import Site, VisibleQuerySet
from review.models.decision import OfItemQuerySet
from review.models.item import TrainingItem


class LabelClass(models.Model):
    """A class that boxes are labelled with; ``index`` is its YOLO index for ever.

    A rename touches the name. A merged class points at the one that took it in and keeps its
    index, which no other class ever gets.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="label_classes")
    index = models.PositiveIntegerField()
    name = models.CharField(max_length=60)
    # What it was called before: the detector, and files from elsewhere, go on calling it so.
    former_names = models.JSONField(default=list, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["site", "index"]
        verbose_name_plural = "label classes"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "index"], name="label_class_index_is_unique_in_site"
            ),
            models.UniqueConstraint(
                fields=["site", "name"],
                condition=Q(merged_into__isnull=True),
                name="label_class_name_is_unique_in_site",
            ),
        ]

    def __str__(self):
        return self.name


class Annotation(models.Model):
    """Everything that a person says about one picture, as one saved state; states are only added.

    ``boxes`` are [{"label": index of the class, "box_xyxy": [x1, y1, x2, y2] as shares of width
    and height, "origin": drawn | accepted | propagated | imported, "track_id": optional}].
    ``exhaustive`` are the indices of the classes of which every one in the picture is boxed: only
    for those is what is not boxed background. No boxes at all mean something only where
    ``is_negative`` says that a person looked and found nothing.
    """

    item = models.ForeignKey(TrainingItem, on_delete=models.PROTECT, related_name="annotations")
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="annotations")
    version = models.PositiveIntegerField()
    is_current = models.BooleanField(default=True)
    boxes = models.JSONField(default=list)
    exhaustive = models.JSONField(default=list)
    is_negative = models.BooleanField(default=False)
    annotated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    annotated_at = models.DateTimeField()

    objects = OfItemQuerySet.as_manager()

    class Meta:
        ordering = ["evidence", "version"]
        constraints = [
            # Two people at once: the second is told that the picture has changed.
            models.UniqueConstraint(
                fields=["evidence", "version"], name="annotation_version_is_unique"
            ),
            models.UniqueConstraint(
                fields=["evidence"],
                condition=Q(is_current=True),
                name="annotation_is_current_once",
            ),
            models.CheckConstraint(
                condition=Q(is_negative=False) | Q(boxes=[]),
                name="annotation_negative_has_no_boxes",
            ),
        ]

    def __str__(self):
        return f"boxes of {self.evidence}, version {self.version}"


class OfPhotoQuerySet(VisibleQuerySet):
    site_path = "photo__camera__site"


class Mark(models.Model):
    """A photo sent for retraining, with the reason; taken back it stays on record."""

    class Reason(models.TextChoices):
        MISSED_DETECTION = "missed_detection", "missed detection"
        FALSE_DETECTION = "false_detection", "false detection"
        WRONG_CLASS = "wrong_class", "wrong class"
        OTHER = "other"

    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="marks")
    reason = models.CharField(max_length=20, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="marks"
    )
    marked_at = models.DateTimeField()
    unmarked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    unmarked_at = models.DateTimeField(null=True, blank=True)

    objects = OfPhotoQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["photo"],
                condition=Q(unmarked_at__isnull=True),
                name="mark_is_one_per_photo",
            )
        ]
        indexes = [
            # The list of marked photos, newest mark first, keyset by id.
            models.Index(
                fields=["-id"], condition=Q(unmarked_at__isnull=True), name="mark_standing"
            ),
        ]

    def __str__(self):
        return f"{self.reason}: {self.photo}"
