"""Send the messages of the outbox, signed, until each is taken or given up.

A message is claimed by an UPDATE that moves its next attempt into the future: of two workers one
wins, and one that dies has it tried again. A message may therefore arrive twice; its id is the
same then. Receivers are asked one after another, and one that does not answer is left alone for
the rest of the turn, so that it does not hold up the others.
"""

import hashlib
import hmac
import json
import random
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from review.models import WebhookDelivery
from review.services import outbound, pictures, webhooks

State = WebhookDelivery.State
SIGNATURE_HEADER = "X-Second-Look-Signature"
# Waits of 10 s, 20 s, 40 s ... 11 h: about a day in all.
FIRST_WAIT, MOST_ATTEMPTS = timedelta(seconds=10), 14
JITTER = 0.2
CLAIM = timedelta(seconds=60)
MOST_A_TURN = 200
TURN_SECONDS = 30.0
GONE = 410
TEST = "test"


@dataclass
class Report:
    """What one turn did."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


def deliver_due(*, at=None, chance=random):
    """Send what is due, oldest first, for at most half a minute; return a Report."""
    report, unheard = Report(), set()
    deadline = time.monotonic() + TURN_SECONDS
    now = at or timezone.now()
    due = WebhookDelivery.objects.filter(state=State.WAITING, next_attempt_at__lte=now)
    for pk, webhook in list(due.order_by("pk").values_list("pk", "webhook")[:MOST_A_TURN]):
        if time.monotonic() > deadline:
            break
        if webhook in unheard:
            continue
        delivery = _claim(pk, now)
        if delivery is None:
            continue
        if not delivery.webhook.is_enabled:
            _update(delivery, state=State.GIVEN_UP, error="The webhook is switched off.")
            report.given_up += 1
            continue
        answer = _send(delivery)
        _settle(delivery, answer, at or timezone.now(), chance, report)
        if answer.status is None:
            unheard.add(webhook)
    return report


def _claim(pk, now):
    """Take a delivery for this worker, None where another has it or it is done."""
    rows = WebhookDelivery.objects.filter(pk=pk, state=State.WAITING, next_attempt_at__lte=now)
    if not rows.update(next_attempt_at=now + CLAIM, attempts=F("attempts") + 1):
        return None
    return WebhookDelivery.objects.select_related("webhook__site").get(pk=pk)


def _send(delivery):
    webhook = delivery.webhook
    payload = {"id": str(delivery.uuid), **delivery.payload}
    if webhook.with_picture and payload.get("incident"):
        payload["picture"] = pictures.link(webhook, payload["incident"])
    return post(webhook, payload)


def post(webhook, payload):
    """POST a payload to a webhook's address, signed; return the outbound.Answer."""
    body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "second-look",
        SIGNATURE_HEADER: signature(webhook.secret, body, int(time.time())),
    }
    return outbound.post(webhook.url, body, headers)


def signature(secret, body, at):
    """Return the header of a body (bytes) sent at a Unix time: t and the HMAC of "t.body"."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


def send_test(webhook, *, by):
    """Send a message that tells of nothing, once, and list it; return the outbound.Answer."""
    webhooks.require(by, "change", webhook)
    now, key = timezone.now(), uuid.uuid4()
    payload = {
        "event": TEST,
        "at": now.isoformat(),
        "site": webhook.site.name,
        # A path alone leads nowhere from where the message is read.
        "link": webhooks.link("review:dashboard") if settings.PUBLIC_URL else None,
    }
    answer = post(webhook, {"id": str(key), **payload})
    WebhookDelivery.objects.create(
        uuid=key,
        webhook=webhook,
        event=TEST,
        subject=f"{TEST}:{key}",
        payload=payload,
        state=State.DELIVERED if answer.is_taken else State.GIVEN_UP,
        attempts=1,
        next_attempt_at=now,
        answer_status=answer.status,
        error=answer.error[:300],
        delivered_at=timezone.now() if answer.is_taken else None,
    )
    return answer


def _settle(delivery, answer, at, chance, report):
    """Store what became of an attempt."""
    columns = {"answer_status": answer.status, "error": answer.error[:300]}
    if answer.is_taken:
        columns |= {"state": State.DELIVERED, "delivered_at": at}
        report.delivered += 1
    elif answer.status == GONE or delivery.attempts >= MOST_ATTEMPTS:
        columns["state"] = State.GIVEN_UP
        report.given_up += 1
    else:
        columns["next_attempt_at"] = at + wait_after(delivery.attempts, chance)
        report.failed += 1
    _update(delivery, **columns)
    if answer.status == GONE and delivery.webhook.is_enabled:
        webhooks.disable(delivery.webhook, why="its address answered 410, gone")


def _update(delivery, **columns):
    """Store columns of a delivery unless another worker has claimed it since."""
    held = WebhookDelivery.objects.filter(pk=delivery.pk, state=State.WAITING)
    held.filter(attempts=delivery.attempts).update(**columns)


def wait_after(attempts, chance=random):
    """Return how long a message rests after so many attempts: twice as long each, give or take."""
    return FIRST_WAIT * 2 ** (attempts - 1) * chance.uniform(1.0 - JITTER, 1.0 + JITTER)
