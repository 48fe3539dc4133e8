"""Exports of confirmed items: who asked, what it held, and what it was made from."""

from django.conf import settings
from django.db import models

from hitlsite.models import Leased, Site, VisibleQuerySet


class ExportRun(Leased):
    """One snapshot written as JSONL, COCO and manifest; leased while a worker writes it.

    Rows of ``files`` may tell more: that of the JSONL which items its lines are of (``items``, see
    exporting.item_ids), that of the warnings how many ``lines`` are warned of.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="exports")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT
    )
    filters = models.JSONField(default=dict, blank=True)
    image_form = models.CharField(
        max_length=10,
        choices=[("data_url", "data URL"), ("file", "file reference")],
        default="file",
    )
    variant = models.CharField(
        max_length=10,
        choices=[("reviewed", "as reviewed"), ("masked", "people masked")],
        default="reviewed",
    )
    formats = models.JSONField(
        default=list, blank=True, help_text="besides JSONL and COCO: yolo, csv, parquet"
    )
    name = models.CharField(max_length=80, blank=True, help_text="time and short hash")
    directory = models.CharField(max_length=500, blank=True)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    item_count = models.PositiveIntegerField(default=0)
    image_count = models.PositiveIntegerField(default=0)
    rejected = models.JSONField(default=dict, help_text="items left out, by reason")
    files = models.JSONField(default=list, help_text="[{name, sha256, byte_count}]")
    audit_head_sha256 = models.CharField(max_length=64, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self):
        return self.name or f"export {self.pk}"

    @property
    def asked_filters(self):
        """The (name, value) pairs of ``filters``, one of which may be called "items"."""
        return list(self.filters.items())

    @property
    def warned_lines(self):
        """How many lines show people, which a provider may drop them for."""
        return next((row["lines"] for row in self.files if "lines" in row), 0)
