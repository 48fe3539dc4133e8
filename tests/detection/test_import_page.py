"""The import page: what will be is shown first, and a bad file brings nothing."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from detection.services import cameras, import_drafts, rule_drafts, rule_imports
from hitlsite.models import AuditEntry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

OWN = {
    "zones": [{"name": "door", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]}],
    "rules": [{"name": "entry", "kind": "restricted_zone_entry", "zones": ["door"]}],
}
PIXEL_ZONES = [
    {
        "id": 1,
        "name": "bay",
        "type": "restricted",
        "polygon": [[0, 0], [640, 0], [640, 360]],
        "rules_enabled": ["loitering"],
    }
]
NESTED = {"loitering": {"threshold_seconds": 45, "monitored_zones": ["bay"], "classes": ["person"]}}
FLAT = {"rapid_movement_threshold_pps": 400, "loitering_threshold_seconds": 20}


@pytest.fixture
def desk(client, supervisor):
    client.force_login(supervisor)
    return client


def address(camera):
    return reverse("detection:camera_import", args=[camera.pk])


def uploaded(name, content):
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    return SimpleUploadedFile(name, content)


def look(desk, camera, **values):
    return desk.post(address(camera), values)


def apply(desk, response):
    """Send back what the preview holds, as its button does."""
    context = response.context
    sent = {"document": context["preview"].document, "version": context["version"]}
    return desk.post(address(context["camera"]), sent)


class TestPreview:
    def test_our_own_form_pasted(self, desk, camera):
        response = look(desk, camera, rules_text=json.dumps(OWN))
        text = response.content.decode()

        assert response.status_code == 200
        assert "1 zone new: door" in text
        assert "1 rule new: entry" in text
        assert "Anything tracked is inside “door” for 1 s or longer." in text
        assert 'class="camera-zone camera-zone-restricted"' in text
        assert (camera.zones.count(), camera.rules.count()) == (0, 0)

    def test_pixels_of_another_system_uploaded(self, desk, camera):
        response = look(
            desk,
            camera,
            zones_file=uploaded("zones.json", PIXEL_ZONES),
            rules_file=uploaded("rules.json", NESTED),
            frame_size="1280x720",
        )
        config = response.context["preview"].result.config
        text = response.content.decode()

        assert config.zones[0].polygon == ((0, 0), (0.5, 0), (0.5, 0.5))
        assert "A person stays in “bay” for 45 s or longer." in text
        # What was uploaded stays, so that it can be changed and looked at again.
        assert "monitored_zones" in text
        assert "now: zones.json" in text

    def test_converted_thresholds_are_told(self, desk, camera):
        response = look(
            desk, camera, rules_text=json.dumps(FLAT), frame_size="1280x720", person_height="0.5"
        )
        notes = " ".join(response.context["preview"].result.notes)
        assert "400" in notes
        assert "360 px tall" in notes

    def test_the_size_of_the_latest_footage_is_offered(self, desk, camera):
        factories.footage(camera, width=1920, height=1080)
        assert 'value="1920x1080"' in desk.get(address(camera)).content.decode()

    def test_zones_alone_keep_the_rules(self, desk, camera):
        apply(desk, look(desk, camera, rules_text=json.dumps(OWN)))
        zones = [{**OWN["zones"][0], "kind": "restricted", "polygon": [[0, 0], [1, 0], [0, 1]]}]
        response = look(desk, camera, zones_text=json.dumps(zones))
        assert "1 zone changed: door" in response.content.decode()
        assert [rule.name for rule in response.context["preview"].result.config.rules] == ["entry"]

    def test_what_would_be_of_no_use_is_said(self, desk, camera):
        camera.detector = "motion"
        camera.save()
        rules = {**OWN, "rules": [{**OWN["rules"][0], "classes": ["person"]}]}
        text = look(desk, camera, rules_text=json.dumps(rules)).content.decode()
        assert "motion detection never says that" in text

    def test_nothing_new_is_said(self, desk, camera):
        apply(desk, look(desk, camera, rules_text=json.dumps(OWN)))
        text = look(desk, camera, rules_text=json.dumps(OWN)).content.decode()
        assert "Exactly what it has now." in text


class TestRefusals:
    @pytest.mark.parametrize(
        ("values", "named"),
        [
            ({}, "there is no file"),
            ({"rules_text": "zones: ["}, "rules"),
            ({"rules_text": json.dumps({**OWN, "zones": []})}, "rules[0].zones"),
            ({"zones_text": json.dumps(PIXEL_ZONES)}, "frame size"),
            ({"zones_text": json.dumps(PIXEL_ZONES), "frame_size": "wide"}, "frame size"),
            ({"rules_text": json.dumps(OWN), "frame_size": "0x9"}, "frame size"),
            ({"rules_text": json.dumps(OWN), "person_height": "tall"}, "Person height"),
            ({"rules_text": json.dumps(OWN), "frame_rate": "-1"}, "frame rate"),
        ],
    )
    def test_names_what_is_wrong_and_imports_nothing(self, desk, camera, values, named):
        response = look(desk, camera, **values)
        text = response.content.decode()
        assert response.status_code == 422
        assert named.lower() in response.context["error"].message.lower()
        assert "Nothing was imported." in text
        assert (camera.zones.count(), camera.rules.count()) == (0, 0)
        assert not AuditEntry.objects.filter(action="camera.rules_changed").exists()

    def test_names_the_uploaded_file_and_the_key(self, desk, camera):
        broken = {**OWN, "rules": [{"kind": "loitering", "threshold_seconds": -1}]}
        response = look(desk, camera, rules_file=uploaded("night.json", broken))
        message = response.context["error"].message
        assert "night.json" in message
        assert "rules[0].threshold_seconds" in message

    @pytest.mark.parametrize(
        ("content", "said"),
        [(b"\xff\xfe\x00zones", "UTF-8"), (b" " * (import_drafts.LARGEST_FILE + 1), "larger")],
    )
    def test_names_a_file_that_is_no_text(self, desk, camera, content, said):
        response = look(desk, camera, rules_file=uploaded("odd.yaml", content))
        assert response.status_code == 422
        assert "odd.yaml" in response.context["error"].message
        assert said in response.context["error"].message

    def test_markup_in_a_file_is_text(self, desk, camera):
        response = look(desk, camera, rules_text="</textarea><script>x</script>: [")
        assert "<script>x" not in response.content.decode()


class TestApply:
    def test_saves_what_was_looked_at(self, desk, camera, supervisor):
        response = apply(
            desk,
            look(
                desk,
                camera,
                zones_text=json.dumps(PIXEL_ZONES),
                rules_text=json.dumps(NESTED),
                frame_size="1280x720",
            ),
        )
        assert response.status_code == 303
        assert response.url == reverse("detection:camera", args=[camera.pk])
        assert camera.zones.get().polygon == [[0, 0], [0.5, 0], [0.5, 0.5]]
        assert camera.rules.get().parameters["threshold_seconds"] == 45
        entry = AuditEntry.objects.select_related("detail").get(action="camera.rules_changed")
        assert entry.actor == supervisor
        assert entry.detail.content["before"] == {"zones": [], "rules": []}
        assert "are imported" in desk.get(response.url).content.decode()

    def test_not_over_what_somebody_saved_in_between(self, desk, camera):
        seen = look(desk, camera, rules_text=json.dumps(OWN))
        cameras.apply_config(camera, rule_drafts.read_draft("rules: [{kind: loitering}]"))
        response = apply(desk, seen)
        assert response.status_code == 409
        assert camera.zones.count() == 0
        assert camera.rules.get().kind == "loitering"

    def test_not_over_what_was_saved_while_the_preview_was_made(self, desk, camera, monkeypatch):
        plan_import = rule_imports.plan_import

        def slow(*arguments, **texts):
            planned = plan_import(*arguments, **texts)
            cameras.apply_config(camera, rule_drafts.read_draft("rules: [{kind: loitering}]"))
            return planned

        monkeypatch.setattr(rule_imports, "plan_import", slow)
        seen = look(desk, camera, rules_text=json.dumps(OWN))
        assert "1 rule new: entry" in seen.content.decode()
        assert apply(desk, seen).status_code == 409
        assert camera.rules.get().kind == "loitering"

    @pytest.mark.parametrize("document", ["", "  "])
    def test_an_empty_document_clears_nothing(self, desk, camera, document):
        apply(desk, look(desk, camera, rules_text=json.dumps(OWN)))
        sent = {"document": document, "version": rule_drafts.version_of(camera)}
        response = desk.post(address(camera), sent)
        assert response.status_code == 422
        assert "The import is empty" in response.content.decode()
        assert camera.rules.count() == 1

    def test_what_was_tampered_with_is_refused(self, desk, camera):
        version = rule_drafts.version_of(camera)
        sent = {"document": "rules: [{kind: teleporting}]", "version": version}
        response = desk.post(address(camera), sent)
        assert response.status_code == 422
        assert "rules[0].kind" in response.content.decode()
        assert camera.rules.count() == 0
