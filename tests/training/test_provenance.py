"""From a line back to the film, from the film forward to every export, and who may look."""

import json

import pytest

from hitlsite import people
from hitlsite.errors import NotFound
from tests import factories
from tests.cast import person
from tests.training.conftest import confirmed_item, finished, read_export
from training import selectors
from training.models import ExportRun
from training.selectors import uses
from training.services import exports

pytestmark = pytest.mark.django_db
SEARCH = "/provenance/"


@pytest.fixture
def run(items, site, admin_user):
    return finished(admin_user, site)


def item_page(item):
    return f"/provenance/items/{item.pk}/"


def footage_page(item):
    return f"/provenance/footage/{item.incident.footage_id}/"


def test_an_item_is_traced_back_to_its_film(client, run, items, admin_user):
    client.force_login(admin_user)
    page = client.get(item_page(items[0])).content.decode()

    incident = items[0].incident
    still = incident.evidence.get()
    for told in (
        incident.key,
        still.sha256,
        still.original_sha256,
        "entrance",
        "threshold",
        "31.2",
        incident.deployment.name,
        incident.deployment.sha256,
        incident.footage.sha256,
        "Gate",
        "Confirmed by reviewer",
        run.name,
        "line 1",
    ):
        assert told in page, told


def test_a_film_is_traced_forward_to_every_export(client, run, items, site, admin_user):
    again = finished(admin_user, site)
    client.force_login(admin_user)
    page = client.get(footage_page(items[1])).content.decode()

    for told in (run.name, again.name, "line 2", "Confirmed by reviewer", f"Item {items[1].pk}"):
        assert told in page, told


@pytest.mark.parametrize("who", ["reviewer", "supervisor"])
def test_exports_are_for_those_who_may_see_them(client, run, items, who, request):
    client.force_login(request.getfixturevalue(who))
    page = client.get(item_page(items[0])).content.decode()

    assert items[0].incident.key in page
    assert run.name not in page
    assert run.name not in client.get(footage_page(items[0])).content.decode()
    assert client.get(SEARCH, {"q": f"{run.name} 1"}).status_code == 404


def test_a_foreign_site_has_nothing(client, run, items, outsider):
    strangers = [outsider, person("far", people.ADMIN, factories.site("Far away"))]
    for stranger in strangers:
        client.force_login(stranger)
        assert client.get(item_page(items[0])).status_code == 404
        assert client.get(footage_page(items[0])).status_code == 404
        asked = [str(items[0].pk), items[0].incident.evidence.get().sha256, f"{run.name} 1"]
        for question in [*asked, items[0].incident.footage.sha256]:
            response = client.get(SEARCH, {"q": question})
            assert response.status_code == 404, question


def test_strangers_and_devices_do_not_get_in(client, items, device_user):
    for path in (SEARCH, item_page(items[0]), footage_page(items[0])):
        assert client.get(path).status_code == 302
    client.force_login(device_user)
    for path in (SEARCH, item_page(items[0]), footage_page(items[0])):
        assert client.get(path).status_code in (403, 404)


def test_everything_that_can_be_asked_for_leads_there(client, run, items, admin_user, exports_here):
    _, _, manifest = read_export(exports_here / run.directory)
    client.force_login(admin_user)
    incident = items[2].incident
    asked = [
        str(items[2].pk),
        f"item {items[2].pk}",
        manifest["images"][2]["sha256"],
        manifest["images"][2]["file_name"].upper().replace("IMAGES", "images"),
        incident.evidence.get().original_sha256,
        f"{run.name} 3",
        f"training_dataset_{run.name}.jsonl:3",
        f"{run.name} line 3",
    ]
    for question in asked:
        response = client.get(SEARCH, {"q": question})
        assert (response.status_code, response.url) == (303, item_page(items[2])), question
    response = client.get(SEARCH, {"q": incident.footage.sha256})
    assert response.url == footage_page(items[2])


@pytest.mark.parametrize(
    "question", ["999999", "0" * 64, "x", "9" * 40, "a" * 5000, "20260101T000000Z_00000000 1", "%"]
)
def test_what_is_not_there_is_said_so(client, run, admin_user, question):
    client.force_login(admin_user)
    response = client.get(SEARCH, {"q": question})

    assert response.status_code == 404
    assert "Nothing was found for" in response.content.decode()
    assert f"{run.name} {99}" not in response.content.decode()


