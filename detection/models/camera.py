"""Cameras with their zones and rules, and the devices that upload for them."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from hitlsite.models import Site, VisibleQuerySet


class Camera(models.Model):
    """One viewpoint. Files watched and photos uploaded belong to a camera as streams do."""

    class Tracker(models.TextChoices):
        BOTSORT = "botsort", "BoT-SORT"
        BYTETRACK = "bytetrack", "ByteTrack"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="cameras")
    name = models.CharField(max_length=100)
    detect_url = models.CharField(max_length=500, blank=True)
    record_url = models.CharField(max_length=500, blank=True)
    sampling_fps = models.FloatField(
        default=5.0, validators=[MinValueValidator(0.2), MaxValueValidator(60)]
    )
    detector = models.CharField(max_length=200, default="auto")
    tracker = models.CharField(max_length=10, choices=Tracker.choices, default=Tracker.BOTSORT)
    lost_seconds = models.FloatField(default=2.0, validators=[MinValueValidator(0.1)])
    estimates_poses = models.BooleanField(
        default=False, help_text="estimate poses where people are close together"
    )
    classifies_tasks = models.BooleanField(
        default=False, help_text="say what people are doing, once a task classifier is deployed"
    )
    photo_on_detection = models.BooleanField(
        default=False, help_text="keep a photo when something new is detected"
    )
    photo_every_seconds = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1.0)],
        help_text="keep a photo so often; empty: never",
    )
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="camera_name_is_unique_in_site")
        ]

    def __str__(self):
        return self.name


class OfCameraQuerySet(VisibleQuerySet):
    site_path = "camera__site"


class Zone(models.Model):
    class Kind(models.TextChoices):
        MONITORED = "monitored"
        RESTRICTED = "restricted"
        PRIVATE = "private"
        PUBLIC = "public"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="zones")
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.MONITORED)
    polygon = models.JSONField(help_text="[[x, y], ...] as shares of width and height, 0..1")

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["camera", "name"], name="zone_name_is_unique_in_camera")
        ]

    def __str__(self):
        return f"{self.name} ({self.kind})"


class Rule(models.Model):
    """A configured rule; which kinds and parameters there are is known to ``detection.rules``."""

    class Severity(models.TextChoices):
        INFO = "info"
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        CRITICAL = "critical"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField(default=0)
    zones = models.JSONField(default=list, blank=True, help_text="names of this camera's zones")
    classes = models.JSONField(default=list, blank=True, help_text="empty: every class")
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    active_hours = models.JSONField(null=True, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        ordering = ["camera", "position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["camera", "name"], name="rule_name_is_unique_in_camera")
        ]

    def __str__(self):
        return f"{self.name} on {self.camera}"


class Fixture(models.Model):
    """Something that belongs where it stands, as a reviewer said of an incident about it."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="fixtures")
    incident = models.OneToOneField(
        "detection.Incident", on_delete=models.CASCADE, related_name="fixture"
    )
    class_name = models.CharField(max_length=60)
    box_xyxy = models.JSONField(help_text="[x1, y1, x2, y2] as shares of width and height, 0..1")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfCameraQuerySet.as_manager()

    def __str__(self):
        return f"{self.class_name} on {self.camera}"


class Snapshot(models.Model):
    """The one picture of a camera to draw zones on: tracked people pixelated, private zones black.

    Nobody looked it through for faces, so that it is for few eyes: see ``services.snapshots``.
    """

    camera = models.OneToOneField(Camera, on_delete=models.CASCADE, related_name="snapshot")
    footage = models.ForeignKey("detection.Footage", on_delete=models.CASCADE, related_name="+")
    at_seconds = models.FloatField()
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    taken_at = models.DateTimeField(help_text="wall-clock time of the frame")

    objects = OfCameraQuerySet.as_manager()

    def __str__(self):
        return f"{self.camera} at {self.taken_at:%Y-%m-%d %H:%M:%S}"


class Device(models.Model):
    """A phone or a box that uploads for its one camera, with tokens of its own user."""

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(max_length=100)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="device"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["camera", "name"], name="device_name_is_unique_in_camera"
            )
        ]

    def __str__(self):
        return f"{self.name} for {self.camera}"
