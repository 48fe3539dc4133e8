"""The doors of labelled videos: the editor's page, its endpoints, label sets, and the API."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from detection.models import TaskLog
from review.models import ViewingCopy
from review.services import viewing_copies
from tests import factories
from training.models import LabelSet, SpanAnnotation, SpanToLabel
from training.services import task_labels

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _watched(settings, data_dir):
    """Let no page or answer ask again for every row."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def label_set(site, supervisor):
    return task_labels.add_label_set(site, "Table", ["work", "idle"], supervisor)


@pytest.fixture
def video(camera):
    return factories.footage(camera, duration_seconds=60.0)


@pytest.fixture
def address(video):
    return reverse("training:label_footage", args=[video.pk])


def save(client, address, label_set, spans, version=0, **more):
    document = json.dumps({"spans": spans, "version": version, **more})
    return client.post(f"{address}?set={label_set.pk}", {"document": document})


def spans_of(label_set, video):
    found = task_labels.current(label_set, video)
    return found and found.spans


# The page


def test_the_page_names_the_video(client, reviewer, label_set, camera):
    video = factories.footage(camera, location="/films/packing.mp4", duration_seconds=60.0)
    client.force_login(reviewer)
    response = client.get(reverse("training:label_footage", args=[video.pk]))
    assert "<strong>packing.mp4</strong>" in response.content.decode()


def test_the_editor_is_told_what_it_shows(client, reviewer, label_set, video, address):
    task_labels.save(label_set.pk, video.pk, by=reviewer, spans=[[0, 4, "work"]], version=0)
    log = TaskLog.objects.create(
        footage=video,
        deployment=factories.deployment(slot="task-classifier", name="first"),
        start_seconds=0,
        end_seconds=2,
        samples=[[0.0, "work", 0.9], [0.5, "work", 0.7], [1.0, "sleep", 0.6], [1.5, "idle", 0.8]],
    )
    waiting = SpanToLabel.objects.create(
        label_set=label_set,
        footage=video,
        deployment=log.deployment,
        start_seconds=10,
        end_seconds=12,
        reason="low_confidence",
        predicted="idle",
        confidence=0.4,
        priority=0.6,
    )
    client.force_login(reviewer)
    response = client.get(f"{address}?set={label_set.pk}&span={waiting.pk}")
    editor = response.context["editor"]
    assert editor["spans"] == [[0.0, 4.0, "work"]]
    assert (editor["version"], editor["duration"], editor["mayEdit"]) == (1, 60.0, True)
    assert editor["span"] == waiting.pk
    assert [one["pk"] for one in editor["waiting"]] == [waiting.pk]
    assert editor["suggestions"]["model"] == "first"
    labels = [one["label"] for one in editor["suggestions"]["spans"]]
    assert labels == ["work", "idle"], "a label that the set lacks is not suggested"


def test_what_looks_every_other_second_suggests_spans_and_not_moments(
    client, reviewer, label_set, video, address
):
    TaskLog.objects.create(
        footage=video,
        deployment=factories.deployment(slot="task-classifier", name="slow"),
        start_seconds=0,
        end_seconds=10,
        samples=[[2.0 * number, "work", 0.9] for number in range(6)],
    )
    client.force_login(reviewer)
    (span,) = client.get(address).context["editor"]["suggestions"]["spans"]
    assert (span["start"], span["end"]) == (0.0, 10.0)


def test_a_site_without_a_label_set_is_told_how_to_make_one(client, supervisor, reviewer, address):
    client.force_login(reviewer)
    assert b"A supervisor makes one" in client.get(address).content
    client.force_login(supervisor)
    assert b"Make the label set" in client.get(address).content


def test_the_page_says_how_far_the_copy_is(client, reviewer, label_set, video, address):
    client.force_login(reviewer)
    assert b"its file is no longer there" in client.get(address).content
    ViewingCopy.objects.create(footage=video, state="running", progress_done=15, progress_total=60)
    assert b"data-going" in client.get(address).content
    assert client.get(address).context["watched"].percent == 25
    ViewingCopy.objects.update(state="failed", error_message="From 0.0 to 29.9 s: a face remains.")
    content = client.get(address).content
    assert b"a face remains" in content and b"Try again" in content


