"""Deciding, undoing and reopening from the pages, with and without JavaScript."""

import pytest
from django.urls import reverse
from django.utils import timezone

from review.models import Decision, TrainingItem
from review.services import queue
from tests import factories, many

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _own_files(data_dir):
    """Every test stores its files in a folder of its own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


def act(client, name, item, values=None, query="", **options):
    address = f"{reverse(f'review:{name}', args=[item.pk])}{query}"
    return client.post(address, values or {}, **options)


def address_of(item, query=""):
    return f"{reverse('review:item', args=[item.pk])}{query}"


@pytest.mark.parametrize(
    ("verdict", "status", "reason"),
    [
        ("confirmed", "confirmed", ""),
        ("needs_review", "needs_review", ""),
        ("rejected:duplicate", "rejected", "duplicate"),
    ],
)
def test_a_verdict_leads_on_to_the_next_item(signed_in, camera, verdict, status, reason):
    first = factories.item(factories.incident(camera, severity="high"))
    second = factories.item(factories.incident(camera, severity="low"))
    query = f"?camera={camera.pk}"

    response = act(signed_in, "decide", first, {"verdict": verdict, "version": 1}, query)

    first.refresh_from_db()
    assert (response.status_code, response["Location"]) == (303, address_of(second, query))
    assert first.status == status
    assert first.decisions.get().reason == reason


def test_the_last_verdict_leads_back_to_the_queue(signed_in, item):
    response = act(signed_in, "decide", item, {"verdict": "confirmed"}, follow=True)

    assert response.redirect_chain[-1][0] == reverse("review:queue")
    assert b"That was the last one here." in response.content


def test_an_item_that_somebody_else_holds_is_passed_over(signed_in, camera, second_reviewer):
    first, held, free = (
        factories.item(factories.incident(camera, severity=severity))
        for severity in ("high", "medium", "low")
    )
    queue.claim_item(held.pk, by=second_reviewer)

    response = act(signed_in, "decide", first, {"verdict": "confirmed"})

    assert response["Location"] == address_of(free)


def test_a_corrected_category_note_and_time_are_stored(signed_in, item):
    values = {
        "verdict": "confirmed",
        "category": "aggression",
        "note": "two of them",
        "seconds_taken": "4.25",
        "version": 1,
    }

    act(signed_in, "decide", item, values)

    decision = item.decisions.get()
    assert (decision.category, decision.note) == ("aggression", "two of them")
    assert decision.seconds_taken == 4.25


def test_a_changed_category_is_left_aside_where_it_corrects_nothing(signed_in, item):
    values = {"verdict": "rejected:duplicate", "category": "aggression"}

    act(signed_in, "decide", item, values)

    assert item.decisions.get().category == ""


@pytest.mark.parametrize(
    ("values", "status", "message"),
    [
        ({"verdict": "rejected"}, 422, "A rejection needs one of"),
        ({"verdict": "rejected:other"}, 422, "needs a note"),
        ({"verdict": "nonsense", "note": "kept"}, 422, "must be one of"),
        ({"note": "kept"}, 422, "This field is required"),
        ({"verdict": "confirmed", "version": "7", "note": "kept"}, 409, "changed since"),
        ({"verdict": "confirmed", "version": "x"}, 422, "whole number"),
    ],
)
def test_a_refused_verdict_keeps_what_was_typed(signed_in, item, values, status, message):
    response = act(signed_in, "decide", item, values)

    html = response.content.decode()
    assert response.status_code == status
    assert message in html
    assert 'id="refusal"' in html
    if "note" in values:
        assert f">{values['note']}</textarea>" in html
    assert not item.decisions.exists()


def test_htmx_gets_the_refusal_alone(signed_in, item):
    response = act(signed_in, "decide", item, {"verdict": "rejected"}, headers=HTMX)

    html = response.content.decode()
    assert response.status_code == 422
    assert html.lstrip().startswith('<div id="refusal"')
    assert "<html" not in html


def test_the_slower_of_two_is_told_who_was_faster(client, item, reviewer, second_reviewer):
    for user in (reviewer, second_reviewer):
        client.force_login(user)
        response = act(client, "decide", item, {"verdict": "confirmed", "version": 1})

    assert response.status_code == 409
    assert "Ada Byron confirmed this" in response.content.decode()
    assert item.decisions.count() == 1


def test_sending_a_verdict_twice_is_harmless(signed_in, item):
    for _ in range(2):
        act(signed_in, "decide", item, {"verdict": "rejected:duplicate", "version": 1})

    assert item.decisions.count() == 1


def test_anothers_claim_is_shown_and_kept(signed_in, item, second_reviewer):
    queue.claim_item(item.pk, by=second_reviewer)

    page = signed_in.get(address_of(item)).content.decode()
    response = act(signed_in, "decide", item, {"verdict": "confirmed"})

    assert "has this item until" in page
    assert response.status_code == 409
    assert "Grace Hopper has claimed" in response.content.decode()


def test_a_lost_session_comes_back_to_the_item(signed_in, item):
    """After signing in again the browser asks for the act's address with a GET."""
    response = signed_in.get(reverse("review:decide", args=[item.pk]))

    assert response["Location"] == address_of(item)


