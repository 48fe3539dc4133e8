"""The Django admin decides items by the same services, and shows nobody another site's."""

import re

import pytest
from django.urls import reverse

from review.models import Annotation, Decision, TrainingItem
from review.services import marks, undoing
from tests import factories, photos

pytestmark = pytest.mark.django_db
LIST = "admin:review_trainingitem_changelist"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


@pytest.fixture
def act(client):
    def acting(user, action, *items, **more):
        client.force_login(user)
        values = {"action": action, "_selected_action": [item.pk for item in items], **more}
        return client.post(reverse(LIST), values, follow=True)

    return acting


def sentences(response):
    return [str(message) for message in response.context["messages"]]


def test_the_list_shows_a_picture_and_why(client, item, reviewer):
    client.force_login(reviewer)
    page = client.get(reverse(LIST)).content.decode()

    picture = item.incident.evidence.exclude(kind="clip").first()
    assert reverse("review:evidence_thumb", args=[picture.pk]) in page
    assert item.incident.why in page


def test_the_list_costs_the_same_for_many(client, camera, reviewer, django_assert_max_num_queries):
    for _ in range(12):
        factories.item(factories.incident(camera, with_files=False))
    client.force_login(reviewer)
    with django_assert_max_num_queries(14):
        client.get(reverse(LIST))


@pytest.mark.parametrize(
    ("action", "more", "status"),
    [
        ("confirm", {}, "confirmed"),
        ("reject", {"reason": "duplicate", "note": "seen"}, "rejected"),
        ("ask_for_review", {}, "needs_review"),
    ],
)
def test_actions_decide(act, item, reviewer, action, more, status):
    response = act(reviewer, action, item, **more)

    made = Decision.objects.get()
    assert (made.item.status, made.reviewer) == (status, reviewer)
    assert (made.reason, made.note) == (more.get("reason", ""), more.get("note", ""))
    assert any(str(item.pk) in sentence for sentence in sentences(response))


def test_what_fails_is_named_and_the_rest_goes_through(act, camera, item, reviewer):
    blocked = factories.item(factories.incident(camera), privacy="faces", proposal="blocked")
    done = factories.item(factories.incident(camera, with_files=False), status="rejected")
    response = act(reviewer, "confirm", item, blocked, done)

    assert response.status_code == 200
    text = "\n".join(sentences(response))
    assert f"Item {blocked.pk}" in text
    assert f"Item {done.pk}" in text
    statuses = [one.status for one in TrainingItem.objects.order_by("pk")]
    assert statuses == ["confirmed", "pending_review", "rejected"]


def test_rejecting_takes_a_reason(act, item, reviewer):
    response = act(reviewer, "reject", item)

    assert "reason" in sentences(response)[0]
    assert not Decision.objects.exists()


def test_redacting_puts_the_proposal_in_place(act, camera, reviewer):
    faces = factories.item(factories.incident(camera), privacy="faces")
    act(reviewer, "redact", faces)

    faces.refresh_from_db()
    assert (faces.privacy, faces.status) == ("redacted", "pending_review")


def test_redacting_says_which_are_still_being_prepared(act, camera, reviewer):
    ready = factories.item(factories.incident(camera), privacy="faces")
    waiting = factories.item(factories.incident(camera), privacy="faces", proposal="waiting")
    said = sentences(act(reviewer, "redact", ready, waiting))

    assert f"redacted: {ready.pk}" in said
    assert any("being prepared" in one and str(waiting.pk) in one for one in said)
    waiting.refresh_from_db()
    assert (waiting.privacy, waiting.requested_redaction["by"]) == ("faces", reviewer.pk)


def test_a_selection_of_nonsense_is_no_crash(client, item, reviewer):
    client.force_login(reviewer)
    values = {"action": "confirm", "_selected_action": ["x", str(2**80)]}
    response = client.post(reverse(LIST), values, follow=True)

    assert response.status_code == 200
    assert not Decision.objects.exists()


def test_an_outsider_finds_no_item_and_no_camera(client, act, item, outsider):
    client.force_login(outsider)
    page = client.get(reverse(LIST)).content.decode()
    address = reverse("admin:review_trainingitem_change", args=[item.pk])

    assert item.incident.why not in page
    assert item.camera.name not in page
    assert client.get(address).status_code == 404
    act(outsider, "confirm", item)
    assert not Decision.objects.exists()


