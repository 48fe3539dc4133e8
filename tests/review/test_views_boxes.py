"""The pages about boxes: the editor's door, the label classes, and the panel of a track."""

import json

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from hitlsite.models import Job
from review.models import Annotation, LabelClass
from review.privacy.faces import FaceScanner
from review.services import hard_negatives, label_classes, propagation
from tests import factories, photos
from tests.review.privacy.drawing import ColourDetector
from tests.review.services.test_track_labels import redacted, walker

pytestmark = pytest.mark.django_db

BOX = {"label": 0, "box_xyxy": [0.40, 0.30, 0.534, 0.90]}
JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}
SAID = {"boxes": [BOX], "exhaustive": [], "is_negative": False, "version": 0}
SAID |= {"confirmed_odd": False}


@pytest.fixture(autouse=True)
def _own_files(data_dir):
    """Every test stores its files in a folder of its own."""


@pytest.fixture
def scanner():
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


@pytest.fixture
def item(camera, reviewer):
    return photo_item(camera, reviewer)


def photo_item(camera, by):
    _, made = photos.marked(photos.photo(camera), by)
    return photos.looked_at(made)


def editor_of(response):
    return response.context["editor"]


def post(client, item, document=None, query="", **changes):
    text = json.dumps({**SAID, **changes}) if document is None else document
    address = reverse("review:boxes", args=[item.pk]) + query
    return client.post(address, {"document": text}, headers=JSON)


def test_the_editor_holds_what_it_needs_and_stores_nothing(signed_in, item):
    response = signed_in.get(reverse("review:boxes", args=[item.pk]))

    editor = editor_of(response)
    assert response.status_code == 200
    assert (editor["version"], editor["boxes"], editor["exhaustive"]) == (0, [], [])
    [proposal] = editor["proposals"]
    assert (proposal["label"], proposal["class_name"], proposal["score"]) == (0, "person", 0.83)
    assert editor["keys"] == list(range(9))
    assert "no-store" in response["Cache-Control"]
    assert not Annotation.objects.exists()


def test_a_save_answers_with_its_version_and_where_to_go(signed_in, item, camera, reviewer):
    other = photo_item(camera, reviewer)
    answer = post(signed_in, item, query="?list=marked").json()

    assert answer["version"] == 1
    assert answer["message"] == f"Saved: 1 boxes. Item {item.pk} is confirmed."
    assert answer["next"] == f"{reverse('review:boxes', args=[other.pk])}?list=marked"
    editor = editor_of(signed_in.get(reverse("review:boxes", args=[item.pk])))
    assert editor["version"] == 1
    assert editor["boxes"] == [{**BOX, "origin": "drawn"}]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "7",
        '{"boxes": []}',
        '{"boxes": NaN}',
        "[" * 50_000,
        '"' + "x" * 300_000 + '"',
    ],
)
def test_what_is_no_document_is_refused_and_stores_nothing(signed_in, item, document):
    response = post(signed_in, item, document=document)
    assert response.status_code == 422
    assert response.json()["error"]["fields"]["document"]
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("is_negative", ["true", 1, [], {}])
def test_a_negative_is_only_what_says_so_plainly(signed_in, item, is_negative):
    response = post(signed_in, item, boxes=[], is_negative=is_negative)
    assert response.status_code == 422
    assert not Annotation.objects.exists()


def test_refusals_say_which_box(signed_in, item):
    wrong = {"label": 0, "box_xyxy": [0.5, 0.5, 1.5, 0.9]}
    error = post(signed_in, item, boxes=[BOX, wrong]).json()["error"]
    assert list(error["fields"]) == ["boxes.1"]
    assert error["message"].startswith("Box 2: ")


