"""What task classifiers said of footage, and what was said of its pictures in words."""

from django.db import models

from detection.models.deployment import Deployment
from detection.models.footage import Footage, OfFootageQuerySet


class TaskLog(models.Model):
    """What one deployment said in a stretch of footage, sample by sample; never changed.

    ``samples`` are [[at_seconds, label, confidence]], in order; ``lag_seconds`` is how much later
    than the task their label changes; ``latency`` has the milliseconds that one took:
    {"median", "p95", "slowest"}.
    """

    footage = models.ForeignKey(Footage, on_delete=models.CASCADE, related_name="task_logs")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="task_logs")
    start_seconds = models.FloatField()
    end_seconds = models.FloatField()
    samples = models.JSONField(default=list)
    lag_seconds = models.FloatField(default=0.0)
    latency = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfFootageQuerySet.as_manager()

    class Meta:
        ordering = ["footage", "start_seconds", "pk"]
        constraints = [
            # A worker that goes on from its checkpoint writes the same again.
            models.UniqueConstraint(
                fields=["footage", "deployment", "start_seconds"],
                name="task_log_is_one_per_stretch",
            )
        ]

    def __str__(self):
        return f"tasks of {self.footage} from {self.start_seconds:.1f} s"


class Caption(models.Model):
    """What a vision model of somebody else's said of a redacted picture; for people, never learned.

    Without ``text``, ``error`` says why there is none.
    """

    footage = models.ForeignKey(Footage, on_delete=models.CASCADE, related_name="captions")
    at_seconds = models.FloatField()
    text = models.TextField(blank=True)
    error = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=100, blank=True)
    seconds_taken = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfFootageQuerySet.as_manager()

    class Meta:
        ordering = ["footage", "at_seconds"]
        constraints = [
            models.UniqueConstraint(
                fields=["footage", "at_seconds"], name="caption_is_one_per_moment"
            )
        ]

    def __str__(self):
        return self.text or self.error
