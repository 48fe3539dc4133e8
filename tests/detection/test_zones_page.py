"""The zone editor's page: who may see it, what is saved and what is refused, and the effect."""

import json

import pytest
from django.urls import reverse

from detection.rules.config import parse_config
from detection.services import cameras, rule_drafts, snapshots
from hitlsite.models import AuditEntry
from tests.detection import walks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

LEFT = {"name": "left", "kind": "monitored", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
HALL = {"name": "hall", "kind": "private", "polygon": [[0.8, 0], [1, 0], [1, 1]]}
BOW = [[0, 0], [1, 1], [1, 0], [0, 1]]
LINGER = {"name": "linger", "kind": "loitering", "zones": ["left"], "threshold_seconds": 10}
SAVED = {"zones": [LEFT], "rules": [LINGER]}


@pytest.fixture(autouse=True)
def _configured(camera):
    cameras.apply_config(camera, parse_config(SAVED, file_name="test"))


@pytest.fixture
def film(camera):
    """Somebody for 8 s and somebody for 20 s at the left, somebody for 30 s at the right."""
    stays = [
        walks.Stay(5, 13, 0.2, 0.7),
        walks.Stay(30, 50, 0.3, 0.7),
        walks.Stay(60, 90, 0.7, 0.7),
    ]
    return walks.store(camera, stays)


def address(name, camera):
    return reverse(f"detection:{name}", args=[camera.pk])


def draft(**changes):
    """Return the saved rules with the only rule's entries changed."""
    return {"zones": [LEFT], "rules": [{**LINGER, **changes}]}


def save(client, camera, document, *, version=None, text=None, **headers):
    version = rule_drafts.version_of(camera) if version is None else version
    posted = {"document": text or json.dumps(document), "version": version}
    return client.post(address("zones", camera), posted, headers=headers)


def thresholds(camera):
    return [rule["threshold_seconds"] for rule in cameras.current_config(camera)["rules"]]


class TestWhoMay:
    def test_a_supervisor_edits(self, client, supervisor, camera):
        client.force_login(supervisor)
        response = client.get(address("zones", camera))
        assert response.status_code == 200
        assert b"data-save" in response.content
        assert response["Cache-Control"] == "private, no-store"

    def test_a_reviewer_only_reads(self, client, reviewer, camera):
        client.force_login(reviewer)
        page = client.get(address("zones", camera))
        assert page.status_code == 200
        assert b"linger" in page.content
        assert b"data-save" not in page.content
        assert save(client, camera, draft(threshold_seconds=20)).status_code == 403
        assert client.post(address("effect", camera), {"document": "{}"}).status_code == 403
        assert thresholds(camera) == [10]

    @pytest.mark.parametrize("name", ["zones", "effect", "replay"])
    def test_a_foreign_camera_is_not_there(self, client, superuser, outsider, camera, name):
        outsider.user_permissions.set(superuser.user_permissions.all())
        outsider.groups.set(type(outsider.groups.first()).objects.filter(name="supervisor"))
        client.force_login(outsider)
        for answer in (
            client.get(address(name, camera)),
            client.post(address(name, camera), {"document": "{}", "version": "x"}),
        ):
            assert answer.status_code in (303, 404)
            assert b"linger" not in answer.content
        assert thresholds(camera) == [10]

    @pytest.mark.parametrize("name", ["zones", "effect", "replay"])
    def test_strangers_sign_in_first(self, client, camera, name):
        for answer in (client.get(address(name, camera)), client.post(address(name, camera))):
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("login"))