def test_the_same_form_sent_twice_is_told_so(signed_in, item):
    assert post(signed_in, item).status_code == 200
    again = post(signed_in, item)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "stale_version")
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize("name", ["boxes", "track_labels"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_foreign_item_is_not_there(client, outsider, item, name, method):
    client.force_login(outsider)
    response = getattr(client, method)(reverse(f"review:{name}", args=[item.pk]))
    assert response.status_code == 404


@pytest.mark.parametrize("wanted", ["0", "x", "99999999999999999999999"])
def test_a_picture_that_is_not_the_item_s_is_not_there(signed_in, item, wanted):
    address = f"{reverse('review:boxes', args=[item.pk])}?evidence={wanted}"
    assert signed_in.get(address).status_code == 404
    assert signed_in.post(address).status_code == 404


def test_a_foreign_picture_is_not_there(signed_in, item):
    foreign = photo_item(factories.camera(), root())
    query = f"?evidence={foreign.photo.evidence.pk}"
    assert post(signed_in, item, query=query).status_code == 404
    assert not Annotation.objects.exists()


def root():
    return get_user_model().objects.create_superuser("root")


def test_without_a_picture_that_one_may_see_there_is_no_editor(signed_in, camera):
    item = factories.item(factories.incident(camera), privacy="faces", status="needs_review")
    assert signed_in.get(reverse("review:boxes", args=[item.pk])).status_code == 404


def test_a_session_that_ended_goes_to_the_login(client, item):
    response = post(client, item)
    assert response.status_code == 302
    assert "login" in response["Location"]


def test_whoever_may_not_draw_gets_no_tools_and_no_say(signed_in, item, reviewer):
    group = reviewer.groups.get()
    group.permissions.remove(*group.permissions.filter(codename="add_annotation"))
    response = signed_in.get(reverse("review:boxes", args=[item.pk]))
    assert b"data-save" not in response.content
    assert editor_of(response)["mayEdit"] is False
    assert post(signed_in, item).status_code == 403


def test_pictures_and_items_follow_each_other(signed_in, camera):
    first = factories.item(factories.incident(camera, severity="high"))
    second = factories.item(factories.incident(camera, severity="low"))
    rows = {row.kind: row.pk for row in first.incident.evidence.all()}
    query = f"?list=queue&camera={camera.pk}"

    def editor(item, more=""):
        return editor_of(signed_in.get(reverse("review:boxes", args=[item.pk]) + query + more))

    at_peak = editor(first)
    assert at_peak["evidence"] == rows["frame_peak"]
    assert at_peak["previous"].endswith(f"evidence={rows['frame_open']}")
    last = editor(first, f"&evidence={rows['frame_last']}")
    assert last["next"].startswith(f"{reverse('review:boxes', args=[second.pk])}?")
    assert "list=queue" in last["next"]
    opening = second.incident.evidence.get(kind="frame_open").pk
    back = editor(second, f"&evidence={opening}")["previous"]
    assert back.startswith(f"{reverse('review:boxes', args=[first.pk])}?")
    assert editor(first, f"&evidence={rows['frame_open']}")["previous"] == ""


def test_the_page_asks_no_more_of_the_database_for_more_boxes(client, item, reviewer):
    boxes = [
        {"label": number % 9, "box_xyxy": [0.1 * number, 0.1, 0.1 * number + 0.08, 0.4]}
        for number in range(9)
    ]
    client.force_login(reviewer)
    assert post(client, item, boxes=boxes, confirmed_odd=True).status_code == 200
    assert client.get(reverse("review:boxes", args=[item.pk])).status_code == 200
    assert client.get(reverse("review:label_classes")).status_code == 200


def test_reviewers_read_the_classes_and_supervisors_change_them(client, reviewer, supervisor, site):
    address = reverse("review:label_classes")
    client.force_login(reviewer)
    page = client.get(address)
    assert page.status_code == 200
    assert b"toothbrush" in page.content
    assert b"Add class" not in page.content
    assert client.post(address, {"act": "add", "name": "van"}).status_code == 403

    client.force_login(supervisor)
    assert client.post(address, {"act": "add", "name": "van"}).status_code == 303
    van, car = (LabelClass.objects.get(site=site, name=name) for name in ("van", "car"))
    assert van.index == 80
    for values in (
        {"act": "rename", "pk": van.pk, "name": "lorry"},
        {"act": "merge", "pk": van.pk, "into": car.index},
    ):
        assert client.post(address, values).status_code == 303
    van.refresh_from_db()
    assert (van.name, van.merged_into) == ("lorry", car)
    assert b"merged into car" in client.get(address).content
    assert client.post(address, {"act": "split_off", "pk": van.pk}).status_code == 303
    van.refresh_from_db()
    assert van.merged_into is None


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"act": "add", "name": "person"}, 422, "There is a class person already"),
        ({"act": "add", "name": "<b>bold</b> Person\x00"}, 422, "cannot be read"),
        ({"act": "merge", "pk": 1, "into": 999}, 422, "There is no class 999"),
        ({"act": "merge", "pk": 1}, 422, "There is no class None"),
        ({"act": "burn"}, 422, "cannot be read"),
        ({}, 422, "cannot be read"),
    ],
)
def test_a_refused_change_says_why(client, supervisor, site, values, status, said):
    label_classes.ensure(site)
    client.force_login(supervisor)
    response = client.post(reverse("review:label_classes"), values)
    assert response.status_code == status
    assert said in response.content.decode()