def test_htmx_learns_the_address_it_ends_at(signed_in, item):
    response = signed_in.get(address_of(item, "?status=all"), headers=HTMX)

    assert response["HX-Push-Url"] == address_of(item, "?status=all")


def test_confirming_an_item_with_faces_shows_the_redacted_files(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces")

    act(signed_in, "decide", item, {"verdict": "confirmed"})

    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")


def test_confirming_while_the_redaction_is_prepared_waits(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces", proposal="waiting")

    act(signed_in, "decide", item, {"verdict": "confirmed"})
    html = signed_in.get(address_of(item)).content.decode()

    assert item.decisions.get().effect == Decision.Effect.WAITING
    assert "takes effect when the redaction is verified" in html
    assert 'id="undo-form"' in html


def test_confirming_a_blocked_item_says_what_to_do(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces", proposal="blocked")

    response = act(signed_in, "decide", item, {"verdict": "confirmed"})

    assert response.status_code == 409
    assert "redact it with regions of your own" in response.content.decode()


def test_a_verdict_is_undone_from_the_toast(signed_in, item):
    act(signed_in, "decide", item, {"verdict": "rejected:duplicate"})
    decision = item.decisions.get()
    assert f'value="{decision.pk}"' in signed_in.get(reverse("review:queue")).content.decode()

    response = act(signed_in, "undo", item, {"decision": decision.pk}, follow=True)

    item.refresh_from_db()
    assert item.status == TrainingItem.Status.PENDING_REVIEW
    assert response.redirect_chain[-1][0] == address_of(item)
    assert b"Taken back: rejected" in response.content
    assert b'id="undo-form"' not in response.content


def test_an_old_verdict_has_no_toast_and_cannot_be_undone(signed_in, item, settings):
    act(signed_in, "decide", item, {"verdict": "rejected:duplicate"})
    item.decisions.update(at=timezone.now() - timezone.timedelta(seconds=61))

    page = signed_in.get(reverse("review:queue"))
    response = act(signed_in, "undo", item, {"decision": item.decisions.get().pk})

    assert b'id="undo-form"' not in page.content
    assert response.status_code == 409


def test_needs_review_is_a_supervisors(client, item, reviewer, supervisor):
    client.force_login(reviewer)
    act(client, "decide", item, {"verdict": "needs_review", "note": "is that a bag?"})
    for_reviewer = client.get(address_of(item)).content.decode()
    client.force_login(supervisor)
    for_supervisor = client.get(address_of(item)).content.decode()

    assert "Waits for a supervisor" in for_reviewer
    assert "is that a bag?" in for_reviewer
    assert "data-decide" not in for_reviewer
    assert "data-decide" in for_supervisor


def test_a_supervisor_resolves_one_after_the_other(client, camera, supervisor):
    first, second = (
        factories.item(factories.incident(camera, severity=severity), status="needs_review")
        for severity in ("high", "low")
    )
    client.force_login(supervisor)

    response = act(client, "decide", first, {"verdict": "confirmed"}, "?status=needs_review")

    assert response["Location"] == address_of(second, "?status=needs_review")


def test_a_supervisor_reopens_with_a_reason(client, camera, reviewer, supervisor):
    item = factories.item(factories.incident(camera), status="rejected")
    client.force_login(reviewer)
    assert "Reopen" not in client.get(address_of(item)).content.decode()
    refused = act(client, "reopen", item, {"note": "no"})
    client.force_login(supervisor)
    without_reason = act(client, "reopen", item, {"note": " "})
    act(client, "reopen", item, {"note": "the clip shows more"})

    item.refresh_from_db()
    assert (refused.status_code, without_reason.status_code) == (403, 422)
    assert item.status == TrainingItem.Status.PENDING_REVIEW


def test_starting_claims_five_and_opens_the_first(signed_in, reviewer, site, camera):
    many.many_items(site, 7, camera=camera)

    response = signed_in.post(reverse("review:start"))

    held = TrainingItem.objects.filter(claimed_by=reviewer).order_by("-priority", "pk")
    assert held.count() == 5
    assert response["Location"] == address_of(held[0])


def test_starting_with_nothing_to_do_says_so(signed_in):
    response = signed_in.post(reverse("review:start"), follow=True)

    assert b"Nothing waits for you." in response.content


@pytest.mark.parametrize("name", ["decide", "redact", "undo", "reopen"])
def test_a_form_without_its_token_is_refused(item, reviewer, name):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(reviewer)

    assert act(client, name, item, {"verdict": "confirmed"}).status_code == 403
