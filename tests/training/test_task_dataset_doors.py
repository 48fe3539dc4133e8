"""Datasets of windows by page and address: what is asked, what is refused, what is shown."""

import pytest

from detection.slots import OBJECT_DETECTOR, TASK_CLASSIFIER
from hitlsite import people
from tests import factories
from tests.cast import person
from tests.training import task_material
from training.models import Dataset
from training.services import datasets

LIST, API = "/datasets/", "/api/v1/datasets/"
pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture(autouse=True)
def _no_repeated_queries(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def as_admin(client, admin_user):
    client.force_login(admin_user)
    return client


def text(response):
    return response.content.decode()


@pytest.fixture
def label_set(site):
    return task_material.label_set(site)


@pytest.fixture
def windows(site, camera, label_set):
    for _ in range(5):
        task_material.video(camera, label_set, missing=("hand_obj_dist",))
    return datasets.freeze_now(datasets.freeze(slot=TASK_CLASSIFIER, sites=[site]).pk)


def test_the_form_asks_for_them(as_admin, site, label_set):
    task_material.label_set(site, "door")
    asked = {"slot": TASK_CLASSIFIER, "label_set": label_set.pk, "window_seconds": "1.5"}
    asked |= {"balance": "upsample", "train_ratio": "0.6", "val_ratio": "0.2"}

    response = as_admin.post(LIST, asked | {"test_ratio": "0.2"})

    assert response.status_code == 303
    options = Dataset.objects.get().options
    assert (options["label_set"], options["window_seconds"]) == (label_set.pk, 1.5)
    assert (options["balance"], options["train_ratio"]) == ("upsample", 0.6)
    assert options["step_seconds"] == 0.5


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"window_seconds": "900"}, "number from"),
        ({"train_ratio": "0.9"}, "add up to 1"),
        ({"label_set": "0"}, "valid choice"),
        ({}, "Say which label set"),
    ],
)
def test_a_refusal_stands_at_its_field(as_admin, site, label_set, asked, told):
    task_material.label_set(site, "door")
    asked = {"slot": TASK_CLASSIFIER, "label_set": label_set.pk if asked else "", **asked}

    response = as_admin.post(LIST, asked)

    page = text(response)
    assert response.status_code == 422 and told in page
    assert '<details class="freeze-rendered freeze-windows" open>' in page
    assert not Dataset.objects.exists()


def test_of_another_slot_nothing_of_it_is_taken(as_admin, site):
    as_admin.post(LIST, {"slot": OBJECT_DETECTOR, "window_seconds": "3"})

    assert Dataset.objects.get().options == {}


def test_another_site_s_label_sets_are_not_offered(client, site, supervisor, label_set):
    task_material.label_set(factories.site("Elsewhere"), "secret question")
    admin = person("second admin", people.ADMIN, site)
    client.force_login(admin)

    page = text(client.get(LIST))

    assert "table (Harbour)" in page and "secret question" not in page


def test_the_page_tells_what_is_in_it(as_admin, windows):
    page = text(as_admin.get(f"{LIST}{windows.pk}/"))

    assert "2 s, a point every 0.1 s" in page and "1 left out" in page
    assert "Windows in it" in page and "<img" not in page.partition("<main")[2]
    assert "Missing in all that trains: hand_obj_dist" in page
    for row in windows.counts["windows"]["videos"]:
        assert row["name"] in page


def test_windows_are_filtered(as_admin, windows):
    page = text(as_admin.get(f"{LIST}{windows.pk}/", {"class": "idle", "split": "test"}))

    shown = page.partition('id="entries"')[2]
    assert "<td>idle</td>" in shown and "<td>work</td>" not in shown
    assert "<td>Train</td>" not in shown


def test_over_the_api(as_admin, site, label_set, monkeypatch):
    asked = {"slot": TASK_CLASSIFIER, "options": {"label_set": label_set.pk, "balance": "none"}}
    response = as_admin.post(API, asked, content_type="application/json")

    assert response.status_code == 202
    assert response.json()["options"]["label_set"] == label_set.pk
    refused = as_admin.post(
        API,
        {"slot": TASK_CLASSIFIER, "options": {"window_seconds": "long"}},
        content_type="application/json",
    )
    assert refused.status_code == 422
    assert "window_seconds" in refused.json()["error"]["fields"]


def test_the_api_answers_what_is_in_it(as_admin, windows):
    told = as_admin.get(f"{API}{windows.pk}/").json()["counts"]["windows"]

    assert told["spec"]["window_seconds"] == 2.0 and told["columns"]


def test_only_what_trains_again_is_marked_so(as_admin, site, camera, label_set):
    for _ in range(5):
        spans = [[0.0, 50.0, "work"], [50.0, 60.0, "idle"]]
        task_material.video(camera, label_set, spans=spans)
    options = {"balance": "upsample"}
    made = datasets.freeze(slot=TASK_CLASSIFIER, sites=[site], options=options)
    made = datasets.freeze_now(made.pk)

    pages = [
        text(as_admin.get(f"{LIST}{made.pk}/", {"class": name, "split": "train"}))
        for name in ("work", "idle")
    ]

    assert ">again<" not in pages[0] and ">again<" in pages[1]