def test_a_foreign_site_s_classes_are_not_there(client, supervisor):
    foreign = factories.site("Secret")
    classes = label_classes.ensure(foreign)
    client.force_login(supervisor)
    address = reverse("review:label_classes")
    assert client.get(f"{address}?site={foreign.pk}").status_code == 404
    values = {"act": "rename", "pk": classes[0].pk, "name": "mine"}
    assert client.post(address, values).status_code == 404
    assert b"Secret" not in client.get(address).content


def test_somebody_without_a_site_is_told(client, supervisor):
    supervisor.memberships.all().delete()
    client.force_login(supervisor)
    assert b"belong to no site" in client.get(reverse("review:label_classes")).content


def test_a_name_with_html_is_shown_as_text(client, supervisor, site):
    label_classes.add(site, "<img src=x>", by=supervisor)
    client.force_login(supervisor)
    content = client.get(reverse("review:label_classes")).content
    assert b"<img src=x>" not in content
    assert b"&lt;img src=x&gt;" in content


@pytest.fixture
def confirmed(camera, reviewer, scanner, signed_in):
    item = redacted(walker(camera), scanner)
    signed_in.post(reverse("review:decide", args=[item.pk]), {"verdict": "confirmed"})
    item.refresh_from_db()
    return item


def panel(client, item):
    return client.get(reverse("review:track_labels", args=[item.pk]), headers=HTMX)


def test_the_panel_asks_waits_and_shows_the_frames(signed_in, confirmed, scanner):
    assert "Label the track" in panel(signed_in, confirmed).content.decode()
    address = reverse("review:track_labels", args=[confirmed.pk])
    asked = signed_in.post(address, {"act": "ask"}, headers=HTMX)
    assert "being looked for" in asked.content.decode()
    assert "hx-trigger" in asked.content.decode()
    propagation.run_asked(confirmed.pk, scanner=scanner)
    shown = panel(signed_in, confirmed).content.decode()
    assert shown.count("1 box,") == 3
    assert "hx-trigger" not in shown


def test_without_htmx_the_panel_is_a_page(signed_in, confirmed):
    address = reverse("review:track_labels", args=[confirmed.pk])
    assert b"<html" in signed_in.get(address).content
    response = signed_in.post(address, {"act": "ask"})
    assert (response.status_code, Job.objects.filter(kind="track_frames").count()) == (303, 1)


def test_offered_frames_are_saved_by_ticking_them(signed_in, camera, reviewer, scanner):
    item = redacted(walker(camera), scanner)
    signed_in.post(reverse("review:decide", args=[item.pk]), {"verdict": "rejected:wrong_class"})
    item.refresh_from_db()
    offered = hard_negatives.offer(item, scanner=scanner)
    assert "no person" in panel(signed_in, item).content.decode()
    address = reverse("review:track_labels", args=[item.pk])
    none = signed_in.post(address, {"act": "save"}, headers=HTMX)
    assert (none.status_code, Annotation.objects.count()) == (422, 0)
    assert "Choose at least one" in none.content.decode()
    values = {"act": "save", "frames": [offered[0].pk]}
    assert signed_in.post(address, values, headers=HTMX).status_code == 200
    assert Annotation.objects.get().exhaustive == [0]


def test_nothing_is_said_of_a_track_that_is_not_decided(signed_in, camera):
    item = factories.item(factories.incident(camera))
    assert panel(signed_in, item).content.decode().strip() == ""
    address = reverse("review:track_labels", args=[item.pk])
    assert signed_in.post(address, {"act": "ask"}).status_code == 409
