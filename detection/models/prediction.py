"""What deployments said, and from which score on what they say is heeded."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models.camera import Camera
from detection.models.deployment import Deployment
from detection.models.footage import Photo
from detection.models.incident import Incident


class PredictionQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Return what was said of incidents and photos of the sites that ``user`` belongs to."""
        return self.filter(
            Q(incident__in=Incident.objects.visible_to(user))
            | Q(photo__in=Photo.objects.visible_to(user))
        )


class Prediction(models.Model):
    """What one deployment said about one incident or photo; never changed.

    ``output`` holds whatever the slot's answers have besides: boxes, probabilities, a window.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="predictions")
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="predictions"
    )
    photo = models.ForeignKey(
        Photo, null=True, blank=True, on_delete=models.CASCADE, related_name="predictions"
    )
    label = models.CharField(max_length=60, blank=True)
    score = models.FloatField()
    output = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "incident"],
                condition=Q(incident__isnull=False),
                name="prediction_is_one_per_deployment_and_incident",
            ),
            models.UniqueConstraint(
                fields=["deployment", "photo"],
                condition=Q(photo__isnull=False),
                name="prediction_is_one_per_deployment_and_photo",
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=True) ^ Q(photo__isnull=True),
                name="prediction_is_about_one_thing",
            ),
        ]

    def __str__(self):
        return f"{self.label} {self.score:.2f} by {self.deployment}"


class ScoreThresholdQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Return those of all cameras, and those of the cameras that ``user`` may see."""
        if not user.is_active:
            return self.none()
        return self.filter(Q(camera=None) | Q(camera__in=Camera.objects.visible_to(user)))


class ScoreThreshold(models.Model):
    """The best score that an incident of a class must reach to be told; the newest row counts.

    Without a camera it holds for all that have none of their own. A row without a ``value`` takes
    the choice back.
    """

    class_name = models.CharField(max_length=60)
    camera = models.ForeignKey(
        Camera, null=True, blank=True, on_delete=models.CASCADE, related_name="score_thresholds"
    )
    value = models.FloatField(null=True, blank=True)
    # What it was chosen by: measure, weights, figures at the value, how many verdicts.
    chosen_by = models.JSONField(default=dict, blank=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    accepted_at = models.DateTimeField()

    objects = ScoreThresholdQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(value__isnull=True) | Q(value__gte=0.0, value__lte=1.0),
                name="score_threshold_is_a_score",
            )
        ]

    def __str__(self):
        return f"{self.class_name} from {self.value}"
