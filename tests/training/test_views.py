"""The export pages: every state, and who is let in."""

import io
import json
import zipfile

import pytest
from django.urls import reverse

from hitlsite import people
from hitlsite.models import Membership
from tests import factories
from tests.cast import person
from training.models import ExportRun
from training.services import exports

LIST = "/exports/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def done(items, site, admin_user):
    wanted = exports.start(by=admin_user, site=site, formats=exports.FORMATS)
    return exports.run(wanted.pk)


@pytest.fixture
def as_admin(client, admin_user):
    client.force_login(admin_user)
    return client


def body(response):
    return b"".join(response.streaming_content)


def test_without_exports_the_page_says_so(as_admin, exports_here):
    page = as_admin.get(LIST).content.decode()

    assert "Nothing was exported yet" in page
    assert "too few" in page


@pytest.mark.parametrize(("field", "day"), [("until", "9999-12-31"), ("since", "0001-01-01")])
def test_a_day_that_is_too_far_off_is_refused(as_admin, exports_here, site, field, day):
    response = as_admin.post(LIST, {"site": site.pk, "image_form": "file", field: day})

    assert response.status_code == 422
    assert "too far off" in response.content.decode()


def test_an_export_is_asked_for_and_a_worker_is_woken(
    as_admin, items, site, camera, settings, django_capture_on_commit_callbacks, monkeypatch
):
    woken = []
    monkeypatch.setattr("training.tasks.run_export.delay", woken.append)
    asked = {"site": site.pk, "camera": camera.pk, "since": "2026-03-02", "image_form": "data_url"}
    with django_capture_on_commit_callbacks(execute=True):
        response = as_admin.post(LIST, asked)

    run = ExportRun.objects.get()
    assert (response.status_code, response.url) == (303, f"/exports/{run.pk}/")
    assert woken == [run.pk]
    assert run.filters == {"camera": camera.pk, "since": "2026-03-02"}
    assert run.image_form == "data_url"


def test_a_camera_of_another_site_is_refused_at_its_field(as_admin, items, site, admin_user):
    elsewhere = factories.camera()
    Membership.objects.create(site=elsewhere.site, user=admin_user)
    asked = {"site": site.pk, "camera": elsewhere.pk, "since": "2026-03-02", "image_form": "file"}
    response = as_admin.post(LIST, asked)
    foretold = as_admin.get(f"{LIST}foretold/", asked).content.decode()

    html, said = response.content.decode(), f"not at {site.name}."
    assert (response.status_code, html.count(said), foretold.count(said)) == (422, 1, 1)
    assert 'value="2026-03-02"' in html
    assert f"{elsewhere.name} ({elsewhere.site.name})" in html


def test_too_few_items_are_said_on_the_form_itself(as_admin, exports_here, site, settings):
    settings.MIN_CONFIRMED = 3
    asked = {"site": site.pk, "since": "2026-03-02", "image_form": "data_url"}
    response = as_admin.post(LIST, asked)

    html = response.content.decode()
    assert response.status_code >= 400
    assert 'id="export-form"' in html and 'value="2026-03-02"' in html


def test_a_run_that_does_not_know_its_items_yet_is_counting(as_admin, items, site, admin_user):
    run = exports.start(by=admin_user, site=site)
    ExportRun.objects.filter(pk=run.pk).update(state="running")

    for address in (LIST, f"{LIST}{run.pk}/"):
        html = as_admin.get(address).content.decode()
        assert "counting" in html and "0 of 0" not in html


def test_an_export_of_chosen_items_says_so(as_admin, items, site, admin_user):
    chosen = {"items": [item.pk for item in items], "until": "2026-03-02"}
    run = exports.start(by=admin_user, site=site, filters=chosen)
    shown = " ".join(as_admin.get(f"/exports/{run.pk}/").content.decode().split())
    assert "items chosen one by one" in shown and "until 2026-03-02" in shown


