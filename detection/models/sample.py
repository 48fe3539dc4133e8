"""What was drawn at random from a camera's day, so that misses can be counted too."""

from django.db import models

from detection.models.camera import Camera, OfCameraQuerySet


class SampleDraw(models.Model):
    """One draw from one camera's day at its site: how many there were, and how many were taken.

    ``population`` and ``drawn`` are the numbers of the stratum that a Horvitz-Thompson estimate
    needs; the items themselves carry ``drawn / population`` as their inclusion probability.
    """

    class Kind(models.TextChoices):
        AUDIT_MINUTE = "audit_minute", "audit minute"
        NEAR_MISS = "near_miss", "near miss"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="sample_draws")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    day = models.DateField(help_text="at the site")
    population = models.PositiveIntegerField()
    drawn = models.PositiveIntegerField()
    seed = models.CharField(max_length=64)
    note = models.CharField(
        max_length=300, blank=True, help_text="what could not be taken, and why"
    )
    drawn_at = models.DateTimeField()

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "camera"]
        constraints = [
            # A day is drawn from once: a second draw would change every probability.
            models.UniqueConstraint(
                fields=["camera", "kind", "day"], name="sample_draw_is_one_per_camera_and_day"
            ),
            models.CheckConstraint(
                condition=models.Q(drawn__lte=models.F("population")),
                name="sample_draw_takes_no_more_than_there_is",
            ),
        ]

    def __str__(self):
        return f"{self.drawn} of {self.population} on {self.day}, {self.camera}"