def test_the_item_is_read_only_with_its_history(client, item, reviewer):
    factories.decision(item, reviewer, note="a shadow")
    client.force_login(reviewer)
    address = reverse("admin:review_trainingitem_change", args=[item.pk])
    page = client.get(address).content.decode()

    assert "a shadow" in page
    assert 'name="_save"' not in page
    assert client.post(address, {"status": "confirmed"}).status_code == 403
    item.refresh_from_db()
    assert item.status == "pending_review"


def test_a_phone_has_no_admin(client, item, device_user):
    client.force_login(device_user)
    assert client.get(reverse(LIST)).status_code in (302, 403)


def test_what_was_chosen_is_one_batch(act, camera, item, reviewer):
    other = factories.item(factories.incident(camera, with_files=False))
    act(reviewer, "confirm", item, other)

    batches = set(Decision.objects.values_list("batch", flat=True))
    assert len(batches) == 1 and None not in batches
    undoing.undo_batch(batches.pop(), by=reviewer)
    assert set(TrainingItem.objects.values_list("status", flat=True)) == {"pending_review"}


def test_an_incident_is_not_marked_and_is_told_why(act, item, reviewer):
    response = act(reviewer, "mark_for_retraining", item, mark_reason="missed_detection")

    assert "only photos are marked for retraining" in sentences(response)[0]


def test_the_item_of_a_photo_is_marked(act, camera, reviewer):
    photo = photos.photo(camera)
    marks.mark(photo.pk, by=reviewer, reason="other", note="a")
    item = TrainingItem.objects.get(photo=photo)
    marks.unmark(photo.pk, by=reviewer)

    response = act(reviewer, "mark_for_retraining", item, mark_reason="missed_detection")

    assert f"marked for retraining: {item.pk}" in sentences(response)
    standing = photo.marks.get(unmarked_at__isnull=True)
    assert (standing.reason, standing.marked_by) == ("missed_detection", reviewer)
    assert "reason" in sentences(act(reviewer, "mark_for_retraining", item))[0]


def test_the_list_shows_photos_and_is_filtered(client, camera, item, reviewer):
    photo = photos.photo(camera)
    marks.mark(photo.pk, by=reviewer, reason="other", note="a")
    client.force_login(reviewer)

    def shown(**query):
        listed = client.get(reverse(LIST), query).context["cl"].result_list
        return sorted(one.pk for one in listed)

    made = TrainingItem.objects.get(photo=photo)
    assert "photo marked for retraining" in client.get(reverse(LIST)).content.decode()
    assert shown(incident__origin__exact="rule") == [item.pk]
    assert shown(collection_method__exact="manual") == [made.pk]
    assert shown() == [item.pk, made.pk]


def test_the_item_shows_what_was_drawn(client, item, reviewer):
    picture = item.incident.evidence.exclude(kind="clip").first()
    box = {"label": 0, "box_xyxy": [0.1, 0.1, 0.2, 0.2], "origin": "drawn"}
    Annotation.objects.create(
        item=item,
        evidence=picture,
        version=1,
        boxes=[box, box],
        annotated_by=reviewer,
        annotated_at=item.created_at,
    )
    client.force_login(reviewer)
    address = reverse("admin:review_trainingitem_change", args=[item.pk])
    page = client.get(address).content.decode()

    assert f"boxes of {picture}, version 1" in page
    assert re.search(r'<td class="field-box_count">\s*<p>2</p>\s*</td>', page)


def test_nobody_learns_there_what_another_said_blind(client, item, reviewer, second_reviewer):
    TrainingItem.objects.filter(pk=item.pk).update(mode="double")
    factories.decision(item, reviewer, effect="held", note="a shadow")
    address = reverse("admin:review_trainingitem_change", args=[item.pk])

    for user, is_told in ((reviewer, True), (second_reviewer, False)):
        client.force_login(user)
        page = client.get(address).content.decode()
        assert ("a shadow" in page) is is_told
        assert "field-mode" not in page


def test_an_item_costs_the_same_for_many_rows(client, item, reviewer):
    """The middleware of these tests refuses a query that is repeated for every row."""
    for version in range(1, 6):
        factories.decision(item, reviewer, item_version=version, effect="void")
    client.force_login(reviewer)
    address = reverse("admin:review_trainingitem_change", args=[item.pk])

    assert client.get(address).status_code == 200
