"""Which model served which slot, from when to when: an append-only ledger.

A prediction points at the row that was active when it was made; that is its provenance.
"""

from django.db import models
from django.db.models import Q


class Deployment(models.Model):
    """A model in the form in which it runs, from when to when.

    What a setting or a camera names is ``observed``: its row is made when it is first used.
    What people or a policy deployed is ``promoted`` and says whose version it is; it serves every
    camera that names no detector of its own. A promoted challenger with a ``share`` serves that
    share of cameras instead of the champion; with none it only looks on, in shadow.
    """

    class Role(models.TextChoices):
        CHAMPION = "champion"
        CHALLENGER = "challenger"

    class Source(models.TextChoices):
        OBSERVED = "observed"
        PROMOTED = "promoted"

    slot = models.CharField(max_length=40)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CHAMPION)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.OBSERVED)
    share = models.FloatField(default=0.0, help_text="of cameras, for a challenger; 0 is shadow")
    name = models.CharField(max_length=100)
    artifact_path = models.CharField(max_length=500, blank=True)
    # Of a promoted model: [{"name", "path" in storage, "sha256", "byte_count"}], the main one
    # first.
    files = models.JSONField(default=list, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    backend = models.CharField(max_length=20, blank=True)
    input_size = models.PositiveIntegerField(default=0)
    precision = models.CharField(max_length=10, blank=True)
    class_names = models.JSONField(default=list, blank=True)
    threshold = models.FloatField(default=0.0)
    model_version_uuid = models.UUIDField(null=True, blank=True)
    # What a promoted champion took over from, and goes back to; empty where nothing was promoted.
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    activated_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-activated_at"]
        constraints = [
            # One artifact in one form is one deployment while it serves.
            models.UniqueConstraint(
                fields=["slot", "role", "source", "sha256", "backend", "input_size", "precision"],
                condition=Q(retired_at__isnull=True),
                name="deployment_is_active_once_per_form",
            ),
            # Two promotions at once: one of them loses.
            models.UniqueConstraint(
                fields=["slot", "role"],
                condition=Q(retired_at__isnull=True, source="promoted"),
                name="deployment_promoted_is_one_per_role",
            ),
            models.CheckConstraint(
                condition=Q(share__gte=0.0, share__lte=1.0),
                name="deployment_share_is_a_share",
            ),
        ]

    def __str__(self):
        return f"{self.slot}: {self.name} ({self.backend} {self.input_size} {self.precision})"

    @property
    def is_shadow(self):
        return self.role == self.Role.CHALLENGER and not self.share