@pytest.mark.parametrize("line", ["0", "5", "99999999999999999999"])
def test_a_line_that_an_export_has_not_is_not_found(run, admin_user, line):
    with pytest.raises(NotFound):
        selectors.find(admin_user, f"{run.name} {line}")


def test_a_masked_picture_leads_to_what_it_was_made_of(
    items, site, camera, reviewer, admin_user, exports_here
):
    import numpy as np

    grey = np.full((96, 128, 3), 120, np.uint8)
    item = confirmed_item(camera, reviewer, 30, content=factories.jpeg(grey))
    run = finished(admin_user, site, variant="masked")
    _, _, manifest = read_export(exports_here / run.directory)
    sha256 = manifest["images"][-1]["sha256"]

    assert selectors.find(admin_user, sha256) == (selectors.ITEM, item.pk)
    with pytest.raises(NotFound):
        selectors.find(reviewer, sha256)


def test_blind_verdicts_stay_blind(client, items, camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")
    factories.decision(item, reviewer, verdict="rejected", effect="held", note="my own view")
    client.force_login(second_reviewer)

    for path in (item_page(item), footage_page(item)):
        assert "my own view" not in client.get(path).content.decode()
    client.force_login(reviewer)
    assert "my own view" in client.get(item_page(item)).content.decode()


def test_an_export_from_before_says_by_its_manifest_what_it_holds(run, items, admin_user):
    ExportRun.objects.update(
        files=[{key: row[key] for key in ("name", "sha256", "byte_count")} for row in run.files],
        name="20200101T000000Z_00000000",
    )
    (use,) = selectors.uses_of(admin_user, [items[3].pk])[items[3].pk]

    assert (use.kind, use.detail, use.pk) == ("export", "line 4", run.pk)


def test_an_operators_export_elsewhere_counts_too(items, site, tmp_path, admin_user):
    made = exports.export_to(tmp_path / "out", site=site)
    (use,) = selectors.uses_of(admin_user, [items[0].pk])[items[0].pk]

    assert use.pk == made.pk


def test_another_kind_of_use_needs_one_function(client, items, admin_user, monkeypatch, run):
    def datasets(user, wanted):
        for item in wanted:
            yield uses.Use(item, "dataset", "autumn", "train", "training:export", run.pk)

    monkeypatch.setitem(uses.KINDS, "dataset", datasets)
    client.force_login(admin_user)
    page = client.get(item_page(items[0])).content.decode()

    assert "Dataset" in page
    assert "autumn" in page


def test_a_film_of_many_incidents_is_shown_in_pages(client, site, camera, reviewer):
    film = factories.footage(camera)
    part, served = factories.segment(film), factories.deployment()
    for _ in range(53):
        factories.incident(footage=film, segment=part, deployment=served, with_files=False)
    client.force_login(reviewer)
    first = client.get(f"/provenance/footage/{film.pk}/")
    second = client.get(first.context["next"])

    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 3)
    assert second.context["next"] == ""


def test_the_queries_do_not_grow_with_the_items(
    client, site, camera, reviewer, admin_user, items, run, django_assert_max_num_queries
):
    film = factories.footage(camera)
    part, served = factories.segment(film), factories.deployment()
    for _ in range(12):
        made = factories.incident(footage=film, segment=part, deployment=served, with_files=False)
        factories.decision(factories.item(made), reviewer, verdict="rejected")
    client.force_login(admin_user)
    with django_assert_max_num_queries(25):
        client.get(f"/provenance/footage/{film.pk}/")


def test_nothing_found_in_a_film_is_said(client, camera, reviewer):
    film = factories.footage(camera)
    client.force_login(reviewer)

    assert (
        "Nothing was found in it." in client.get(f"/provenance/footage/{film.pk}/").content.decode()
    )


def test_ids_of_an_export_stay_out_of_the_api(client, run, admin_user):
    client.force_login(admin_user)
    told = client.get(f"/api/v1/exports/{run.pk}/").json()

    assert all("items" not in row for row in told["files"])
    assert [row["lines"] for row in told["files"] if "lines" in row] == [4]
    assert json.dumps(told["formats"]) == "[]"