def test_a_long_history_and_many_sets_take_no_more_queries(
    client, reviewer, supervisor, label_set, video, address
):
    for number in range(4):
        task_labels.add_label_set(label_set.site, f"Set {number}", ["a"], supervisor)
        spans = [[0, number + 1, "work"]]
        task_labels.save(label_set.pk, video.pk, by=reviewer, spans=spans, version=number)
    client.force_login(supervisor)
    response = client.get(address)
    assert response.context["label_set"] == label_set, "the one that the video is labelled with"
    assert [one.version for one in response.context["versions"]] == [4, 3, 2, 1]
    assert client.get(reverse("training:label_sets")).status_code == 200


def test_strangers_find_nothing(client, outsider, device_user, label_set, video, address):
    addresses = [
        address,
        reverse("review:viewing_copy", args=[video.pk]),
        reverse("review:viewing_copy_file", args=[video.pk]),
    ]
    posts = [
        address,
        reverse("training:import_labels", args=[video.pk, label_set.pk]),
        reverse("training:restore_labels", args=[video.pk, label_set.pk]),
        reverse("review:viewing_copy", args=[video.pk]),
        reverse("training:change_label_set", args=[label_set.pk]),
    ]
    client.force_login(outsider)
    assert [client.get(one).status_code for one in addresses] == [404] * 3
    assert [client.post(one).status_code for one in posts] == [404] * 5
    client.force_login(device_user)
    assert {client.get(one).status_code for one in addresses} == {403}
    client.logout()
    assert {client.get(one).status_code for one in addresses} == {302}


# Saving


def test_spans_are_saved_and_a_conflict_says_who(
    client, reviewer, second_reviewer, label_set, video, address
):
    client.force_login(reviewer)
    answer = save(client, address, label_set, [[0, 4, "work"]])
    assert answer.json() == {
        "version": 1,
        "spans": [[0.0, 4.0, "work"]],
        "message": "Saved: 1 span, version 1.",
    }
    client.force_login(second_reviewer)
    refused = save(client, address, label_set, [[0, 5, "idle"]])
    assert refused.status_code == 409
    assert "reviewer saved version 1" in refused.json()["error"]["message"]
    assert spans_of(label_set, video) == [[0.0, 4.0, "work"]]


@pytest.mark.parametrize(
    "document",
    ["", "no", "[]", '{"spans": []}', '{"spans": [[0, 1, "x"]], "version": 0}', "[" * 9000]
    + ['{"spans": [[0, NaN, "work"]], "version": 0}', '{"spans": 7, "version": 0}'],
)
def test_what_is_no_document_is_refused(document, client, reviewer, label_set, address):
    client.force_login(reviewer)
    answer = client.post(f"{address}?set={label_set.pk}", {"document": document})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "spans_invalid")
    assert not SpanAnnotation.objects.exists()


def test_a_label_set_of_another_site_is_not_found(client, reviewer, superuser, address):
    other = task_labels.add_label_set(factories.site("Far"), "Table", ["a"], superuser)
    client.force_login(superuser)
    assert client.get(f"{address}?set={other.pk}").status_code == 404
    assert client.get(f"{address}?set=x").status_code == 404


def test_a_correction_is_kept_as_one(client, reviewer, label_set, video, address):
    client.force_login(reviewer)
    save(client, address, label_set, [[0, 4, "work"]], is_correction=True)
    assert task_labels.current(label_set, video).source == "correction"


def send(client, video, label_set, content, **more):
    file = SimpleUploadedFile("labels.csv", content, content_type="text/csv")
    address = reverse("training:import_labels", args=[video.pk, label_set.pk])
    return client.post(address, {"file": file, **more})


