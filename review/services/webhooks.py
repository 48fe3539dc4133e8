"""What webhooks are told: new incidents, and items that need a supervisor, each to each once.

The messages are an outbox: rows that a pull task makes, so that nothing which goes wrong here
disturbs ingestion or a verdict, and that ``webhook_delivery`` sends. A message tells in words what
happened. Where a webhook asks for pictures it holds a link that works for a while, and only while
what it shows is clear of faces or redacted; see ``pictures``.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from detection.models import Incident, IncidentEvent
from hitlsite import audit
from hitlsite.errors import DomainError, Forbidden
from review.models import TrainingItem, Webhook, WebhookDelivery
from review.services import outbound

Event = Webhook.Event
EVENTS_A_LOOK = 500
# A row that another transaction is still storing is found by the next look, if that looks back.
LOOK_BACK = timedelta(minutes=2)


def collect(*, at=None):
    """Make the deliveries of what happened lately and was not told yet; return how many.

    What was recorded longer ago than NOTIFY_WITHIN_SECONDS arrived late and tells nobody.
    """
    at = at or timezone.now()
    since = at - timedelta(seconds=settings.NOTIFY_WITHIN_SECONDS)
    webhooks = list(Webhook.objects.filter(is_enabled=True).select_related("site"))
    if not webhooks:
        return 0
    made = 0
    by_site = {}
    for webhook in webhooks:
        by_site.setdefault(webhook.site_id, []).append(webhook)
    if any(Event.INCIDENT_OPENED in webhook.events for webhook in webhooks):
        made += _collect_incidents(by_site, since, at)
    if any(Event.ITEM_NEEDS_REVIEW in webhook.events for webhook in webhooks):
        made += _collect_items(by_site, since, at)
    return made


def _collect_incidents(by_site, since, at):
    pks = _opened_since(since)
    incidents = Incident.objects.filter(
        pk__in=pks, origin=Incident.Origin.RULE, opened_at__gte=since, camera__site__in=by_site
    )
    made = 0
    for incident in incidents.select_related("camera__site", "item").order_by("pk"):
        made += _tell(
            by_site[incident.camera.site_id],
            Event.INCIDENT_OPENED,
            f"incident:{incident.pk}",
            incident.opened_at,
            _of_incident(incident, getattr(incident, "item", None)),
            at,
        )
    return made


def _opened_since(since):
    """Return the ids of incidents stored since a time, by walking back from the newest."""
    found, last = set(), None
    while True:
        events = IncidentEvent.objects.order_by("-pk").values_list(
            "pk", "incident", "kind", "recorded_at"
        )
        page = list((events.filter(pk__lt=last) if last else events)[:EVENTS_A_LOOK])
        for _, incident, kind, recorded_at in page:
            if recorded_at < since - LOOK_BACK:
                return found
            if kind == IncidentEvent.Kind.OPENED:
                found.add(incident)
        if len(page) < EVENTS_A_LOOK:
            return found
        last = page[-1][0]


def _collect_items(by_site, since, at):
    items = TrainingItem.objects.filter(
        site__in=by_site, status=TrainingItem.Status.NEEDS_REVIEW, decided_at__gte=since
    )
    made = 0
    for item in items.select_related("camera__site", "incident").order_by("pk"):
        made += _tell(
            by_site[item.site_id],
            Event.ITEM_NEEDS_REVIEW,
            # An item that needs review again, after it was reopened, is told again.
            f"item:{item.pk}:{item.decided_at.timestamp():.6f}",
            item.decided_at,
            _of_item(item),
            at,
        )
    return made


def _tell(webhooks, event, subject, happened_at, told, at):
    """Make a delivery for every webhook that wants an event and has none of it yet."""
    wanting = [
        one for one in webhooks if event in one.events and one.created_at <= happened_at + LOOK_BACK
    ]
    known = set(
        WebhookDelivery.objects.filter(
            webhook__in=wanting, event=event, subject=subject
        ).values_list("webhook", flat=True)
    )
    rows = [
        WebhookDelivery(
            webhook=one,
            event=event,
            subject=subject,
            payload={"event": str(event), "at": happened_at.isoformat(), **told},
            next_attempt_at=at,
        )
        for one in wanting
        if one.pk not in known
    ]
    # Another worker may have been faster.
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _of_incident(incident, item):
    return {
        "site": incident.camera.site.name,
        "camera": incident.camera.name,
        "category": incident.category,
        "severity": incident.severity,
        "why": incident.why,
        "incident": incident.pk,
        "item": item.pk if item else None,
        "link": link("review:item", item.pk) if item else link("review:dashboard"),
    }


def _of_item(item):
    incident = item.incident
    return {
        "site": item.camera.site.name,
        "camera": item.camera.name,
        "category": item.category,
        "severity": item.severity,
        "why": incident.why if incident else "a marked photo",
        "incident": incident.pk if incident else None,
        "item": item.pk,
        "link": link("review:item", item.pk),
    }


def link(name, *args):
    """Return the address of a page; only its path where PUBLIC_URL does not say where we are."""
    return settings.PUBLIC_URL.rstrip("/") + reverse(name, args=args)


def save(webhook, *, by):
    """Store a webhook, new or changed; return its secret where it is new, "" otherwise.

    Raises:
        Forbidden: it is of a site that ``by`` does not belong to.
        DomainError: webhook_url, webhook_events, webhook_name.
    """
    is_new = webhook.pk is None
    require(by, "add" if is_new else "change", webhook)
    outbound.checked_url(webhook.url)
    if not webhook.events or set(webhook.events) - set(Event.values):
        message = "Choose what it is told of."
        raise DomainError("webhook_events", message, fields={"events": message})
    secret = ""
    if is_new:
        webhook.created_by = by
        secret = webhook.secret = _new_secret()
    try:
        with transaction.atomic():
            webhook.save()
            detail = {
                name: getattr(webhook, name)
                for name in ("name", "url", "events", "with_picture", "is_enabled")
            }
            _record("added" if is_new else "changed", webhook, by, detail)
    except IntegrityError:
        message = f"{webhook.site} has a webhook of this name."
        raise DomainError("webhook_name", message, fields={"name": message}) from None
    return secret


def _new_secret():
    return secrets.token_urlsafe(32)


@transaction.atomic
def rotate_secret(webhook, *, by):
    """Give a webhook a new secret and return it; messages are signed with it from now on."""
    require(by, "change", webhook)
    webhook.secret = _new_secret()
    webhook.save(update_fields=["secret"])
    _record("secret_changed", webhook, by, {})
    return webhook.secret


@transaction.atomic
def delete(webhook, *, by):
    """Delete a webhook with what it was told."""
    require(by, "delete", webhook)
    _record("deleted", webhook, by, {"name": webhook.name, "url": webhook.url})
    webhook.delete()


@transaction.atomic
def retry(delivery, *, by, at=None):
    """Let a delivery that was given up, or that rests, be tried again at once."""
    require(by, "change", delivery.webhook)
    State = WebhookDelivery.State
    again = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=State.DELIVERED)
    if again.update(state=State.WAITING, attempts=0, next_attempt_at=at or timezone.now()):
        _record("tried_again", delivery.webhook, by, {"delivery": str(delivery.uuid)})


def disable(webhook, *, why):
    """Stop telling a webhook whose address is gone for good."""
    with transaction.atomic():
        if Webhook.objects.filter(pk=webhook.pk, is_enabled=True).update(is_enabled=False):
            _record("disabled", webhook, None, {"why": why})


def require(by, act, webhook):
    sites = type(webhook.site).objects.visible_to(by)
    if not by.has_perm(f"review.{act}_webhook") or not sites.filter(pk=webhook.site_id).exists():
        raise Forbidden("You may not do this to webhooks of this site.")


def _record(act, webhook, by, detail):
    audit.record(f"webhook.{act}", webhook, actor=by, site=webhook.site, detail=detail)
