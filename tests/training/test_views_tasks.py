"""The pages of tasks: which videos there are, asking for features, and what stands in one file."""

import pytest
from django.urls import reverse

from hitlsite import people
from tests import factories
from tests.cast import person
from tests.training import walking
from training.models import FeatureSet
from training.services import features, task_labels

LIST = "/tasks/"
pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture(autouse=True)
def _measuring(monkeypatch, settings):
    walking.measuring(monkeypatch)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def footage(site, tmp_path):
    return features.register_video(walking.video(tmp_path), camera_name="Table")


@pytest.fixture
def waiting(footage):
    (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
    return row


@pytest.fixture
def done(waiting):
    return features.extract_now(waiting.pk)


@pytest.fixture
def as_supervisor(client, supervisor):
    client.force_login(supervisor)
    return client


def text(response):
    return response.content.decode()


def test_without_videos_the_page_says_what_to_do(as_supervisor):
    page = text(as_supervisor.get(LIST))

    assert "No videos yet" in page and "extract_features --video" in page
    assert '<a href="/tasks/" aria-current="page">Tasks</a>' in page
    assert page.count('aria-current="page"') == 1


def test_a_reviewer_sees_videos_but_no_way_to_measure(client, footage, reviewer):
    client.force_login(reviewer)

    page = text(client.get(LIST))

    assert "walk.mp4" in page and "Extract features" not in page
    assert 'type="checkbox"' not in page
    response = client.post(LIST, {"footage": footage.pk, "detector": "yolo", "sample_rate": 1})
    assert response.status_code == 403 and not FeatureSet.objects.exists()


def test_who_may_see_no_features_is_not_let_in(client, device_user):
    client.force_login(device_user)

    assert client.get(LIST).status_code == 403


@pytest.mark.usefixtures("eager_tasks")
def test_videos_that_are_ticked_are_measured(
    as_supervisor, footage, tmp_path, django_capture_on_commit_callbacks
):
    other = features.register_video(walking.video(tmp_path, "b.mp4", frames=5))
    ticked = {"footage": [footage.pk, other.pk], "detector": "yolo", "sample_rate": 5}
    with django_capture_on_commit_callbacks(execute=True):
        response = as_supervisor.post(LIST, ticked)

    assert (response.status_code, response["Location"]) == (303, LIST)
    rows = FeatureSet.objects.order_by("footage_id")
    assert [(row.state, row.frames) for row in rows] == [("done", 6), ("done", 1)]
    assert len({row.group for row in rows}) == 1
    assert "2 videos are queued" in text(as_supervisor.get(LIST))


def test_what_was_measured_before_is_said_to_be(as_supervisor, done, footage):
    ticked = {"footage": [footage.pk], "detector": "yolo", "sample_rate": 1}
    as_supervisor.post(LIST, ticked)

    page = text(as_supervisor.get(LIST))
    assert "measured by the same models before" in page and FeatureSet.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"detector": "yolo", "sample_rate": 1}, "<li>Choose at least one video"),
        ({"footage": "OWN", "detector": "eyes", "sample_rate": 1}, "eyes"),
        ({"footage": "OWN", "detector": "yolo", "sample_rate": 0}, "greater than or equal to 1"),
        ({"footage": "OWN", "detector": "yolo"}, "required"),
    ],
)
def test_nonsense_is_refused_on_the_page(as_supervisor, footage, asked, told):
    asked = {name: footage.pk if value == "OWN" else value for name, value in asked.items()}

    response = as_supervisor.post(LIST, asked)

    assert response.status_code == 422 and told in text(response)
    assert 'role="alert"' in text(response) and not FeatureSet.objects.exists()
    if "footage" in asked:
        assert "checked" in text(response)


def test_a_foreign_video_is_not_measured(client, footage):
    client.force_login(person("stranger", people.SUPERVISOR, factories.site("Far")))

    asked = {"footage": footage.pk, "detector": "yolo", "sample_rate": 1}
    assert client.post(LIST, asked).status_code == 404
    assert "walk.mp4" not in text(client.get(LIST, {"show": "all"}))


def test_prepared_videos_come_first_and_all_are_to_choose_from(
    as_supervisor, done, site, supervisor, tmp_path
):
    labelled = features.register_video(walking.video(tmp_path, "labelled.mp4", frames=20))
    labels = task_labels.add_label_set(site, "Work", ["work", "idle"], supervisor)
    task_labels.save(labels.pk, labelled.pk, by=supervisor, spans=[[0, 1, "work"]], version=0)
    features.register_video(walking.video(tmp_path, "untouched.mp4", frames=10))

    prepared, everything = (text(as_supervisor.get(LIST, q)) for q in ({}, {"show": "all"}))

    assert "walk.mp4" in prepared and "labelled.mp4" in prepared
    assert "1 span" in prepared and "untouched.mp4" not in prepared
    assert "untouched.mp4" in everything and "not measured yet" in everything
    stranger = factories.camera(site, "Empty")
    assert "walk.mp4" in text(as_supervisor.get(LIST, {"camera": stranger.pk}))