def test_a_file_is_imported(client, reviewer, label_set, video):
    client.force_login(reviewer)
    assert send(client, video, label_set, b"0,4,work\n4,8,idle").json()["version"] == 1
    refused = send(client, video, label_set, b"0,9,work", version="0")
    assert (refused.status_code, spans_of(label_set, video)[0]) == (409, [0.0, 4.0, "work"])
    assert send(client, video, label_set, b"0,9,work", version="1").json()["version"] == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe\x00", "labels_unreadable"),
        (b"", "labels_unreadable"),
        (b"0,9,sleep", "labels_unknown"),
        (b"frame_index,label\n0,work", "frames_unknown"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(content, code, client, reviewer, label_set, video):
    client.force_login(reviewer)
    answer = send(client, video, label_set, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


def test_a_version_is_brought_back(client, reviewer, label_set, video, address):
    client.force_login(reviewer)
    save(client, address, label_set, [[0, 4, "work"]])
    save(client, address, label_set, [], version=1)
    restore = reverse("training:restore_labels", args=[video.pk, label_set.pk])
    answer = client.post(restore, {"earlier": "1", "version": "2"})
    assert answer.json()["message"] == "Version 1 is back: 1 span, version 3."
    assert spans_of(label_set, video) == [[0.0, 4.0, "work"]]
    for wrong in ({"earlier": "9", "version": "3"}, {"earlier": "x", "version": "3"}):
        assert client.post(restore, wrong).status_code == 404
    assert client.post(restore, {"earlier": "1", "version": ""}).status_code == 422


# Label sets


def test_a_label_set_is_made_for_a_video_and_changed(client, supervisor, site, video):
    client.force_login(supervisor)
    sent = {"site": site.pk, "name": "Table", "labels": "work\nidle, away\n", "footage": video.pk}
    answer = client.post(reverse("training:label_sets"), sent)
    made = LabelSet.objects.get()
    assert answer.url == f"{reverse('training:label_footage', args=[video.pk])}?set={made.pk}"
    assert made.label_names == ["work", "idle", "away"]
    change = reverse("training:change_label_set", args=[made.pk])
    for sent in (
        {"act": "rename", "name": "Desk"},
        {"act": "extend", "labels": "gone"},
        {"act": "change", "label": "work", "name": "busy", "key": "b"},
        {"act": "remove", "label": "idle"},
    ):
        assert client.post(change, sent).status_code == 303
    made.refresh_from_db()
    assert (made.name, made.label_names) == ("Desk", ["busy", "away", "gone"])
    refused = client.post(change, {"act": "change", "label": "busy", "name": "away", "key": ""})
    assert refused.status_code == 422
    assert b"stands there twice" in refused.content
    assert client.post(change, {"act": "fold"}).status_code == 422
    assert client.post(change, {"act": "remove", "label": "work"}).status_code == 404


def test_a_name_that_is_taken_is_told_and_what_was_typed_stays(client, supervisor, label_set):
    client.force_login(supervisor)
    sent = {"site": label_set.site_id, "name": "Table", "labels": "hammering"}
    answer = client.post(reverse("training:label_sets"), sent)
    assert answer.status_code == 409
    assert b"has a label set Table already" in answer.content and b"hammering" in answer.content


def test_reviewers_see_label_sets_and_change_none(client, reviewer, label_set):
    client.force_login(reviewer)
    content = client.get(reverse("training:label_sets")).content
    assert b"work" in content and b'value="change"' not in content
    change = reverse("training:change_label_set", args=[label_set.pk])
    assert client.post(change, {"act": "rename", "name": "Mine"}).status_code == 403


# The copy to watch


def test_a_copy_is_asked_for_from_the_page(client, reviewer, video, address, tmp_path):
    path = tmp_path / "scene.mp4"
    path.write_bytes(factories.clip([factories.picture()] * 3))
    type(video).objects.update(location=str(path), byte_count=path.stat().st_size)
    client.force_login(reviewer)
    state = reverse("review:viewing_copy", args=[video.pk])
    assert client.get(state).json()["state"] == "none"
    answer = client.post(state, {"next": address})
    assert (answer.status_code, answer.url) == (302, address)
    assert client.get(state).json()["state"] == "queued"
    again = client.post(state, headers={"Accept": "application/json"})
    assert (again.status_code, again.json()["state"]) == (202, "queued")
    assert client.post(state, {"next": "https://elsewhere.example/"}).url == "/"
    assert ViewingCopy.objects.count() == 1


def test_only_a_whole_copy_is_streamed_and_in_ranges(client, reviewer, video):
    from hitlsite import storage

    content = factories.clip([factories.picture()] * 5)
    path, sha256, size = storage.store_bytes(
        video.camera.site_id, "viewing", content, suffix=".mp4"
    )
    made_from = viewing_copies.fingerprint(video)
    columns = {"path": path, "sha256": sha256, "byte_count": size, "source_sha256": made_from}
    copy = ViewingCopy.objects.create(footage=video, **columns)
    address = reverse("review:viewing_copy_file", args=[video.pk])
    client.force_login(reviewer)
    for state in ("queued", "running", "failed", "cancelled"):
        ViewingCopy.objects.update(state=state)
        assert client.get(address).status_code == 404, state
    ViewingCopy.objects.update(state="done")
    part = client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, content[10:20])
    assert part["Content-Type"] == "video/mp4"
    assert part["Cache-Control"] == "private, no-cache"
    assert client.get(address, headers={"If-None-Match": part["ETag"]}).status_code == 304
    ViewingCopy.objects.update(source_sha256="0" * 64)
    assert client.get(address).status_code == 404, "it is of another video, or of other zones"
    assert copy.pk


# The API


def test_the_api_lists_and_makes_label_sets(client, supervisor, reviewer, site, label_set):
    client.force_login(supervisor)
    sent = {"site": site.pk, "name": "Tools", "labels": ["hammer", {"name": "saw", "key": "w"}]}
    made = client.post("/api/v1/label-sets/", sent, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["labels"][1] == {"name": "saw", "key": "w"}
    listed = client.get("/api/v1/label-sets/").json()
    assert [one["name"] for one in listed["results"]] == ["Tools", "Table"]
    assert listed["next_cursor"] is None
    again = client.post("/api/v1/label-sets/", sent, content_type="application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    wrong = {**sent, "colour": "red"}
    refused = client.post("/api/v1/label-sets/", wrong, content_type="application/json")
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["colour"])
    client.force_login(reviewer)
    refused = client.post("/api/v1/label-sets/", sent, content_type="application/json")
    assert refused.status_code == 403
    assert client.get("/api/v1/label-sets/?cursor=x").status_code == 400


def test_the_api_reads_and_saves_spans(client, reviewer, label_set, video):
    client.force_login(reviewer)
    address = f"/api/v1/footage/{video.pk}/spans/?label_set={label_set.pk}"
    empty = client.get(address).json()
    assert (empty["version"], empty["spans"]) == (0, [])
    sent = {"version": 0, "spans": [[0, 4.5, "work"]]}
    saved = client.put(address, sent, content_type="application/json").json()
    assert (saved["version"], saved["spans"], saved["annotated_by"]) == (
        1,
        [[0.0, 4.5, "work"]],
        "reviewer",
    )
    assert client.get(address).json() == saved
    stale = {"version": 0, "spans": []}
    refused = client.put(address, stale, content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "stale_version")
    wrong = {"version": 1, "spans": [[0, 4, "work"], [3, 5, "idle"]]}
    refused = client.put(address, wrong, content_type="application/json")
    assert refused.json()["error"]["fields"] == {
        "spans.1": "idle from 3.000 to 5.000 s lies over work from 0.000 to 4.000 s."
    }
    assert client.get(f"/api/v1/footage/{video.pk}/spans/").status_code == 422


def test_the_api_knows_nothing_of_foreign_sites(client, outsider, label_set, video):
    client.force_login(outsider)
    address = f"/api/v1/footage/{video.pk}/spans/?label_set={label_set.pk}"
    assert client.get(address).status_code == 404
    sent = {"version": 0, "spans": []}
    assert client.put(address, sent, content_type="application/json").status_code == 404
    assert client.get("/api/v1/label-sets/").json()["results"] == []
