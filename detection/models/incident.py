"""Incidents with the rules that fired, their history, and their evidence."""

from datetime import date

from django.db import models
from django.db.models import Q

from detection.models.camera import Camera, OfCameraQuerySet, Rule
from detection.models.deployment import Deployment
from detection.models.footage import Footage, Photo, Segment
from hitlsite.models import Site, VisibleQuerySet


class IncidentQuerySet(OfCameraQuerySet):
    def reported(self):
        """Return what a rule or an import reported: samples of what nobody did are no incidents."""
        return self.exclude(origin__in=Incident.SAMPLED)


class Incident(models.Model):
    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Category(models.TextChoices):
        LOITERING = "loitering"
        RESTRICTED_ZONE_ENTRY = "restricted_zone_entry"
        OBJECT_LEFT_UNATTENDED = "object_left_unattended"
        RAPID_MOVEMENT = "rapid_movement"
        AGGRESSION = "aggression"
        CROWD_FORMATION = "crowd_formation"
        POSE_ANOMALY = "pose_anomaly"
        PERSON_DETECTED = "person_detected"
        VEHICLE_DETECTED = "vehicle_detected"
        UNKNOWN = "unknown"

    class Origin(models.TextChoices):
        """What put it before people: a rule, or a sample of what no rule reported."""

        RULE = "rule"
        AUDIT_MINUTE = "audit_minute", "audit minute"
        NEAR_MISS = "near_miss", "near miss"
        IMPORT = "import"

    SAMPLED = (Origin.AUDIT_MINUTE, Origin.NEAR_MISS)

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="incidents")
    footage = models.ForeignKey(Footage, on_delete=models.PROTECT, related_name="incidents")
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="incidents")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="incidents")
    key = models.CharField(max_length=200)
    origin = models.CharField(max_length=12, choices=Origin.choices, default=Origin.RULE)
    # Of a sample: how likely it was that just this one was drawn.
    inclusion_probability = models.FloatField(null=True, blank=True)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    category = models.CharField(max_length=30, choices=Category.choices)
    severity = models.CharField(max_length=10, choices=Rule.Severity.choices)
    class_name = models.CharField(max_length=60)
    why = models.CharField(max_length=300)
    opened_at_seconds = models.FloatField()
    closed_at_seconds = models.FloatField(null=True, blank=True)
    close_reason = models.CharField(max_length=20, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    peak_score = models.FloatField(default=0.0)
    peak_at_seconds = models.FloatField(default=0.0)
    track_ids = models.JSONField(default=list)
    code_version = models.CharField(max_length=40, blank=True)
    # Set once nothing about the incident can change any more: the evidence is whole.
    evidence_complete_at = models.DateTimeField(null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [
            # A stretch that is ingested again must find its incidents, not repeat them.
            models.UniqueConstraint(fields=["footage", "key"], name="incident_key_is_unique"),
            # Without it nothing can be estimated from a sample.
            models.CheckConstraint(
                condition=~Q(origin__in=["audit_minute", "near_miss"])
                | Q(inclusion_probability__gt=0.0, inclusion_probability__lte=1.0),
                name="incident_sampled_has_a_probability",
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(state="closed", closed_at_seconds__isnull=False),
                name="incident_closed_has_an_end",
            ),
        ]
        indexes = [
            # The pull task of review: closed incidents whose evidence is whole.
            models.Index(
                fields=["evidence_complete_at"],
                condition=Q(state="closed"),
                name="incident_closed_complete",
            )
        ]

    def __str__(self):
        return f"{self.category} at {self.opened_at_seconds:.1f} s on {self.camera}"

    @property
    def is_sampled(self):
        """Whether it was drawn at random, and is no incident that anything reported."""
        return self.origin in self.SAMPLED

    @property
    def sampled_day(self):
        """The day, at its site, from which a sample was drawn; it stands in the key."""
        return date.fromisoformat(self.key.split(":")[1])

    @property
    def is_open(self):
        return self.state == self.State.OPEN

    @property
    def duration_seconds(self):
        if self.closed_at_seconds is None:
            return None
        return self.closed_at_seconds - self.opened_at_seconds


class OfIncidentQuerySet(VisibleQuerySet):
    site_path = "incident__camera__site"


class RuleHit(models.Model):
    """One rule of one incident, with the numbers that made it fire and the rule as it was then."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="rule_hits")
    position = models.PositiveSmallIntegerField()
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.SET_NULL)
    rule_name = models.CharField(max_length=60)
    kind = models.CharField(max_length=40)
    zone = models.CharField(max_length=60)
    opened_at_seconds = models.FloatField()
    closed_at_seconds = models.FloatField(null=True, blank=True)
    why = models.CharField(max_length=300)
    numbers = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)

    objects = OfIncidentQuerySet.as_manager()

    class Meta:
        ordering = ["incident", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "position"], name="rule_hit_position_is_unique_in_incident"
            )
        ]

    def __str__(self):
        return self.why


class IncidentEvent(models.Model):
    class Kind(models.TextChoices):
        OPENED = "opened"
        UPDATED = "updated"
        CLOSED = "closed"

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="events")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at_seconds = models.FloatField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    snapshot = models.JSONField(default=dict)

    objects = OfIncidentQuerySet.as_manager()

    class Meta:
        ordering = ["incident", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "position"], name="incident_event_position_is_unique"
            )
        ]

    def __str__(self):
        return f"{self.kind} at {self.at_seconds:.1f} s"


class EvidenceQuerySet(VisibleQuerySet):
    """Evidence belongs to an incident or is a photo: either leads to its site."""

    def visible_to(self, user):
        sites = Site.objects.visible_to(user).values("pk")
        return self.filter(Q(incident__camera__site__in=sites) | Q(photo__camera__site__in=sites))


class Evidence(models.Model):
    """A picture or a clip of an incident, or a photo; ``path`` is what may be shown.

    While what was shown before is kept beside its redacted copy (undo time, or a site's keeping
    time), it is sealed: ``sealed_path``, ``sealed_sha256`` and ``sealed_until``. It is the
    original, or an earlier redacted copy where the original is destroyed. A sealed file without
    ``sealed_until`` is being destroyed and never shown again.
    """

    class Kind(models.TextChoices):
        FRAME_OPEN = "frame_open", "at opening"
        FRAME_PEAK = "frame_peak", "at peak score"
        FRAME_LAST = "frame_last", "last frame"
        CLIP = "clip", "clip"
        TRACK_FRAME = "track_frame", "frame of the track"
        PHOTO = "photo", "photo"

    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.CASCADE, related_name="evidence"
    )
    photo = models.OneToOneField(
        Photo, null=True, blank=True, on_delete=models.CASCADE, related_name="evidence"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    position = models.PositiveSmallIntegerField(
        default=0, help_text="among the frames of a track; everything else is there once"
    )
    at_seconds = models.FloatField(help_text="of the footage; a clip's first frame")
    end_seconds = models.FloatField(null=True, blank=True)
    path = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    byte_count = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    observations = models.JSONField(
        default=list,
        help_text="tracks in view: [{at_seconds, track_id, class_name, score, box_xyxy}]",
    )
    original_sha256 = models.CharField(max_length=64)
    sealed_path = models.CharField(max_length=300, blank=True)
    sealed_sha256 = models.CharField(max_length=64, blank=True)
    sealed_until = models.DateTimeField(null=True, blank=True)
    original_destroyed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        ordering = ["incident", "at_seconds", "kind"]
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "kind", "position"],
                name="evidence_kind_is_unique_in_incident",
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=False, photo__isnull=True)
                | Q(incident__isnull=True, photo__isnull=False, kind="photo"),
                name="evidence_is_of_an_incident_or_a_photo",
            ),
        ]
        indexes = [
            # Whether a stored file is still needed, asked before every deletion.
            models.Index(fields=["path"], name="evidence_by_path"),
            models.Index(
                fields=["sealed_path"],
                condition=~Q(sealed_path=""),
                name="evidence_by_sealed_path",
            ),
            # Whether a thumbnail is still shown somewhere.
            models.Index(fields=["sha256"], name="evidence_by_sha256"),
            # The purge: sealed originals whose time is up.
            models.Index(
                fields=["sealed_until"],
                condition=~Q(sealed_path=""),
                name="evidence_sealed",
            ),
        ]

    def __str__(self):
        owner = f"photo {self.photo_id}" if self.photo_id else f"incident {self.incident_id}"
        return f"{self.kind} of {owner}"

    @property
    def camera(self):
        return (self.photo or self.incident).camera

    @property
    def is_clip(self):
        return self.kind == self.Kind.CLIP

    @property
    def is_sealed(self):
        """Whether what was shown before is kept, and not being destroyed."""
        return bool(self.sealed_path and self.sealed_until)