def test_videos_come_in_pages_and_by_camera(as_supervisor, site, monkeypatch):
    monkeypatch.setattr("training.selectors.features.VIDEOS_A_PAGE", 2)
    gate, door = factories.camera(site, "Gate"), factories.camera(site, "Door")
    for camera in (gate, gate, gate, door):
        factories.footage(camera)

    assert "1 of 2" in text(as_supervisor.get(LIST))
    last = text(as_supervisor.get(LIST, {"page": "9"}))
    assert "2 of 2" in last and 'rel="next"' not in last
    by_camera = text(as_supervisor.get(LIST, {"show": "all", "camera": door.pk}))
    assert by_camera.count('name="footage"') == 1 and "of 2" not in by_camera


def test_streams_are_no_videos(as_supervisor, site):
    factories.footage(factories.camera(site), kind="stream")

    assert "No videos yet" in text(as_supervisor.get(LIST))


def test_the_state_of_one_is_answered_while_it_goes_on(as_supervisor, waiting):
    FeatureSet.objects.update(
        state="running", progress_done=12, progress_total=30, progress_message="measuring"
    )

    address = reverse("training:feature_state", args=[waiting.pk])
    part = text(as_supervisor.get(address))

    assert "12 of 30 frames" in part and 'hx-trigger="every 2s"' in part
    assert "Cancel" in part and "<html" not in part
    FeatureSet.objects.update(state="failed", error_message="It broke.")
    part = text(as_supervisor.get(address))
    assert "It broke." in part and "hx-trigger" not in part and "Retry" in part


def test_it_is_cancelled_and_tried_again(as_supervisor, waiting):
    as_supervisor.post(f"{LIST}features/{waiting.pk}/cancel/")
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    assert "no longer being extracted" in text(as_supervisor.get(LIST))

    as_supervisor.post(f"{LIST}features/{waiting.pk}/retry/")
    waiting.refresh_from_db()
    assert waiting.state == "queued"


def test_the_page_of_features_says_what_is_in_them(as_supervisor, done):
    page = text(as_supervisor.get(f"{LIST}features/{done.pk}/"))

    assert done.sha256 in page and walking.SOURCES["detector"]["sha256"] in page
    assert "hx-trigger" not in page and "Download parquet" in page
    assert "<code>person_x</code>" in page and "share of the width" in page
    assert page.count('class="chart-plot"') == 7
    assert "yolo_boxes" in page and "right_elbow_angle" not in page


def test_while_it_goes_on_the_page_asks_again(as_supervisor, waiting):
    address = f"{LIST}features/{waiting.pk}/"
    assert "Waiting for a worker" in text(as_supervisor.get(address))

    FeatureSet.objects.update(state="running", progress_done=3, progress_total=9)
    part = text(as_supervisor.get(address, headers={"HX-Request": "true"}))

    assert part.lstrip().startswith('<div id="features"') and "3 of 9" in part


def test_a_failure_is_shown_with_its_reason(as_supervisor, waiting, tmp_path):
    (tmp_path / "walk.mp4").unlink()
    features.extract_now(waiting.pk)

    page = text(as_supervisor.get(f"{LIST}features/{waiting.pk}/"))

    assert "Nothing was stored." in page and "walk.mp4" in page and "Retry" in page


def test_the_file_is_downloaded_by_those_who_may(client, done, reviewer):
    client.force_login(reviewer)
    response = client.get(f"{LIST}features/{done.pk}/file/")

    assert len(b"".join(response.streaming_content)) == done.byte_count
    assert f"features_{done.pk}.parquet" in response["Content-Disposition"]


@pytest.mark.parametrize("path", ["", "state/", "file/", "cancel/", "retry/"])
def test_foreign_features_do_not_exist(client, done, path):
    client.force_login(person("stranger", people.ADMIN, factories.site("Far")))
    ask = client.post if path in ("cancel/", "retry/") else client.get

    assert ask(f"{LIST}features/{done.pk}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["cancel/", "retry/"])
def test_reviewers_change_nothing(client, waiting, reviewer, path):
    client.force_login(reviewer)

    assert client.post(f"{LIST}features/{waiting.pk}/{path}").status_code == 403
    waiting.refresh_from_db()
    assert waiting.state == "queued"


def test_features_from_elsewhere_are_listed(as_supervisor, done, site, settings):
    path = settings.MEDIA_ROOT / done.path
    taken = features.import_parquet(path, site=site, name="their table")

    assert "their table" in text(as_supervisor.get(LIST))
    page = text(as_supervisor.get(f"{LIST}features/{taken.pk}/"))
    assert "Measured elsewhere" in page and "does not say" in page


@pytest.mark.parametrize("model", ["featureset", "labelset", "spanannotation", "spantolabel"])
def test_the_admin_reads_and_changes_nothing(client, done, site, superuser, model):
    labels = task_labels.add_label_set(site, "Work", ["work"], superuser)
    task_labels.save(labels.pk, done.footage_id, by=superuser, spans=[[0, 1, "work"]], version=0)
    client.force_login(superuser)

    assert client.get(f"/admin/training/{model}/").status_code == 200
    assert client.get(f"/admin/training/{model}/add/").status_code == 403


def test_the_admin_shows_one(client, done, admin_user):
    client.force_login(admin_user)

    page = text(client.get(f"/admin/training/featureset/{done.pk}/change/"))
    assert done.sha256 in page and 'name="_save"' not in page


def test_numbers_of_any_length_are_no_page_and_no_video(as_supervisor):
    digits = "9" * 5000
    assert as_supervisor.get(LIST, {"page": digits}).status_code == 200
    assert as_supervisor.post(LIST, {"footage": digits, "detector": "none"}).status_code == 422
