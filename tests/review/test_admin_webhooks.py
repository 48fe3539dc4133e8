"""Webhooks in the admin: for admins of the site, the secret shown once, messages only read."""

import pytest
from django.urls import reverse
from django.utils import timezone

from review.models import Webhook, WebhookDelivery
from review.services import webhooks
from tests.review.receivers import receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(site, admin_user):
    made = Webhook(site=site, name="desk", url="https://a.example/", events=["incident.opened"])
    webhooks.save(made, by=admin_user)
    return made


def form(site, **given):
    return {
        "site": site.pk,
        "name": "desk",
        "url": "https://a.example/hook",
        "events": ["incident.opened"],
        "is_enabled": "on",
        **given,
    }


def test_a_new_one_shows_its_secret_once(client, site, admin_user):
    client.force_login(admin_user)
    answer = client.post(reverse("admin:review_webhook_add"), form(site), follow=True)
    made = Webhook.objects.get()
    assert made.created_by == admin_user
    assert made.secret in answer.content.decode()
    change = client.get(reverse("admin:review_webhook_change", args=[made.pk]))
    assert change.status_code == 200
    assert made.secret not in change.content.decode()


@pytest.mark.parametrize("url", ["ftp://a.example/", "http://10.0.0.1/", "https://u:p@a.example/"])
def test_a_wrong_address_is_told_beside_its_field(client, site, admin_user, url):
    client.force_login(admin_user)
    answer = client.post(reverse("admin:review_webhook_add"), form(site, url=url))
    assert answer.status_code == 200
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("who", ["reviewer", "supervisor"])
def test_others_do_not_see_them(client, hook, request, who):
    client.force_login(request.getfixturevalue(who))
    assert client.get(reverse("admin:review_webhook_changelist")).status_code == 403


def test_another_sites_is_not_there(client, hook, outsider):
    from django.contrib.auth.models import Permission

    outsider.user_permissions.set(Permission.objects.filter(content_type__model="webhook"))
    client.force_login(outsider)
    assert client.get(reverse("admin:review_webhook_change", args=[hook.pk])).status_code == 404
    assert hook.name not in client.get(reverse("admin:review_webhook_changelist")).content.decode()


def act(client, action, row):
    name = f"admin:review_{type(row)._meta.model_name}_changelist"
    given = {"action": action, "_selected_action": [row.pk]}
    return client.post(reverse(name), given, follow=True).content.decode()


def test_a_test_message_is_sent_and_its_fate_told(client, hook, admin_user, settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    client.force_login(admin_user)
    with receiver() as server:
        Webhook.objects.update(url=server.url)
        assert "taken (200)" in act(client, "send_test_message", hook)
        assert len(server.taken) == 1
    assert "could not be reached" in act(client, "send_test_message", hook)


def test_a_new_secret_is_shown(client, hook, admin_user):
    client.force_login(admin_user)
    text = act(client, "make_new_secret", hook)
    before, hook = hook.secret, Webhook.objects.get()
    assert hook.secret != before
    assert hook.secret in text


def test_messages_are_read_and_tried_again(client, hook, admin_user):
    made = WebhookDelivery.objects.create(
        webhook=hook,
        event="incident.opened",
        subject="incident:1",
        payload={},
        state="given_up",
        attempts=14,
        next_attempt_at=timezone.now(),
    )
    client.force_login(admin_user)
    page = client.get(reverse("admin:review_webhookdelivery_change", args=[made.pk]))
    assert page.status_code == 200
    assert "_save" not in page.content.decode()
    act(client, "try_again", made)
    made.refresh_from_db()
    assert (made.state, made.attempts) == ("waiting", 0)
