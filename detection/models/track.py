"""Where the tracks of a stretch of footage are stored."""

from django.db import models

from detection.models.deployment import Deployment
from detection.models.footage import Footage, OfFootageQuerySet, Segment


class TrackLog(models.Model):
    """One parquet file; its columns are those that ``services.tracklogs`` writes."""

    footage = models.ForeignKey(Footage, on_delete=models.CASCADE, related_name="track_logs")
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="track_log")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT)
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    row_count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfFootageQuerySet.as_manager()

    def __str__(self):
        return f"tracks of {self.segment}"
