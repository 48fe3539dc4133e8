"""The training item: one incident, or one marked photo, put before a person."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from detection.models import Camera, Incident, Photo
from hitlsite.models import Site, VisibleQuerySet


class TrainingItem(models.Model):
    class Status(models.TextChoices):
        PENDING_REVIEW = "pending_review", "pending review"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        NEEDS_REVIEW = "needs_review", "needs review"

    OPEN_STATUSES = (Status.PENDING_REVIEW, Status.NEEDS_REVIEW)

    class Privacy(models.TextChoices):
        UNSCANNED = "unscanned"
        CLEAR = "clear"
        FACES = "faces"
        FAILED = "failed", "scan failed"
        REDACTED = "redacted"

    class Proposal(models.TextChoices):
        """Where the redaction proposal of an item with faces stands."""

        NONE = "none"
        WAITING = "waiting"
        READY = "ready"
        BLOCKED = "blocked"

    class Collection(models.TextChoices):
        AUTOMATIC = "automatic"
        MANUAL = "manual"
        IMPORT = "import"

    class Mode(models.TextChoices):
        """How many verdicts it takes: one, two blind ones, or any number that only measure."""

        SINGLE = "single"
        DOUBLE = "double"
        GOLD = "gold"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="items")
    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="items")
    incident = models.OneToOneField(
        Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="item"
    )
    photo = models.OneToOneField(
        Photo, null=True, blank=True, on_delete=models.PROTECT, related_name="item"
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING_REVIEW)
    mode = models.CharField(max_length=6, choices=Mode.choices, default=Mode.SINGLE)
    # Near-duplicates: the first item of the stack; empty for that one itself.
    stack = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="stacked"
    )
    # Decided together from a contact sheet: the one item that training counts.
    represented_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="represents"
    )
    category = models.CharField(max_length=30, choices=Incident.Category.choices)
    proposed_category = models.CharField(max_length=30, choices=Incident.Category.choices)
    collection_method = models.CharField(
        max_length=10, choices=Collection.choices, default=Collection.AUTOMATIC
    )
    severity = models.CharField(max_length=10)
    priority = models.FloatField(default=0.0)
    privacy = models.CharField(max_length=10, choices=Privacy.choices, default=Privacy.UNSCANNED)
    proposal = models.CharField(max_length=8, choices=Proposal.choices, default=Proposal.NONE)
    # What a reviewer asked to be hidden and no worker has done yet: method, drawn_regions, by.
    requested_redaction = models.JSONField(null=True, blank=True)
    provenance = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_items",
    )
    claim_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    # First use by an export or a dataset: from then on a verdict is reopened, not undone.
    used_at = models.DateTimeField(null=True, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "pk"]
        permissions = [
            ("decide_trainingitem", "Can decide pending items"),
            ("redact_trainingitem", "Can redact items"),
            ("resolve_trainingitem", "Can decide items that need review"),
            ("reopen_trainingitem", "Can reopen decided items"),
            ("view_unredacted", "Can see unredacted media of pending items"),
            ("view_unredacted_always", "Can see unredacted media of every item"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending_review", "confirmed", "rejected", "needs_review"]),
                name="training_item_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(incident__isnull=True) | Q(photo__isnull=True),
                name="training_item_has_one_source",
            ),
            # Whatever code says: an item with faces is never confirmed.
            models.CheckConstraint(
                condition=~Q(status="confirmed") | Q(privacy__in=["clear", "redacted"]),
                name="training_item_confirmed_is_private",
            ),
        ]
        indexes = [
            # The queue: a site's pending items by priority, keyset by id.
            models.Index(fields=["site", "status", "-priority", "id"], name="training_item_queue"),
            # Counts by status on the dashboard, and the newest decided ones.
            models.Index(fields=["site", "status", "-decided_at"], name="training_item_decided"),
        ]

    def __str__(self):
        return f"item {self.pk}: {self.category}"

    @property
    def evidence(self):
        """Its evidence rows, prefetched as ``incident__evidence`` or joined as ``photo``."""
        if self.incident is not None:
            return list(self.incident.evidence.all())
        return [self.photo.evidence] if self.photo is not None else []

    @property
    def is_private(self):
        """Whether its media may leave: scanned clear, or redacted and verified."""
        return self.privacy in (self.Privacy.CLEAR, self.Privacy.REDACTED)

    @property
    def is_open(self):
        return self.status in self.OPEN_STATUSES

    @property
    def is_being_redacted(self):
        """Whether a worker is still to prepare a redaction; a confirmation waits for it."""
        return self.proposal == self.Proposal.WAITING
