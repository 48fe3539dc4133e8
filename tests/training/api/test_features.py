"""Features over the API: asked for by footage or with a video, listed, described, downloaded."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from detection.models import Footage, Segment
from hitlsite import people
from tests import factories
from tests.cast import person
from tests.training import walking
from training.models import FeatureSet, SpanAnnotation
from training.services import features

LIST, EXTRACT = "/api/v1/features/", "/api/v1/features/extract/"
pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture(autouse=True)
def _measuring(monkeypatch, settings):
    walking.measuring(monkeypatch)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def footage(site, tmp_path):
    return features.register_video(walking.video(tmp_path), camera_name="Table")


@pytest.fixture
def done(footage):
    (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
    return features.extract_now(row.pk)


@pytest.fixture
def as_supervisor(client, supervisor):
    client.force_login(supervisor)
    return client


def sent(client, content=None, *, headers=None, **fields):
    video = SimpleUploadedFile("walk.mp4", content or walking.film(), "video/mp4")
    return client.post(EXTRACT, {"video": video, "detector": "yolo", **fields}, headers=headers)


def asked(client, **body):
    return client.post(EXTRACT, {"detector": "yolo", **body}, "application/json")


@pytest.mark.usefixtures("eager_tasks")
def test_footage_is_queued_and_a_worker_is_woken(
    as_supervisor, footage, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = asked(as_supervisor, footage_id=footage.pk, sample_rate=2)

    (row,) = response.json()["results"]
    assert response.status_code == 202
    assert (row["state"], row["sample_rate"], row["footage"]) == ("queued", 2, footage.pk)
    made = FeatureSet.objects.get()
    assert (made.state, made.frames) == ("done", 15)
    assert made.created_by.username == "supervisor"


def test_what_is_done_is_answered_again(as_supervisor, done, footage):
    (row,) = asked(as_supervisor, footage_id=footage.pk).json()["results"]

    assert row["id"] == done.pk and row["state"] == "done"


def test_several_are_a_group(as_supervisor, footage, tmp_path):
    other = features.register_video(walking.video(tmp_path, "b.mp4", frames=5))

    answer = asked(as_supervisor, footage_ids=[footage.pk, other.pk]).json()

    assert answer["group"] and [row["footage"] for row in answer["results"]] == [
        footage.pk,
        other.pk,
    ]


def test_a_video_is_sent_measured_and_not_ingested(as_supervisor, site):
    response = sent(as_supervisor)

    assert response.status_code == 202, response.json()
    row = Footage.objects.get()
    assert row.kind == Footage.Kind.UPLOAD and row.camera.name == "Videos"
    assert not Segment.objects.exists()
    features.extract_now(response.json()["results"][0]["id"])
    assert FeatureSet.objects.get().frames == 30


def test_the_same_video_sent_twice_is_one(as_supervisor, site):
    first, second = (sent(as_supervisor).json()["results"][0] for _ in range(2))

    assert first["id"] == second["id"] and Footage.objects.count() == 1


@pytest.mark.parametrize("as_file", [True, False])
def test_labels_come_with_it(as_supervisor, site, camera, as_file):
    text = "start,end,label\n0,1,idle\n1,2,work\n"
    labels = SimpleUploadedFile("labels.csv", text.encode()) if as_file else text

    response = sent(as_supervisor, labels=labels, label_set="Table", camera=camera.pk)

    assert response.status_code == 202, response.json()
    features.extract_now(response.json()["results"][0]["id"])
    annotation = SpanAnnotation.objects.get()
    assert annotation.spans == [[0.0, 1.0, "idle"], [1.0, 2.0, "work"]]
    assert annotation.footage.camera == camera


def test_labels_come_with_footage(as_supervisor, footage):
    body = {"labels": "frame_index,label\n0,work\n1,work\n", "label_set": "Table"}
    response = asked(as_supervisor, footage_id=footage.pk, **body)

    features.extract_now(response.json()["results"][0]["id"])
    assert SpanAnnotation.objects.get().annotated_by.username == "supervisor"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "footage_id"),
        ({"footage_id": 1, "footage_ids": [1]}, 422, "footage_id"),
        ({"footage_id": 10**9}, 404, "footage"),
        ({"footage_id": "x"}, 422, "footage_id"),
        ({"footage_id": "OWN", "detector": "eyes"}, 422, "detector"),
        ({"footage_id": "OWN", "sample_rate": 0}, 422, "sample_rate"),
        ({"footage_id": "OWN", "frames": 3}, 422, "frames"),
        ({"footage_id": "OWN", "labels": "nonsense", "label_set": "T"}, 422, "labels"),
        ({"footage_id": "OWN", "labels": "0,1,a"}, 422, "label_set"),
    ],
)
def test_nonsense_is_refused_at_its_field(as_supervisor, footage, body, status, field):
    body = {name: footage.pk if value == "OWN" else value for name, value in body.items()}

    response = asked(as_supervisor, **body)

    assert response.status_code == status and field in response.json()["error"]["fields"]
    assert not FeatureSet.objects.exists()


@pytest.mark.parametrize(
    ("content", "fields", "status", "code"),
    [
        (b"no video at all, only words", {}, 415, "media_type_unsupported"),
        (None, {"camera": 10**9}, 404, "not_found"),
        (None, {"site": 10**9}, 404, "not_found"),
        (None, {"other": SimpleUploadedFile("x", b"x")}, 422, "upload_ambiguous"),
        (None, {"labels": SimpleUploadedFile("l", b"\xff\xfe\x00"), "label_set": "T"}, 422, None),
    ],
)
def test_a_bad_upload_stores_nothing(as_supervisor, site, content, fields, status, code):
    response = sent(as_supervisor, content, **fields)

    assert response.status_code == status
    assert code is None or response.json()["error"]["code"] == code
    assert not FeatureSet.objects.exists()


def test_a_video_past_its_limit_is_cut_off(as_supervisor, site, settings):
    settings.UPLOAD_MAX_VIDEO_BYTES = 100

    response = sent(as_supervisor)

    assert response.status_code == 413 and not Footage.objects.exists()


def test_a_browser_needs_its_token_and_the_limits_hold_where_it_is_looked_for(
    supervisor, site, settings
):
    client, token = Client(enforce_csrf_checks=True), "a" * 32
    client.force_login(supervisor)
    assert sent(client).status_code == 403
    client.cookies["csrftoken"] = token

    settings.UPLOAD_MAX_VIDEO_BYTES = 100
    assert sent(client).status_code == 413
    settings.UPLOAD_MAX_VIDEO_BYTES = 10**6
    assert sent(client).status_code == 403
    assert not Footage.objects.exists()
    assert sent(client, headers={"X-CSRFToken": token}).status_code == 202


def test_who_may_not_extract_is_told_so(client, footage, reviewer):
    client.force_login(reviewer)

    assert asked(client, footage_id=footage.pk).status_code == 403
    assert sent(client).status_code == 403
    assert client.get(LIST).status_code == 200
    client.logout()
    assert asked(client, footage_id=footage.pk).status_code == 401


def test_a_foreign_site_has_nothing_to_find(client, done, camera):
    stranger = person("stranger", people.SUPERVISOR, factories.site("Far"))
    client.force_login(stranger)

    assert client.get(LIST).json()["results"] == []
    assert client.get(f"{LIST}{done.pk}/").status_code == 404
    assert client.get(f"{LIST}{done.pk}/file/").status_code == 404
    assert asked(client, footage_id=done.footage_id).status_code == 404
    assert sent(client, camera=camera.pk).status_code == 404


def test_features_are_listed_in_pages(as_supervisor, footage, monkeypatch):
    monkeypatch.setattr("training.api.paging.PAGE_SIZE", 2)
    for rate in (1, 2, 3):
        features.ask(footage_ids=[footage.pk], detector="yolo", sample_rate=rate, trigger="command")

    first = as_supervisor.get(LIST).json()
    second = as_supervisor.get(LIST, {"cursor": first["next_cursor"]}).json()

    assert [row["sample_rate"] for row in first["results"]] == [3, 2]
    assert [row["sample_rate"] for row in second["results"]] == [1]
    assert second["next_cursor"] is None
    assert as_supervisor.get(LIST, {"cursor": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"state": "done"}, 1),
        ({"state": "queued"}, 0),
        ({"detector": "yolo"}, 1),
        ({"detector": "fusion"}, 0),
        ({"footage": "OWN"}, 1),
        ({"footage": "1234567"}, 0),
        ({"camera": "CAMERA"}, 1),
        ({"camera": "x"}, None),
        ({"state": "x"}, None),
    ],
)
def test_features_are_filtered(as_supervisor, done, query, count):
    names = {"OWN": done.footage_id, "CAMERA": done.footage.camera_id}
    response = as_supervisor.get(LIST, {k: names.get(v, v) for k, v in query.items()})

    if count is None:
        assert response.status_code == 422
    else:
        assert len(response.json()["results"]) == count


def test_one_is_described_column_by_column(as_supervisor, done):
    told = as_supervisor.get(f"{LIST}{done.pk}/").json()

    names = [column["name"] for column in told["columns"]]
    assert names[:3] == ["video_id", "frame_index", "t"] and names[-1] == "label"
    assert "person_x" in names and "right_elbow_angle" not in names
    assert told["figures"]["missing"]["person_x"] == 0.0
    assert told["sources"] == walking.SOURCES
    assert all(column["unit"] and column["meaning"] for column in told["columns"])


def test_the_file_is_downloaded(as_supervisor, done, reviewer, client):
    response = as_supervisor.get(f"{LIST}{done.pk}/file/")
    content = b"".join(response.streaming_content)

    assert response["Content-Type"] == "application/vnd.apache.parquet"
    assert len(content) == done.byte_count == int(response["Content-Length"])
    assert content[:4] == content[-4:] == b"PAR1"


def test_without_a_file_there_is_nothing_to_download(as_supervisor, footage):
    (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")

    assert as_supervisor.get(f"{LIST}{row.pk}/file/").status_code == 404
