"""How a category is to be judged, as a site has written it down, with examples."""

from django.conf import settings
from django.db import models

from detection.models import Incident
from hitlsite.models import Site, VisibleQuerySet
from review.models.decision import OfItemQuerySet
from review.models.item import TrainingItem


class Guideline(models.Model):
    """One version of one category's text; versions are only added.

    Version 0 is the text that the product brings along and is no row.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="guidelines")
    category = models.CharField(max_length=30, choices=Incident.Category.choices)
    version = models.PositiveIntegerField()
    text = models.TextField(max_length=5000)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    written_at = models.DateTimeField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["site", "category", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "category", "version"], name="guideline_version_is_unique"
            )
        ]

    def __str__(self):
        return f"{self.category}, version {self.version}"


class GuidelineExample(models.Model):
    """A decided item that shows what the text means."""

    class Kind(models.TextChoices):
        RIGHT = "right"
        WRONG = "wrong"
        BORDERLINE = "borderline"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="guideline_examples")
    category = models.CharField(max_length=30, choices=Incident.Category.choices)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    item = models.ForeignKey(TrainingItem, on_delete=models.PROTECT, related_name="example_of")
    note = models.CharField(max_length=300, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    added_at = models.DateTimeField()

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["category", "kind", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["category", "item"], name="guideline_example_is_one_per_item"
            )
        ]

    def __str__(self):
        return f"{self.kind} example of {self.category}"


class GoldAnswer(models.Model):
    """The known answer to an item that stays in the queue to measure reviewers by."""

    item = models.OneToOneField(TrainingItem, on_delete=models.PROTECT, related_name="gold")
    verdict = models.CharField(max_length=12)
    reason = models.CharField(max_length=20, blank=True)
    category = models.CharField(max_length=30, choices=Incident.Category.choices, blank=True)
    note = models.TextField(blank=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    set_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = OfItemQuerySet.as_manager()

    class Meta:
        permissions = [("view_agreement", "Can see how reviewers agree")]

    def __str__(self):
        return f"known answer to item {self.item_id}: {self.verdict}"