def test_formats_and_a_variant_are_chosen_on_the_page(as_admin, items, site):
    asked = {"site": site.pk, "image_form": "file", "variant": "masked", "formats": ["csv", "yolo"]}
    as_admin.post(LIST, asked)

    run = ExportRun.objects.get()
    assert (run.variant, run.formats) == ("masked", ["csv", "yolo"])
    page = as_admin.get(f"{LIST}{run.pk}/").content.decode()
    assert "people masked" in page
    assert "csv, yolo" in page


@pytest.mark.parametrize("wanted", [{"variant": "bare"}, {"formats": ["xml"]}])
def test_what_no_export_has_is_refused(as_admin, items, site, wanted):
    asked = {"site": site.pk, "image_form": "file", **wanted}
    api = as_admin.post("/api/v1/exports/", json.dumps(wanted), content_type="application/json")
    assert as_admin.post(LIST, asked).status_code == 422
    assert (api.status_code, ExportRun.objects.count()) == (422, 0)


def test_what_would_be_left_out_is_told_before(as_admin, items, site, camera):
    factories.item(factories.incident(camera, with_files=False), status="rejected")
    for page in (LIST, f"{LIST}foretold/?site={site.pk}&image_form=file"):
        told = as_admin.get(page).content.decode()
        assert "not confirmed: rejected" in told
        assert "would be looked at" in told
    narrowed = as_admin.get(f"{LIST}foretold/?image_form=file&since=2030-01-01")
    assert b"at least 3 needed" in narrowed.content
    for odd in ("since=soon", "camera=x", "site=99999", "until=9999-12-31", ""):
        told = as_admin.get(f"{LIST}foretold/?{odd}")
        assert (told.status_code, b"not possible" in told.content) == (200, True), odd


def test_what_would_be_left_out_is_told_to_admins_only(client, items, reviewer):
    client.force_login(reviewer)

    assert client.get(f"{LIST}foretold/").status_code == 403


def test_the_page_says_how_many_lines_show_people(as_admin, done):
    page = as_admin.get(f"{LIST}{done.pk}/").content.decode()

    assert "of 4 lines show people" in page
    assert f"provider_warnings_{done.name}.jsonl" in page


@pytest.mark.parametrize("address", [LIST, "/api/v1/exports/"])
@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_lose_the_request(
    client, items, admin_user, monkeypatch, address
):
    def away(pk):
        raise OSError("no broker")

    monkeypatch.setattr("training.tasks.run_export.delay", away)
    client.force_login(admin_user)
    asked = json.dumps({}) if "api" in address else {"image_form": "file"}
    kind = {"content_type": "application/json"} if "api" in address else {}
    response = client.post(address, asked, **kind)

    assert response.status_code in (202, 303)
    assert ExportRun.objects.get().state == "queued"


def test_too_few_items_are_answered_with_their_number(as_admin, exports_here, site):
    response = as_admin.post(LIST, {"site": site.pk, "image_form": "file"})

    assert response.status_code == 409
    assert "Only 0 of 3 confirmed items" in response.content.decode()


def test_a_form_that_cannot_be_read_says_why(as_admin, exports_here, site):
    response = as_admin.post(LIST, {"site": site.pk, "since": "soon", "image_form": "file"})

    assert response.status_code == 422
    assert "Enter a valid date" in response.content.decode()


@pytest.mark.parametrize(
    ("state", "columns", "shown", "polls"),
    [
        ("queued", {}, "Waiting for a worker", True),
        ("running", {"progress_done": 30, "progress_total": 120}, 'value="30"', True),
        ("failed", {"error_message": "Item 7 may not leave."}, "Item 7 may not leave.", False),
        ("cancelled", {}, "Cancelled", False),
    ],
)
def test_every_state_is_shown(as_admin, site, state, columns, shown, polls):
    run = ExportRun.objects.create(site=site, state=state, **columns)
    page = as_admin.get(f"{LIST}{run.pk}/").content.decode()

    assert shown in page
    assert ("every 1s" in page) is polls
    assert (
        shown in as_admin.get(f"{LIST}{run.pk}/", headers={"HX-Request": "true"}).content.decode()
    )
    assert run.get_state_display() in as_admin.get(LIST).content.decode()


