"""Redacting from the pages: at once where it is prepared, by a worker otherwise, and back again."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from review import tasks
from review.models import Redaction
from tests import factories
from tests.review.test_views_acts import act, address_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_files(data_dir):
    """Every test stores its files in a folder of its own."""


def test_redacting_uses_the_prepared_copies(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces")

    response = act(signed_in, "redact", item, {"method": "blur", "regions": "[]"})

    item.refresh_from_db()
    assert (response.status_code, response["Location"]) == (303, address_of(item))
    assert item.privacy == "redacted"


def test_redacting_with_drawn_regions_asks_a_worker(
    signed_in, camera, monkeypatch, django_capture_on_commit_callbacks
):
    item, asked = factories.item(factories.incident(camera), privacy="faces"), []
    monkeypatch.setattr(
        tasks.propose_redaction, "apply_async", lambda arguments, **_: asked.append(arguments)
    )
    regions = json.dumps([{"box_xyxy": [0, 0, 0.5, 0.5]}])
    with django_capture_on_commit_callbacks(execute=True):
        response = act(signed_in, "redact", item, {"method": "blur", "regions": regions})

    html = signed_in.get(response["Location"]).content.decode()
    assert (response.status_code, asked) == (303, [(item.pk,)])
    assert "redaction is being prepared" in html
    assert 'hx-trigger="every 2s"' in html
    assert item.redactions.filter(state=Redaction.State.APPLIED).count() == 0


def test_a_broker_that_is_away_does_not_lose_the_request(
    signed_in, camera, monkeypatch, django_capture_on_commit_callbacks
):
    item = factories.item(factories.incident(camera), privacy="faces")

    def away(*args, **options):
        raise OSError("no broker")

    monkeypatch.setattr(tasks.propose_redaction, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        response = act(signed_in, "redact", item, {"method": "mask"})

    item.refresh_from_db()
    assert (response.status_code, item.is_being_redacted) == (303, True)


@pytest.mark.parametrize(
    ("privacy", "proposal", "is_anew"),
    [
        ("faces", "waiting", False),
        ("faces", "ready", False),
        ("clear", "blocked", False),
        ("redacted", "none", True),
    ],
)
def test_the_page_is_loaded_anew_once_the_files_are_others(
    signed_in, camera, privacy, proposal, is_anew
):
    item = factories.item(
        factories.incident(camera, with_files=False), privacy=privacy, proposal=proposal
    )
    response = signed_in.get(
        reverse("review:privacy", args=[item.pk]), headers={"HX-Request": "true"}
    )

    assert ("HX-Refresh" in response.headers) is is_anew


def test_sealed_originals_are_brought_back_by_supervisors_only(
    client, camera, reviewer, supervisor, settings
):
    settings.KEEP_ORIGINAL_DAYS = 3
    item = factories.item(factories.incident(camera), privacy="faces")
    client.force_login(reviewer)
    act(client, "redact", item, {"method": "blur"})
    item.redactions.update(applied_at=timezone.now() - timezone.timedelta(seconds=61))

    assert b"Bring the originals back" not in client.get(address_of(item)).content
    assert act(client, "undo_redaction", item).status_code == 403
    client.force_login(supervisor)
    assert b"Bring the originals back" in client.get(address_of(item)).content
    assert act(client, "undo_redaction", item).status_code == 303


def test_a_redaction_can_be_taken_back_while_the_original_is_sealed(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces")
    before = list(item.incident.evidence.values_list("pk", "sha256"))
    act(signed_in, "redact", item, {"method": "blur"})
    assert b"Bring the originals back" in signed_in.get(address_of(item)).content

    act(signed_in, "undo_redaction", item)

    assert list(item.incident.evidence.values_list("pk", "sha256")) == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"regions": "{"}, "regions"),
        ({"regions": "[" * 90_000}, "regions"),
        ({"regions": "[" * 900 + "]" * 900}, "regions"),
        ({"regions": '{"a": 1}'}, "regions"),
        ({"regions": "[1]"}, "regions"),
        ({"regions": json.dumps([{"box_xyxy": [0, 0, 2, 2]}])}, "regions.0"),
        ({"method": "paint"}, "method"),
    ],
)
def test_a_redaction_that_cannot_be_read_is_refused(signed_in, camera, values, field):
    item = factories.item(factories.incident(camera), privacy="faces")

    response = act(signed_in, "redact", item, values)

    assert response.status_code == 422
    assert field in response.context["error"].fields
    assert not item.redactions.filter(state=Redaction.State.APPLIED).exists()