class TestSaving:
    @pytest.fixture(autouse=True)
    def _signed_in(self, client, supervisor):
        client.force_login(supervisor)

    def test_json_is_saved_and_audited(self, client, supervisor, camera):
        response = save(client, camera, draft(threshold_seconds=25))
        assert response.status_code == 303
        assert thresholds(camera) == [25]
        entry = AuditEntry.objects.filter(action="camera.rules_changed").first()
        assert entry.actor == supervisor
        assert entry.site == camera.site
        assert entry.detail.content["before"]["rules"][0]["threshold_seconds"] == 10
        assert entry.detail.content["after"]["rules"][0]["threshold_seconds"] == 25

    def test_the_text_of_the_page_is_what_it_shows(self, client, camera):
        page = client.get(address("zones", camera))
        text = page.context["text"]
        assert save(client, camera, None, text=text).status_code == 303
        assert thresholds(camera) == [10]
        assert AuditEntry.objects.filter(action="camera.rules_changed").count() == 1

    def test_yaml_is_taken_too(self, client, camera):
        text = rule_drafts.as_yaml(draft(threshold_seconds=40))
        assert save(client, camera, None, text=text).status_code == 303
        assert thresholds(camera) == [40]

    def test_a_script_gets_the_next_version(self, client, camera):
        first = save(client, camera, draft(threshold_seconds=11), accept="application/json")
        version = first.json()["version"]
        assert version == rule_drafts.version_of(camera)
        second = draft(threshold_seconds=12)
        again = save(client, camera, second, version=version, accept="application/json")
        assert again.status_code == 200
        assert thresholds(camera) == [12]

    def test_what_was_overtaken_is_refused_and_kept(self, client, admin_user, camera):
        stale = rule_drafts.version_of(camera)
        theirs = parse_config(draft(threshold_seconds=60), file_name="test")
        cameras.apply_config(camera, theirs, actor=admin_user)

        response = save(client, camera, draft(threshold_seconds=33), version=stale)

        assert response.status_code == 409
        assert thresholds(camera) == [60]
        page = response.content.decode()
        assert "admin has saved other zones and rules of Gate" in page
        assert response.context["draft"]["rules"][0]["threshold_seconds"] == 33
        assert "&quot;threshold_seconds&quot;: 33" in page

    def test_a_script_is_told_what_overtook_it(self, client, camera):
        response = save(client, camera, draft(), version="old", accept="application/json")
        assert response.status_code == 409
        assert response.json()["error"]["code"] == "rules_overtaken"
        assert response.json()["version"] == rule_drafts.version_of(camera)

    @pytest.mark.parametrize(
        ("document", "field"),
        [
            (draft(threshold_seconds=-1), "rules[0].threshold_seconds"),
            (draft(zones=["cellar"]), "rules[0].zones[0]"),
            (draft(active_hours=[{"from": "22:00", "to": "6"}]), "rules[0].active_hours[0].to"),
            (
                {"zones": [{**LEFT, "polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}]},
                "zones[0].polygon",
            ),
            ({"zones": [LEFT, LEFT]}, "zones[1].name"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_refusal_names_the_field(self, client, camera, document, field):
        before = cameras.current_config(camera)
        scripted = save(client, camera, document, accept="application/json")
        assert scripted.status_code == 422
        assert list(scripted.json()["error"]["fields"]) == [field]
        plain = save(client, camera, document)
        assert plain.status_code == 422
        assert field in plain.content.decode()
        assert cameras.current_config(camera) == before
        assert AuditEntry.objects.filter(action="camera.rules_changed").count() == 1

    def test_correcting_a_refused_draft_undoes_nobodys_work(self, client, admin_user, camera):
        stale = rule_drafts.version_of(camera)
        theirs = parse_config(draft(threshold_seconds=60), file_name="test")
        cameras.apply_config(camera, theirs, actor=admin_user)

        refused = save(client, camera, draft(threshold_seconds=-1), version=stale)
        assert (refused.status_code, refused.context["version"]) == (422, stale)
        corrected = draft(threshold_seconds=33)
        late = save(client, camera, corrected, version=refused.context["version"])
        assert (late.status_code, thresholds(camera)) == (409, [60])
        # Having read that somebody else saved, one may replace it.
        assert save(client, camera, corrected, version=late.context["version"]).status_code == 303
        assert thresholds(camera) == [33]

    def test_a_page_names_the_version_of_what_it_shows(self, client, camera, monkeypatch):
        """Somebody saves while the page is made."""

        def slow(*arguments):
            cameras.apply_config(camera, parse_config(draft(threshold_seconds=60), file_name="t"))

        monkeypatch.setattr(snapshots, "find", slow)
        shown = client.get(address("zones", camera)).context
        assert shown["saved"]["rules"][0]["threshold_seconds"] == 10
        late = save(client, camera, shown["saved"], version=shown["version"])
        assert (late.status_code, thresholds(camera)) == (409, [60])

    @pytest.mark.parametrize("posted", [{}, {"document": ""}, {"document": " \n\t"}])
    @pytest.mark.parametrize(
        "headers", [{}, {"Accept": "application/json"}, {"HX-Request": "true"}]
    )
    def test_nothing_sent_clears_nothing(self, client, camera, posted, headers):
        posted = {**posted, "version": rule_drafts.version_of(camera)}
        response = client.post(address("zones", camera), posted, headers=headers)
        assert response.status_code == 422
        assert "The draft is empty" in response.content.decode()
        assert (camera.zones.count(), camera.rules.count()) == (1, 1)

    @pytest.mark.parametrize("text", ["{}", "zones: []\nrules: []\n"])
    def test_to_clear_everything_is_said(self, client, camera, text):
        assert save(client, camera, None, text=text).status_code == 303
        assert (camera.zones.count(), camera.rules.count()) == (0, 0)

    def test_a_refusal_reads_as_a_sentence(self, client, camera):
        page = save(client, camera, draft(threshold_seconds=-1)).content.decode()
        assert "The draft: rules[0].threshold_seconds must be a number" in page

    @pytest.mark.parametrize(
        "text", ["zones: [", "[]", "3", "zones: 7", "rules: [3]", "x" * 300_000]
    )
    def test_anything_may_be_sent(self, client, camera, text):
        assert save(client, camera, None, text=text).status_code == 422
        answer = client.post(address("effect", camera), {"document": text})
        assert answer.status_code == 422
        assert thresholds(camera) == [10]

    def test_a_private_zone_is_kept(self, client, camera):
        document = {"zones": [LEFT, HALL], "rules": [LINGER]}
        assert save(client, camera, document).status_code == 303
        assert cameras.private_polygons(camera) == [HALL["polygon"]]


class TestEffect:
    @pytest.fixture(autouse=True)
    def _signed_in(self, client, supervisor):
        client.force_login(supervisor)

    def effect(self, client, camera, document, **headers):
        posted = {"document": json.dumps(document)}
        return client.post(address("effect", camera), posted, headers=headers)

    def test_it_tells_what_appears_and_disappears(self, client, camera, film):
        wide = {**LEFT, "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}
        document = {"zones": [wide], "rules": [LINGER]}
        response = self.effect(client, camera, document, HX_Request="true")
        difference = response.context["difference"]
        assert response.status_code == 200
        assert (len(difference.before), len(difference.after)) == (1, 1)
        assert len(difference.appeared) == len(difference.disappeared) == 1
        page = response.content.decode()
        assert "<html" not in page
        assert page.count("mark-appeared") == page.count("mark-disappeared") == 1
        assert "person loitering in left" in page
        assert thresholds(camera) == [10]

    def test_times_are_the_sites(self, client, camera, film):
        type(camera.site).objects.filter(pk=camera.site_id).update(time_zone="Asia/Tokyo")
        page = self.effect(client, camera, draft(threshold_seconds=90)).content.decode()
        assert "2 Mar 18:00:" in page

    def test_without_film_it_says_so(self, client, camera):
        response = self.effect(client, camera, draft())
        assert response.status_code == 200
        assert response.context["error"].code == "nothing_to_replay"
        assert b"notice-info" in response.content

    def test_a_wrong_draft_is_named(self, client, camera, film):
        response = self.effect(client, camera, draft(threshold_seconds="soon"))
        assert response.status_code == 422
        assert b"rules[0].threshold_seconds" in response.content

    def test_it_is_a_page_without_a_script(self, client, camera, film):
        page = self.effect(client, camera, draft(threshold_seconds=5)).content.decode()
        assert "<html" in page
        assert "1 appears" in page