def test_htmx_gets_the_part_that_changes(as_admin, done):
    part = as_admin.get(f"{LIST}{done.pk}/", headers={"HX-Request": "true"}).content.decode()

    assert part.lstrip().startswith("<section")
    assert f"training_dataset_{done.name}.jsonl" in part
    assert "hx-get" not in part


def test_files_are_downloaded_whole(as_admin, done, exports_here):
    for row in done.files:
        response = as_admin.get(reverse("training:export_file", args=[done.pk, row["name"]]))
        assert body(response) == (exports_here / done.directory / row["name"]).read_bytes()
        assert response["Content-Disposition"] == f'attachment; filename="{row["name"]}"'
        assert response["Content-Length"] == str(row["byte_count"])


def test_the_archive_holds_everything(as_admin, done, tmp_path):
    name = f"export_{done.name}.zip"
    response = as_admin.get(reverse("training:export_file", args=[done.pk, name]))
    with zipfile.ZipFile(io.BytesIO(body(response))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")

    assert exports.verify(tmp_path / "out" / f"export_{done.name}").problems == []


@pytest.mark.parametrize("name", ["secret.txt", "images", "..", "export_other.zip"])
def test_other_names_are_not_found(as_admin, done, name):
    assert as_admin.get(f"{LIST}{done.pk}/files/{name}/").status_code == 404


def test_what_a_command_wrote_elsewhere_is_not_served(as_admin, items, site, tmp_path):
    run = exports.export_to(tmp_path / "out", site=site)

    assert str(tmp_path) in as_admin.get(f"{LIST}{run.pk}/").content.decode()
    name = run.files[0]["name"]
    assert as_admin.get(f"{LIST}{run.pk}/files/{name}/").status_code == 404


def test_files_on_another_machine_are_said_to_be_there(as_admin, done, exports_here):
    (exports_here / done.directory).rename(exports_here / "elsewhere")
    page = as_admin.get(f"{LIST}{done.pk}/").content.decode()
    download = as_admin.get(f"{LIST}{done.pk}/files/{done.files[0]['name']}/")
    refusal = as_admin.get(f"/api/v1/exports/{done.pk}/files/{done.files[0]['name']}/").json()

    assert done.files[0]["name"] not in page
    for text in (page, download.content.decode(), refusal["error"]["message"]):
        assert f"exports/{done.directory}" in text
        assert "not on this machine" in text
    assert download.status_code == 404
    assert refusal["error"]["code"] == "files_elsewhere"


def test_an_unfinished_export_has_no_files_yet(as_admin, site):
    run = ExportRun.objects.create(site=site)

    assert "not finished" in as_admin.get(f"{LIST}{run.pk}/files/x.json/").content.decode()


PATHS = ("{pk}/", "{pk}/files/{name}/")


def statuses(client, run):
    places = [LIST + path.format(pk=run.pk, name=run.files[0]["name"]) for path in PATHS]
    return [client.get(path).status_code for path in places]


@pytest.mark.parametrize("who", ["reviewer", "supervisor"])
def test_who_is_no_admin_is_refused(client, done, site, who, request):
    client.force_login(request.getfixturevalue(who))

    assert client.get(LIST).status_code == 403
    assert client.post(LIST, {"site": site.pk, "image_form": "file"}).status_code == 403
    assert statuses(client, done) == [403, 403]


def test_an_outsider_sees_nothing(client, done, outsider):
    client.force_login(outsider)

    assert statuses(client, done) == [404, 404]


def test_an_admin_of_another_site_sees_nothing(client, done, site):
    client.force_login(person("other_admin", people.ADMIN, factories.site("Far away")))

    assert statuses(client, done) == [404, 404]
    assert done.name not in client.get(LIST).content.decode()
    response = client.post(LIST, {"site": site.pk, "image_form": "file"})
    assert response.status_code == 422
    assert ExportRun.objects.count() == 1


def test_strangers_log_in_first(client, done):
    assert statuses(client, done) == [302, 302]
    assert client.get(LIST).status_code == 302


def test_the_api_lists_and_shows_exports(as_admin, done):
    listed = as_admin.get("/api/v1/exports/").json()
    shown = as_admin.get(f"/api/v1/exports/{done.pk}/").json()

    assert listed == {"results": [shown], "next_cursor": None}
    assert (shown["state"], shown["item_count"], shown["created_by"]) == ("done", 4, "admin")
    content = body(as_admin.get(shown["files"][0]["url"]))
    assert len(content) == shown["files"][0]["byte_count"]


def test_the_api_queues_an_export(
    as_admin, items, camera, django_capture_on_commit_callbacks, monkeypatch
):
    woken = []
    monkeypatch.setattr("training.tasks.run_export.delay", woken.append)
    wanted = {"filters": {"camera": camera.pk, "until": "2026-03-02"}, "image_form": "file"}
    with django_capture_on_commit_callbacks(execute=True):
        response = as_admin.post(
            "/api/v1/exports", json.dumps(wanted), content_type="application/json"
        )

    assert response.status_code == 202
    assert response.json()["filters"] == wanted["filters"]
    assert woken == [response.json()["id"]]


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ({"image_form": "painting"}, 422, "invalid"),
        ({"filters": {"camera": 99999}}, 422, "invalid"),
        ({"filters": {"camera": 10**30}}, 422, "invalid"),
        ({"filters": {"items": [10**30]}}, 422, "invalid"),
        ({"filters": {"since": "soon"}}, 422, "invalid"),
        ({"filters": {"since": "0001-01-01"}}, 422, "invalid"),
        ({"filters": {"until": "9999-12-31"}}, 422, "invalid"),
        ({"site": 10**30}, 404, "not_found"),
        ({"site": 99999}, 404, "not_found"),
        ([1], 422, "invalid"),
        ({"filters": {"category": "aggression"}}, 409, "too_few_confirmed"),
    ],
)
def test_the_api_refuses_in_one_form(as_admin, items, wanted, status, code):
    response = as_admin.post(
        "/api/v1/exports/", json.dumps(wanted), content_type="application/json"
    )

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("raw", "status"),
    [("[" * 100_000, 400), ('{"filters": NaN}', 400), (b"\xff", 400), (" " * 1_000_001, 413)],
)
def test_the_api_survives_what_is_no_json(as_admin, site, raw, status):
    response = as_admin.post("/api/v1/exports/", raw, content_type="application/json")

    assert response.status_code == status
    assert sorted(response.json()["error"]) == ["code", "fields", "message"]


