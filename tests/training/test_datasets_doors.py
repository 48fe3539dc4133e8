"""Datasets by page, address, command, task and admin: the same service, and who is let in."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from detection.slots import OBJECT_DETECTOR
from hitlsite import people
from tests import factories
from tests.cast import person
from tests.training import labelled
from training import tasks
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


@pytest.fixture
def done(site, camera, reviewer):
    labelled.days(camera, reviewer, 5, each=4)
    return datasets.freeze_now(datasets.freeze(slot=OBJECT_DETECTOR, sites=[site]).pk)


def text(response):
    return response.content.decode()


def test_without_datasets_the_page_says_so(as_admin):
    assert "No dataset was frozen yet" in text(as_admin.get(LIST))


def test_a_dataset_is_asked_for_and_a_worker_is_woken(
    as_admin, site, camera, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr("training.tasks.freeze_dataset.delay", woken.append)
    asked = {"slot": OBJECT_DETECTOR, "sites": [site.pk], "synthetic_cameras": [camera.pk]}
    asked["whole_imports"] = "on"
    with django_capture_on_commit_callbacks(execute=True):
        response = as_admin.post(LIST, asked)

    dataset = Dataset.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"{LIST}{dataset.pk}/")
    assert woken == [dataset.pk]
    assert dataset.options == {"synthetic_cameras": [camera.pk], "whole_imports": True}
    page = text(as_admin.get(response["Location"]))
    assert "Waiting for a worker" in page and "hx-trigger" in page


@pytest.mark.parametrize("asked", [{"slot": "none"}, {"slot": "pose-anomaly"}, {}])
def test_nonsense_is_refused_at_its_field(as_admin, site, asked):
    response = as_admin.post(LIST, {**asked, "x": "1"})

    assert response.status_code == 422 and 'role="alert"' in text(response)
    assert not Dataset.objects.exists()


def test_the_page_of_a_dataset_shows_what_is_in_it(as_admin, done):
    page = text(as_admin.get(f"{LIST}{done.pk}/"))

    assert done.manifest_sha256 in page and "hx-trigger" not in page
    assert page.count("boxed-over") == 20
    assert "Train on it" in page and f'value="{done.pk}"' in page
    assert "too few for each" in page and "It is the first of its slot" in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"split": "test"}, None),
        ({"class": "person"}, 10),
        ({"class": "none"}, 10),
        ({"class": "unicorn"}, 0),
        ({"page": "99"}, 20),
        ({"page": "x", "split": "y"}, 20),
    ],
)
def test_pictures_are_filtered(as_admin, done, query, count):
    if count is None:
        count = done.entries.filter(split="test").count()

    page = text(as_admin.get(f"{LIST}{done.pk}/", query))

    assert page.count("boxed-over") == count
    assert ("Nothing here is both" in page) is (count == 0)


def test_pictures_come_in_pages(as_admin, done, monkeypatch):
    monkeypatch.setattr("training.selectors.datasets.ENTRIES_A_PAGE", 8)

    page = text(as_admin.get(f"{LIST}{done.pk}/", {"page": 2}))

    assert page.count("boxed-over") == 8 and "2 of 3" in page


def test_a_picture_that_is_private_no_more_is_not_shown(as_admin, done):
    entry = done.entries.first()
    entry.item.scans.update(file_sha256="0" * 64)
    group = person("seer", people.SUPERVISOR, entry.site).groups.get()
    group.permissions.remove(*group.permissions.filter(codename="view_unredacted_always"))
    seer = type(person("other", people.SUPERVISOR, entry.site)).objects.get(username="other")
    as_admin.force_login(seer)

    page = text(as_admin.get(f"{LIST}{done.pk}/"))

    assert "what your role may not see" in page and page.count("boxed-over") == 19


def test_while_it_runs_the_part_is_answered(as_admin, site):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])
    Dataset.objects.update(
        state="running", progress_done=3, progress_total=9, progress_message="reading pictures"
    )

    page = text(as_admin.get(f"{LIST}{asked.pk}/", headers={"HX-Request": "true"}))

    assert page.lstrip().startswith('<div id="dataset"')
    assert "Reading pictures" in page and "3 of 9" in page


def test_a_refusal_is_shown(as_admin, site):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])
    datasets.freeze_now(asked.pk)

    assert "Nothing was frozen" in text(as_admin.get(f"{LIST}{asked.pk}/"))
    assert "There is nothing" in text(as_admin.get(LIST))


def test_a_freeze_without_anything_new_leads_to_the_earlier_one(as_admin, done, site):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])
    datasets.freeze_now(asked.pk)

    response = as_admin.get(f"{LIST}{asked.pk}/")
    part = as_admin.get(f"{LIST}{asked.pk}/", headers={"HX-Request": "true"})

    assert (response.status_code, response["Location"]) == (303, f"{LIST}{done.pk}/")
    assert part["HX-Redirect"] == f"{LIST}{done.pk}/"
    assert "Nothing has changed" in text(as_admin.get(f"{LIST}{done.pk}/"))
    assert as_admin.get(f"{API}{asked.pk}/").json()["id"] == done.pk


def test_a_freeze_is_cancelled_from_its_page(as_admin, site):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])

    response = as_admin.post(reverse("training:cancel_dataset", args=[asked.pk]))

    assert response.status_code == 303
    asked.refresh_from_db()
    assert asked.state == "cancelled"
    assert "It was cancelled" in text(as_admin.get(f"{LIST}{asked.pk}/"))


def test_supervisors_look_and_do_not_freeze(client, supervisor, done):
    client.force_login(supervisor)

    assert "Freeze a dataset" not in text(client.get(LIST))
    assert "Train on it" not in text(client.get(f"{LIST}{done.pk}/"))
    assert client.post(LIST, {"slot": OBJECT_DETECTOR}).status_code == 403
    assert client.post(API, {"slot": OBJECT_DETECTOR}).status_code == 403
    assert client.post(f"{LIST}{done.pk}/cancel/").status_code == 403
    assert client.get(API).status_code == 200


def test_reviewers_see_no_datasets(client, reviewer, done):
    client.force_login(reviewer)

    for address in (LIST, f"{LIST}{done.pk}/", API, f"{API}{done.pk}/"):
        assert client.get(address).status_code == 403


def test_a_foreign_dataset_does_not_exist(client, done):
    client.force_login(person("foreigner", people.ADMIN, factories.site("Elsewhere")))

    for address in (f"{LIST}{done.pk}/", f"{API}{done.pk}/"):
        assert client.get(address).status_code == 404
    assert client.post(f"{LIST}{done.pk}/cancel/").status_code == 404
    assert client.get(API).json()["results"] == []
    assert "object-detector dataset 1" not in text(client.get(LIST))
    asked = {"slot": OBJECT_DETECTOR, "sites": [done.sites.get().pk]}
    response = client.post(API, asked, content_type="application/json")
    assert response.status_code == 404 and "sites" in response.json()["error"]["fields"]


def test_the_api_queues_and_tells(as_admin, done, site):
    asked = {"slot": OBJECT_DETECTOR, "sites": [site.pk], "options": {"camera_share": 0.5}}
    response = as_admin.post(API, asked, content_type="application/json")

    assert response.status_code == 202
    assert response.json()["state"] == "queued" and response.json()["sites"] == [site.name]
    whole = as_admin.get(f"{API}{done.pk}/").json()
    assert whole["counts"]["entries"] == 20 and whole["manifest_sha256"] == done.manifest_sha256
    page = as_admin.get(API, {"slot": OBJECT_DETECTOR}).json()
    assert [row["id"] for row in page["results"]] == [response.json()["id"], done.pk]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"slot": "none"},
        {"slot": OBJECT_DETECTOR, "sites": []},
        {"slot": OBJECT_DETECTOR, "more": 1},
        {"slot": OBJECT_DETECTOR, "options": {"camera_share": 7}},
        {"slot": OBJECT_DETECTOR, "options": {"colour": "blue"}},
    ],
)
def test_the_api_refuses_nonsense(as_admin, site, asked):
    response = as_admin.post(API, asked, content_type="application/json")

    assert response.status_code == 422, response.content
    assert not Dataset.objects.exists()


def test_the_api_gives_pages(as_admin, site, monkeypatch):
    monkeypatch.setattr("training.api.paging.PAGE_SIZE", 2)
    made = [Dataset.objects.create(slot=OBJECT_DETECTOR, number=one) for one in (1, 2, 3)]
    for one in made:
        one.sites.add(site)

    first = as_admin.get(API).json()
    second = as_admin.get(API, {"cursor": first["next_cursor"]}).json()

    assert [row["number"] for row in first["results"] + second["results"]] == [3, 2, 1]
    assert second["next_cursor"] is None
    assert as_admin.get(API, {"cursor": "x"}).status_code == 400


def test_the_command_freezes_and_reports(site, camera, reviewer, tmp_path, capsys):
    labelled.days(camera, reviewer, 4)

    call_command("freeze_dataset", site=["Harbour"], json=tmp_path / "report.json")

    dataset = Dataset.objects.get()
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["manifest_sha256"], report["is_new"]) == (dataset.manifest_sha256, True)
    assert "object-detector dataset 1: train" in capsys.readouterr().out

    call_command("freeze_dataset", "--option", "camera_share=1", json=tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["is_new"] is False
    assert "Nothing has changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"site": ["Nowhere"]}, "the sites are: Harbour"),
        ({"option": ["camera_share"]}, "NAME=VALUE"),
        ({"option": ["camera_share=x"]}, "camera_share must be"),
        ({}, "There is nothing that a dataset could hold"),
    ],
)
def test_the_command_refuses_by_name(site, given, told):
    with pytest.raises(CommandError, match=told) as refusal:
        call_command("freeze_dataset", **given)

    assert refusal.value.returncode == 2


def test_tasks_are_doors(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    one = datasets.freeze(slot=OBJECT_DETECTOR)
    tasks.freeze_dataset(one.pk)
    one.refresh_from_db()
    assert one.state == "done"

    again = datasets.freeze(slot=OBJECT_DETECTOR)
    tasks.freeze_waiting()
    assert not Dataset.objects.filter(pk=again.pk).exists()
    tasks.freeze_dataset(again.pk)


def test_the_admin_is_for_reading(client, superuser, done):
    client.force_login(superuser)

    page = client.get(reverse("admin:training_dataset_change", args=[done.pk]))
    assert page.status_code == 200 and 'name="_save"' not in text(page)
    assert client.get(reverse("admin:training_dataset_changelist")).status_code == 200
