"""Webhooks: told once, signed, tried again, given up, and never an unredacted picture."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from detection.models import Incident, IncidentEvent
from hitlsite import audit
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.models import Webhook, WebhookDelivery
from review.services import pictures, privacy, webhook_delivery, webhooks
from review.services.decisions import decide
from review.tasks import notify
from tests import factories
from tests.review.receivers import receiver, says

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir", "_reachable")]
BOTH = list(Webhook.Event.values)
State = WebhookDelivery.State


@pytest.fixture
def _reachable(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True


@pytest.fixture
def server():
    with receiver() as server:
        yield server


def hook(site, by, url, *, events=BOTH, **columns):
    made = Webhook(site=site, name=f"hook to {url}", url=url, events=events, **columns)
    webhooks.save(made, by=by)
    return made


def just_now(camera, **columns):
    """Return an incident that opened a moment ago."""
    source = factories.footage(camera, starts_at=timezone.now() - timedelta(seconds=30))
    return factories.incident(footage=source, with_files=False, **columns)


class TestCollecting:
    def test_a_new_incident_becomes_one_message_for_each_that_asked(self, camera, admin_user):
        asked = hook(camera.site, admin_user, "http://a.example/")
        hook(camera.site, admin_user, "http://b.example/", events=["item.needs_review"])
        incident = just_now(camera)
        assert webhooks.collect() == 1
        assert webhooks.collect() == 0
        (made,) = WebhookDelivery.objects.all()
        assert (made.webhook, made.event, made.state) == (asked, "incident.opened", "waiting")
        assert made.payload["why"] == incident.why
        assert made.payload["incident"] == incident.pk
        assert made.payload["camera"] == "Gate"

    def test_of_another_site_nothing_is_told(self, camera, admin_user):
        hook(camera.site, admin_user, "http://a.example/")
        just_now(factories.camera())
        assert webhooks.collect() == 0

    @pytest.mark.parametrize("origin", ["audit_minute", "near_miss", "import"])
    def test_samples_and_imports_are_no_news(self, camera, admin_user, origin):
        hook(camera.site, admin_user, "http://a.example/")
        just_now(camera, origin=origin, inclusion_probability=0.1)
        assert webhooks.collect() == 0

    def test_what_arrives_late_tells_nobody(self, camera, admin_user, settings):
        hook(camera.site, admin_user, "http://a.example/")
        late = timedelta(seconds=settings.NOTIFY_WITHIN_SECONDS + 60)
        source = factories.footage(camera, starts_at=timezone.now() - late)
        factories.incident(footage=source, with_files=False)
        assert webhooks.collect() == 0

    def test_what_was_there_before_the_webhook_is_not_told(self, camera, admin_user):
        just_now(camera)
        made = hook(camera.site, admin_user, "http://a.example/")
        Webhook.objects.filter(pk=made.pk).update(created_at=timezone.now() + timedelta(minutes=5))
        assert webhooks.collect() == 0

    def test_a_switched_off_webhook_is_told_nothing(self, camera, admin_user):
        hook(camera.site, admin_user, "http://a.example/", is_enabled=False)
        just_now(camera)
        assert webhooks.collect() == 0

    def test_needs_review_is_told_once_each_time(self, camera, admin_user, reviewer, supervisor):
        hook(camera.site, admin_user, "http://a.example/", events=["item.needs_review"])
        item = factories.item(just_now(camera))
        assert webhooks.collect() == 0
        decide(item.pk, by=reviewer, verdict="needs_review")
        assert webhooks.collect() == 1
        assert webhooks.collect() == 0
        decide(item.pk, by=supervisor, verdict="rejected", reason="duplicate")
        assert webhooks.collect() == 0
        (made,) = WebhookDelivery.objects.all()
        assert made.payload["link"].endswith(reverse("review:item", args=[item.pk]))

    def test_only_recent_events_are_walked_through(self, camera, admin_user, settings):
        hook(camera.site, admin_user, "http://a.example/")
        old = timezone.now() - timedelta(days=2)
        for _ in range(5):
            IncidentEvent.objects.filter(incident=just_now(camera)).update(recorded_at=old)
        just_now(camera)
        assert webhooks.collect() == 1

    def test_links_begin_with_the_public_address(self, camera, admin_user, settings):
        settings.PUBLIC_URL = "https://look.example/"
        hook(camera.site, admin_user, "http://a.example/")
        just_now(camera)
        webhooks.collect()
        assert WebhookDelivery.objects.get().payload["link"] == "https://look.example/"

    @pytest.mark.sql
    def test_two_workers_make_one_message(self, camera, admin_user, monkeypatch):
        hook(camera.site, admin_user, "http://a.example/")
        just_now(camera)
        real = WebhookDelivery.objects.filter
        webhooks.collect()
        # The second one looked before the first one stored.
        monkeypatch.setattr(WebhookDelivery.objects, "filter", lambda **given: real(pk=0))
        webhooks.collect()
        monkeypatch.undo()
        assert WebhookDelivery.objects.count() == 1
        assert connection.vendor in ("sqlite", "postgresql")


class TestDelivering:
    @pytest.fixture
    def waiting(self, camera, admin_user, server):
        made = hook(camera.site, admin_user, server.url)
        just_now(camera)
        webhooks.collect()
        return made

    def test_a_message_arrives_signed(self, waiting, server):
        notify()
        ((headers, body),) = server.taken
        told = json.loads(body)
        delivery = WebhookDelivery.objects.get()
        assert told["id"] == str(delivery.uuid)
        assert told["event"] == "incident.opened"
        assert "picture" not in told
        # As a receiver would check it.
        parts = dict(part.split("=", 1) for part in headers["X-Second-Look-Signature"].split(","))
        signed = parts["t"].encode() + b"." + body
        expected = hmac.new(waiting.secret.encode(), signed, hashlib.sha256).hexdigest()
        assert parts["v1"] == expected
        assert abs(int(parts["t"]) - timezone.now().timestamp()) < 60
        assert (delivery.state, delivery.answer_status, delivery.attempts) == ("delivered", 200, 1)

    def test_it_arrives_once(self, waiting, server):
        notify()
        notify()
        assert len(server.taken) == 1

    def test_a_refused_message_rests_longer_each_time(self, waiting, server):
        server.answer = says(500)
        at, waits = timezone.now() + timedelta(seconds=1), []
        for _ in range(4):
            webhook_delivery.deliver_due(at=at)
            delivery = WebhookDelivery.objects.get()
            waits.append((delivery.next_attempt_at - at).total_seconds())
            assert webhook_delivery.deliver_due(at=at).failed == 0
            at = delivery.next_attempt_at
        assert len(server.taken) == 4
        for wait, middle in zip(waits, (10, 20, 40, 80), strict=True):
            assert 0.8 * middle <= wait <= 1.2 * middle
        assert (delivery.answer_status, delivery.error) == (500, "It answered 500.")

    def test_after_about_a_day_it_is_given_up(self, waiting, server):
        server.answer = says(500)
        begun = at = timezone.now() + timedelta(seconds=1)
        for _ in range(webhook_delivery.MOST_ATTEMPTS):
            webhook_delivery.deliver_due(at=at)
            last, at = at, WebhookDelivery.objects.get().next_attempt_at
        delivery = WebhookDelivery.objects.get()
        assert delivery.state == State.GIVEN_UP
        assert timedelta(hours=17) < last - begun < timedelta(hours=29)
        assert webhook_delivery.deliver_due(at=at + timedelta(days=2)).failed == 0

    def test_gone_switches_the_webhook_off(self, waiting, server):
        server.answer = says(410)
        notify()
        waiting.refresh_from_db()
        assert not waiting.is_enabled
        assert WebhookDelivery.objects.get().state == State.GIVEN_UP
        assert AuditEntry.objects.filter(action="webhook.disabled").exists()
        assert audit.verify().is_whole

    def test_what_waits_for_a_webhook_that_is_switched_off_is_given_up(self, waiting, server):
        Webhook.objects.update(is_enabled=False)
        notify()
        assert server.taken == []
        delivery = WebhookDelivery.objects.get()
        assert (delivery.state, delivery.answer_status) == (State.GIVEN_UP, None)

    def test_one_dead_address_does_not_hold_up_another(self, camera, admin_user, server):
        dead = hook(camera.site, admin_user, "http://127.0.0.1:1/")
        hook(camera.site, admin_user, server.url)
        for _ in range(3):
            just_now(camera)
        webhooks.collect()
        report = webhook_delivery.deliver_due()
        assert (report.delivered, report.failed) == (3, 1)
        assert dead.deliveries.filter(attempts=0).count() == 2

    @pytest.mark.sql
    def test_of_two_workers_one_sends(self, waiting, server):
        delivery = WebhookDelivery.objects.get()
        at = timezone.now() + timedelta(seconds=1)
        assert webhook_delivery._claim(delivery.pk, at) is not None
        assert webhook_delivery._claim(delivery.pk, at) is None
        # The worker died: its claim ends, and another tries.
        assert webhook_delivery._claim(delivery.pk, at + timedelta(minutes=2)) is not None

    def test_trying_again_starts_from_the_beginning(self, waiting, server, admin_user, reviewer):
        server.answer = says(410)
        notify()
        Webhook.objects.update(is_enabled=True)
        delivery = WebhookDelivery.objects.select_related("webhook__site").get()
        with pytest.raises(Forbidden):
            webhooks.retry(delivery, by=reviewer)
        webhooks.retry(delivery, by=admin_user)
        server.answer = says(204)
        notify()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)

    def test_a_test_message_is_sent_at_once(self, waiting, server, admin_user):
        assert webhook_delivery.send_test(waiting, by=admin_user).is_taken
        sent = json.loads(server.taken[0][1])
        assert (sent["event"], sent["link"]) == ("test", None)
        listed = WebhookDelivery.objects.get(event="test")
        assert (listed.state, listed.attempts) == (State.DELIVERED, 1)
        assert str(listed.uuid) == sent["id"]

    def test_a_test_message_that_nobody_takes_is_listed_too(
        self, waiting, server, admin_user, settings
    ):
        settings.PUBLIC_URL, server.answer = "https://look.example", says(500)
        assert not webhook_delivery.send_test(waiting, by=admin_user).is_taken
        listed = WebhookDelivery.objects.get(event="test")
        assert (listed.state, listed.answer_status) == (State.GIVEN_UP, 500)
        assert listed.payload["link"].startswith("https://look.example/")


class TestPictures:
    @pytest.fixture
    def picture_hook(self, camera, admin_user, server):
        return hook(camera.site, admin_user, server.url, with_picture=True)

    def link_of(self, server):
        notify()
        return json.loads(server.taken[-1][1])["picture"]

    def incident(self, camera):
        source = factories.footage(camera, starts_at=timezone.now() - timedelta(seconds=30))
        return factories.incident(footage=source)

    @pytest.mark.parametrize("found", ["faces", "failed", "unscanned"])
    def test_an_unredacted_picture_is_never_shown(
        self, client, camera, picture_hook, server, found
    ):
        factories.item(self.incident(camera), privacy=found)
        assert client.get(self.link_of(server)).status_code == 404

    def test_without_an_item_there_is_no_picture(self, client, camera, picture_hook, server):
        self.incident(camera)
        assert client.get(self.link_of(server)).status_code == 404

    @pytest.mark.parametrize("found", ["clear", "redacted"])
    def test_a_private_picture_is_shown_without_a_login(
        self, client, camera, picture_hook, server, found
    ):
        item = factories.item(self.incident(camera), privacy=found)
        link = self.link_of(server)
        answer = client.get(link)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, no-store"
        content = b"".join(answer.streaming_content)
        shown = item.incident.evidence.get(kind="frame_peak")
        assert hashlib.sha256(content).hexdigest() == shown.sha256

    def test_the_same_link_is_empty_once_a_face_is_found(
        self, client, camera, picture_hook, server
    ):
        item = factories.item(self.incident(camera))
        link = self.link_of(server)
        assert client.get(link).status_code == 200
        type(item).objects.update(privacy="faces", proposal="waiting")
        assert client.get(link).status_code == 404

    def test_a_file_that_is_not_the_one_that_was_checked_is_not_shown(
        self, client, camera, picture_hook, server
    ):
        item = factories.item(self.incident(camera))
        link = self.link_of(server)
        item.incident.evidence.filter(kind="frame_peak").update(sha256="0" * 64)
        assert client.get(link).status_code == 404

    def test_what_was_looked_at_is_what_is_shown(self, camera, picture_hook, reviewer, monkeypatch):
        item = factories.item(self.incident(camera), privacy="faces")
        privacy.apply_redaction(item, by=reviewer)
        token = pictures.link(picture_hook, item.incident_id).rstrip("/").rpartition("/")[2]
        look = privacy.check_file

        def undone_right_after(*given, **options):
            look(*given, **options)
            privacy.undo_redaction(item, by=reviewer)

        monkeypatch.setattr(privacy, "check_file", undone_right_after)
        shown = pictures.find(token)
        assert shown.sha256 != shown.original_sha256
        assert item.incident.evidence.get(pk=shown.pk).sha256 == shown.original_sha256
        with pytest.raises(NotFound):
            pictures.find(token)

    def test_links_end(self, client, camera, picture_hook, server, monkeypatch):
        factories.item(self.incident(camera))
        link = self.link_of(server)
        monkeypatch.setattr(pictures, "LASTING_SECONDS", -1)
        assert client.get(link).status_code == 404

    @pytest.mark.parametrize("change", [{"is_enabled": False}, {"with_picture": False}])
    def test_links_end_with_what_allowed_them(self, client, camera, picture_hook, server, change):
        factories.item(self.incident(camera))
        link = self.link_of(server)
        Webhook.objects.update(**change)
        assert client.get(link).status_code == 404

    def test_a_made_up_link_is_nothing(self, client):
        for token in ("x", "a:b:c", "%00", "é"):
            assert client.get(f"/media/pictures/{token}/").status_code == 404


class TestSettingUp:
    def test_the_secret_is_told_once(self, site, admin_user):
        made = Webhook(site=site, name="a", url="https://a.example/", events=BOTH)
        secret = webhooks.save(made, by=admin_user)
        assert len(secret) > 30 and secret == made.secret
        assert webhooks.save(made, by=admin_user) == ""
        details = AuditEntry.objects.filter(action__startswith="webhook").values_list(
            "detail__content", flat=True
        )
        assert not any(secret in str(detail) for detail in details)

    def test_a_new_secret_replaces_the_old_one(self, site, admin_user):
        made = hook(site, admin_user, "https://a.example/")
        before = made.secret
        assert webhooks.rotate_secret(made, by=admin_user) != before

    @pytest.mark.parametrize("who", ["reviewer", "supervisor", "outsider"])
    def test_only_admins_of_the_site_set_one_up(self, site, request, who):
        made = Webhook(site=site, name="a", url="https://a.example/", events=BOTH)
        with pytest.raises(Forbidden):
            webhooks.save(made, by=request.getfixturevalue(who))

    @pytest.mark.parametrize(
        ("columns", "field"),
        [
            ({"url": "ftp://a.example/"}, "url"),
            ({"events": []}, "events"),
            ({"events": ["everything"]}, "events"),
        ],
    )
    def test_nonsense_is_refused(self, site, admin_user, columns, field):
        given = {"name": "a", "url": "https://a.example/", "events": BOTH, **columns}
        with pytest.raises(DomainError) as caught:
            webhooks.save(Webhook(site=site, **given), by=admin_user)
        assert field in caught.value.fields

    def test_one_name_once(self, site, admin_user):
        given = {"site": site, "name": "a", "url": "https://a.example/", "events": BOTH}
        webhooks.save(Webhook(**given), by=admin_user)
        with pytest.raises(DomainError, match="of this name"):
            webhooks.save(Webhook(**given), by=admin_user)


def test_nothing_is_asked_of_the_database_without_webhooks(django_assert_num_queries):
    with django_assert_num_queries(1):
        webhooks.collect()
    assert not Incident.objects.exists()
