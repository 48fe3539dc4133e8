"""The replay page: other rules over film that was processed before."""

import json

import pytest
from django.urls import reverse

from detection.rules.config import parse_config
from detection.services import cameras, rule_drafts
from tests import factories
from tests.detection import walks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

LEFT = {"name": "left", "kind": "monitored", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
LINGER = {"name": "linger", "kind": "loitering", "zones": ["left"], "threshold_seconds": 10}
STAYS = [walks.Stay(5, 13, 0.2, 0.7), walks.Stay(30, 50, 0.3, 0.7)]


def draft(**changes):
    return {"zones": [LEFT], "rules": [{**LINGER, **changes}]}


@pytest.fixture(autouse=True)
def footage(camera, data_dir):
    cameras.apply_config(camera, parse_config(draft(), file_name="test"))
    return walks.store(camera, STAYS)


@pytest.fixture
def page_address(camera):
    return reverse("detection:replay", args=[camera.pk])


@pytest.fixture
def replayed(client, supervisor, page_address):
    client.force_login(supervisor)

    def posted(document, window="day", **headers):
        text = document if isinstance(document, str) else rule_drafts.as_yaml(document)
        posted = {"document": text, "window": window}
        return client.post(page_address, posted, headers=headers)

    return posted


def test_the_form_shows_the_saved_rules(client, supervisor, page_address, footage):
    client.force_login(supervisor)
    page = client.get(page_address)
    assert page.status_code == 200
    assert "linger" in page.context["text"]
    assert f"footage-{footage.pk}" in page.content.decode()


@pytest.mark.parametrize("window", ["hour", "day", "week"])
def test_a_window_is_compared(replayed, window):
    response = replayed(draft(threshold_seconds=5), window)
    assert response.status_code == 200
    difference = response.context["difference"]
    assert (len(difference.before), len(difference.after)) == (1, 2)
    page = response.content.decode()
    assert "1 appears" in page
    assert "<title>" in page.partition("lane")[2]


def test_one_recording_is_compared(replayed, camera, footage):
    other = walks.store(camera, [*STAYS, walks.Stay(70, 100, 0.3, 0.7)])
    for chosen, count in ((footage, 1), (other, 2)):
        difference = replayed(draft(), f"footage-{chosen.pk}").context["difference"]
        assert len(difference.after) == count
        assert difference.footage_count == 1


def test_the_draft_of_the_editor_is_shown_as_yaml(replayed):
    page = replayed(json.dumps(draft(threshold_seconds=5)))
    assert page.context["text"].startswith("zones:\n")
    assert len(page.context["difference"].after) == 2


def test_htmx_gets_the_result_alone(replayed):
    page = replayed(draft(threshold_seconds=5), HX_Request="true").content.decode()
    assert "<html" not in page
    assert 'id="replayed"' in page


@pytest.mark.parametrize("headers", [{}, {"HX_Request": "true"}], ids=["page", "htmx"])
def test_a_wrong_draft_is_named_and_kept(replayed, headers):
    response = replayed("rules:\n- kind: lurking\n", **headers)
    assert response.status_code == 422
    page = response.content.decode()
    assert 'id="refusal"' in page
    assert "rules[0].kind" in page
    assert headers or "lurking" in response.context["text"]


@pytest.mark.parametrize("window", ["year", "footage-", "footage-0", "footage-9999999999999999999"])
def test_an_unknown_film_is_not_there(replayed, window):
    assert replayed(draft(), window).status_code == 404


def test_another_cameras_film_is_not_there(replayed, site):
    other = walks.store(factories.camera(site), STAYS)
    assert replayed(draft(), f"footage-{other.pk}").status_code == 404


def test_without_tracks_it_says_so(client, supervisor, site):
    client.force_login(supervisor)
    bare = factories.camera(site)
    answer = client.post(reverse("detection:replay", args=[bare.pk]), {"document": "{}"})
    assert answer.status_code == 422
    assert answer.context["error"].code == "nothing_to_replay"


def test_a_reviewer_tries_but_does_not_save(client, reviewer, page_address):
    client.force_login(reviewer)
    page = client.post(page_address, {"document": json.dumps(draft(threshold_seconds=5))})
    assert len(page.context["difference"].after) == 2
    assert b"Save these rules" not in page.content


def test_the_replayed_rules_are_saved_from_here(client, supervisor, camera, page_address):
    client.force_login(supervisor)
    version = client.get(page_address).context["version"]
    posted = {"document": rule_drafts.as_yaml(draft(threshold_seconds=5)), "version": version}
    zones = reverse("detection:zones", args=[camera.pk])

    saved = client.post(zones, posted, headers={"HX-Request": "true"})
    late = client.post(zones, posted, headers={"HX-Request": "true"})

    assert saved["HX-Redirect"] == zones
    assert cameras.current_config(camera)["rules"][0]["threshold_seconds"] == 5
    assert late.status_code == 409
    page = late.content.decode()
    assert 'id="refusal"' in page
    assert rule_drafts.version_of(camera) in page


def test_a_draft_without_a_version_may_not_replace_anything(client, supervisor, page_address):
    """Nobody knows what it was made from."""
    client.force_login(supervisor)
    shown = client.post(page_address, {"document": json.dumps(draft(threshold_seconds=5))})
    assert shown.context["version"] == ""


def test_too_much_film_for_a_page_is_refused(replayed, monkeypatch):
    monkeypatch.setattr(rule_drafts, "MOST_SIGHTINGS", 10)
    answer = replayed(draft())
    assert answer.status_code == 422
    assert "manage.py replay" in answer.context["error"].message
