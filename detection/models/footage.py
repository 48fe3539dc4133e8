"""What came in: footage in leased segments, and photos with what was found on them."""

from django.db import models
from django.utils import timezone

from detection.models.camera import Camera, Device, OfCameraQuerySet
from detection.models.deployment import Deployment
from hitlsite.models import Leased, VisibleQuerySet


class Footage(models.Model):
    """One camera session: a file, an upload, a folder of images, or one run of a stream.

    Track ids and incident keys are unique within it. ``session`` names it within its camera: the
    same file watched again is the same session.
    """

    class Kind(models.TextChoices):
        FILE = "file"
        UPLOAD = "upload"
        IMAGES = "images"
        STREAM = "stream"
        IMPORT = "import"

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="footage")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    session = models.CharField(max_length=100)
    location = models.CharField(max_length=1000, help_text="path, URL, or name in storage")
    sha256 = models.CharField(max_length=64, blank=True)
    byte_count = models.PositiveBigIntegerField(default=0)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    duration_seconds = models.FloatField(null=True, blank=True)
    starts_at = models.DateTimeField(
        default=timezone.now, help_text="wall-clock time of second 0 of this footage"
    )
    detector_choice = models.JSONField(default=dict, blank=True)
    deployment = models.ForeignKey(
        Deployment, null=True, blank=True, on_delete=models.PROTECT, related_name="footage"
    )
    configuration = models.JSONField(
        default=dict, blank=True, help_text="zones, rules, sampling and tracker of this session"
    )
    damage = models.TextField(blank=True)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT)
    client_id = models.CharField(max_length=100, blank=True)
    clock_offset_seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "footage"
        constraints = [
            # Watching the same file again adds nothing.
            models.UniqueConstraint(
                fields=["camera", "session"], name="footage_session_is_unique_in_camera"
            ),
            models.UniqueConstraint(
                fields=["device", "client_id"],
                condition=~models.Q(client_id=""),
                name="footage_client_id_is_unique_in_device",
            ),
        ]

    def __str__(self):
        return f"{self.camera}: {self.session[:12]}"


class OfFootageQuerySet(VisibleQuerySet):
    site_path = "footage__camera__site"


class Segment(Leased):
    """A bounded stretch of footage that one worker ingests under a lease.

    ``checkpoint`` holds the state of tracker, rules and recorder at ``checkpoint_seconds``; it is
    written in the same transaction as the rows it accounts for, so that a restart neither loses
    nor doubles anything.
    """

    footage = models.ForeignKey(Footage, on_delete=models.CASCADE, related_name="segments")
    position = models.PositiveIntegerField()
    start_seconds = models.FloatField()
    end_seconds = models.FloatField(null=True, blank=True, help_text="empty until it is known")
    checkpoint_seconds = models.FloatField(null=True, blank=True)
    checkpoint = models.BinaryField(null=True, blank=True)
    frames_decoded = models.PositiveIntegerField(default=0)
    frames_sampled = models.PositiveIntegerField(default=0)
    frames_detected = models.PositiveIntegerField(default=0)

    objects = OfFootageQuerySet.as_manager()

    class Meta:
        ordering = ["footage", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["footage", "position"], name="segment_position_is_unique_in_footage"
            )
        ]
        indexes = [
            # What a worker may take next, and what the sweeper looks through.
            models.Index(
                fields=["lease_expires_at"],
                condition=models.Q(state__in=["queued", "running"]),
                name="segment_waiting_or_held",
            )
        ]

    def __str__(self):
        return f"segment {self.position} of {self.footage}"


class Photo(models.Model):
    class Origin(models.TextChoices):
        UPLOAD = "upload"
        SNAPSHOT = "snapshot"
        IMPORT = "import"

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="photos")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT)
    client_id = models.CharField(max_length=100, blank=True)
    received_sha256 = models.CharField(max_length=64, help_text="of the bytes that were received")
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    captured_at = models.DateTimeField()
    clock_offset_seconds = models.FloatField(default=0.0)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.UPLOAD)
    detected_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfCameraQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "client_id"],
                condition=~models.Q(client_id=""),
                name="photo_client_id_is_unique_in_device",
            ),
            models.UniqueConstraint(
                fields=["camera", "received_sha256"], name="photo_content_is_unique_in_camera"
            ),
        ]
        indexes = [
            # The library, newest first, keyset by id.
            models.Index(fields=["camera", "-captured_at", "-id"], name="photo_library"),
            # Whether a stored file, or a thumbnail of it, is still needed, asked before a deletion.
            models.Index(fields=["path"], name="photo_by_path"),
            models.Index(fields=["sha256"], name="photo_by_sha256"),
        ]

    def __str__(self):
        return f"photo {self.pk} of {self.camera}"


class OfPhotoQuerySet(VisibleQuerySet):
    site_path = "photo__camera__site"


class PhotoDetection(models.Model):
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="detections")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT)
    class_name = models.CharField(max_length=60)
    score = models.FloatField()
    box_xyxy = models.JSONField()

    objects = OfPhotoQuerySet.as_manager()

    def __str__(self):
        return f"{self.class_name} {self.score:.2f}"
