"""Which model served which slot, from when to when: an append-only ledger.

A prediction points at the row that was active when it was made; that is its provenance.
"""

from django.db import models
from django.db.models import Q


class Deployment(models.Model):
    class Role(models.TextChoices):
        CHAMPION = "champion"
        CHALLENGER = "challenger"

    slot = models.CharField(max_length=40)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CHAMPION)
    name = models.CharField(max_length=100)
    artifact_path = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    backend = models.CharField(max_length=20, blank=True)
    input_size = models.PositiveIntegerField(default=0)
    precision = models.CharField(max_length=10, blank=True)
    class_names = models.JSONField(default=list, blank=True)
    threshold = models.FloatField(default=0.0)
    model_version_uuid = models.UUIDField(null=True, blank=True)
    activated_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-activated_at"]
        constraints = [
            # One artifact in one form is one deployment while it serves.
            models.UniqueConstraint(
                fields=["slot", "role", "sha256", "backend", "input_size", "precision"],
                condition=Q(retired_at__isnull=True),
                name="deployment_is_active_once_per_form",
            )
        ]

    def __str__(self):
        return f"{self.slot}: {self.name} ({self.backend} {self.input_size} {self.precision})"
