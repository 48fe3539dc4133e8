"""Where webhooks may be posted to: ``hitlsite.outbound`` with the settings of webhooks."""

from django.conf import settings

from hitlsite import outbound
from hitlsite.outbound import MOST_ANSWER_BYTES, TIMEOUT_SECONDS, Answer

__all__ = ["MOST_ANSWER_BYTES", "Answer", "checked_url", "is_allowed", "post"]


def _rules():
    return outbound.Rules(
        purpose="webhook",
        allows_private=settings.WEBHOOK_PRIVATE_ADDRESSES,
        wants_https=settings.PRODUCTION,
        setting="WEBHOOK_PRIVATE_ADDRESSES",
    )


def checked_url(url):
    """Return a webhook's URL as (scheme, host, port, path with query).

    Raises:
        DomainError: webhook_url, saying what is wrong with it.
    """
    return outbound.checked_url(url, _rules())


def is_allowed(address):
    """Say whether webhooks may connect to an ip_address."""
    return outbound.is_allowed(address, _rules())


def post(url, body, headers, *, timeout_seconds=TIMEOUT_SECONDS):
    """POST bytes to a webhook's URL and return the Answer; nothing that it does raises."""
    return outbound.post(url, body, headers, _rules(), timeout_seconds=timeout_seconds)
