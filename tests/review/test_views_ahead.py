"""What a page fetches ahead, gives back, repeats, and shows first: the doors behind its script."""

import pytest
from django.urls import reverse
from django.utils import timezone

from review.models import Decision, TrainingItem
from review.services import decisions
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def row_of_items(camera):
    source = factories.footage(camera)
    part = factories.segment(source)
    return [
        factories.item(
            factories.incident(footage=source, segment=part, with_files=number == 0),
        )
        for number in range(6)
    ]


def held_by(user):
    live = TrainingItem.objects.filter(claimed_by=user, claim_expires_at__gt=timezone.now())
    return sorted(live.values_list("pk", flat=True))


def ahead_of(client, item, query=""):
    return client.post(f"{reverse('review:next_items')}{query}", {"after": item.pk})


def test_the_next_three_are_claimed_and_named(signed_in, reviewer, row_of_items):
    response = ahead_of(signed_in, row_of_items[0], "?category=loitering")

    pks = [one.pk for one in row_of_items[1:4]]
    assert [one["id"] for one in response.json()["items"]] == pks
    address = reverse("review:item", args=[pks[0]])
    assert response.json()["items"][0]["url"] == f"{address}?category=loitering"
    assert held_by(reviewer) == pks


def test_only_those_who_decide_claim(client, supervisor, row_of_items):
    supervisor.groups.clear()
    client.force_login(supervisor)

    assert ahead_of(client, row_of_items[0]).status_code == 403


def test_what_waits_for_a_supervisor_is_not_claimed(client, supervisor, row_of_items):
    pks = [one.pk for one in row_of_items]
    TrainingItem.objects.filter(pk__in=pks).update(status="needs_review")
    client.force_login(supervisor)

    response = ahead_of(client, row_of_items[0], "?status=needs_review")

    assert [one["id"] for one in response.json()["items"]] == pks[1:4]
    assert held_by(supervisor) == []


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30])
def test_nonsense_is_refused(signed_in, after):
    response = signed_in.post(reverse("review:next_items"), {"after": after})

    assert response.status_code in (404, 422)


def test_another_sites_item_is_not_there(client, outsider, row_of_items):
    client.force_login(outsider)

    assert ahead_of(client, row_of_items[0]).status_code == 404
    strip = reverse("review:filmstrip", args=[row_of_items[0].pk])
    assert client.get(strip).status_code == 404


def test_release_gives_back_ones_own_only(signed_in, reviewer, second_reviewer, row_of_items):
    ahead_of(signed_in, row_of_items[0])
    other = row_of_items[5]
    until = timezone.now() + timezone.timedelta(minutes=5)
    TrainingItem.objects.filter(pk=other.pk).update(
        claimed_by=second_reviewer, claim_expires_at=until
    )
    pks = [row_of_items[2].pk, row_of_items[3].pk, other.pk]

    response = signed_in.post(reverse("review:release"), {"unseen": ",".join(map(str, pks))})

    assert response.status_code == 204
    assert held_by(reviewer) == [row_of_items[1].pk]
    assert held_by(second_reviewer) == [other.pk]


@pytest.mark.parametrize("unseen", ["", "1;2", "a", ",", "1,", "9" * 40])
def test_release_refuses_what_are_no_ids(signed_in, unseen):
    assert signed_in.post(reverse("review:release"), {"unseen": unseen}).status_code == 422


def test_a_verdict_answers_with_the_toasts_alone(signed_in, row_of_items):
    address = reverse("review:decide", args=[row_of_items[0].pk])
    headers = {"HX-Request": "true", "Prefer": "return=minimal"}

    response = signed_in.post(address, {"verdict": "confirmed", "version": 1}, headers=headers)

    html = response.content.decode()
    assert response.status_code == 200
    assert 'id="toasts"' in html and "undo-form" in html
    assert "<main" not in html and "HX-Push-Url" not in response


def same(client, item, verdict):
    values = {"verdict": verdict, "version": item.version, "seconds_taken": "1.5"}
    return client.post(reverse("review:same", args=[item.pk]), values)


def test_the_last_verdict_is_given_again(signed_in, reviewer, row_of_items):
    first, second = row_of_items[:2]
    decisions.decide(first.pk, by=reviewer, verdict="rejected", reason="duplicate", note="the same")

    response = same(signed_in, second, "rejected:duplicate")

    assert response.status_code == 303
    given = second.decisions.get()
    assert (given.verdict, given.reason, given.note) == ("rejected", "duplicate", "")
    assert given.seconds_taken == 1.5


def test_another_verdict_than_the_page_showed_is_refused(signed_in, reviewer, row_of_items):
    first, second = row_of_items[:2]
    assert same(signed_in, second, "confirmed").status_code == 409
    decisions.decide(first.pk, by=reviewer, verdict="needs_review")

    response = same(signed_in, second, "confirmed")

    assert response.status_code == 409
    assert "another one by now" in response.content.decode()
    assert not Decision.objects.filter(item=second).exists()


def test_other_is_not_given_again(signed_in, reviewer, row_of_items):
    first, second = row_of_items[:2]
    decisions.decide(first.pk, by=reviewer, verdict="rejected", reason="other", note="a mirror")

    html = signed_in.get(reverse("review:item", args=[second.pk])).content.decode()

    assert "other needs a note of its own" in html
    assert same(signed_in, second, "rejected:other").status_code == 422


def test_the_filmstrip_is_sent_and_not_kept_where_faces_show(signed_in, camera):
    shown = factories.item(factories.incident(camera), privacy="faces")
    address = reverse("review:filmstrip", args=[shown.pk])

    response = signed_in.get(address)

    content = b"".join(response.streaming_content)
    assert response["Content-Type"] == "image/jpeg"
    assert content[:2] == b"\xff\xd8" and len(content) <= 150_000
    assert response["Cache-Control"] == "private, no-store"


def test_an_unredacted_filmstrip_is_not_shown_once_decided(signed_in, client, supervisor, camera):
    shown = factories.item(factories.incident(camera), privacy="faces", status="rejected")
    address = reverse("review:filmstrip", args=[shown.pk])
    page = signed_in.get(reverse("review:item", args=[shown.pk])).content.decode()

    assert signed_in.get(address).status_code == 404
    assert "data-filmstrip" not in page
    client.force_login(supervisor)
    assert client.get(address).status_code == 200


def test_an_item_without_a_clip_has_no_filmstrip(signed_in, row_of_items):
    address = reverse("review:filmstrip", args=[row_of_items[1].pk])

    assert signed_in.get(address).status_code == 404
    assert signed_in.get(reverse("review:item", args=[row_of_items[1].pk])).status_code == 200
