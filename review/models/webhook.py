"""Who is told of new incidents, and what became of each message."""

import uuid

from django.conf import settings
from django.db import models

from hitlsite.models import Site, VisibleQuerySet


class Webhook(models.Model):
    """An address that gets a signed message for every event of its site that it asked for."""

    class Event(models.TextChoices):
        INCIDENT_OPENED = "incident.opened", "new incident"
        ITEM_NEEDS_REVIEW = "item.needs_review", "item needs review"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(max_length=100)
    url = models.URLField(max_length=500)
    secret = models.CharField(max_length=100, help_text="signs every message")
    events = models.JSONField(default=list)
    with_picture = models.BooleanField(
        default=False, help_text="link the picture once it is clear of faces or redacted"
    )
    is_enabled = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["site", "name"]
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="webhook_name_is_unique_in_site")
        ]

    def __str__(self):
        return self.name


class OfWebhookQuerySet(VisibleQuerySet):
    site_path = "webhook__site"


class WebhookDelivery(models.Model):
    """One message to one address, tried until it is taken or given up."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up", "given up"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=30, choices=Webhook.Event.choices)
    subject = models.CharField(max_length=60, help_text="what it is about, once per webhook")
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    answer_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = OfWebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            # An event is told to an address once.
            models.UniqueConstraint(
                fields=["webhook", "event", "subject"], name="webhook_delivery_is_one_per_event"
            )
        ]
        indexes = [
            # What is due now.
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state="waiting"),
                name="webhook_delivery_due",
            )
        ]

    def __str__(self):
        return f"{self.event} to {self.webhook}: {self.state}"