@pytest.mark.parametrize(
    ("who", "expected"),
    [("reviewer", [403, 403, 403]), ("outsider", [403, 403, 404])],
)
def test_the_api_is_for_admins_of_the_site(client, done, who, expected, request):
    client.force_login(request.getfixturevalue(who))
    answers = [
        client.get("/api/v1/exports/"),
        client.post("/api/v1/exports/", "{}", content_type="application/json"),
        client.get(f"/api/v1/exports/{done.pk}/"),
    ]

    assert [answer.status_code for answer in answers] == expected


def test_the_api_is_closed_to_strangers(client, done):
    for path in ("", f"{done.pk}/", f"{done.pk}/files/{done.files[0]['name']}/"):
        assert client.get(f"/api/v1/exports/{path}").status_code in (401, 403)


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30])
def test_a_page_that_is_none_is_refused(as_admin, done, cursor):
    assert as_admin.get(f"/api/v1/exports/?cursor={cursor}").status_code == 400


def test_the_api_pages(as_admin, site):
    ExportRun.objects.bulk_create(ExportRun(site=site) for _ in range(53))
    first = as_admin.get("/api/v1/exports/").json()
    second = as_admin.get(f"/api/v1/exports/?cursor={first['next_cursor']}").json()

    assert (len(first["results"]), len(second["results"])) == (50, 3)
    assert second["next_cursor"] is None
    ids = [row["id"] for row in first["results"] + second["results"]]
    assert ids == sorted(set(ids), reverse=True)
