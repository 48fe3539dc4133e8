"""The admin of detection: cameras and devices through services, the rest to be read."""

import pytest
import yaml
from django.contrib import admin
from django.urls import reverse
from knox.models import get_token_model

from detection import models
from detection.models import Camera, Device, Evidence, Photo
from detection.services import cameras, devices
from hitlsite import audit
from hitlsite.models import AuditEntry
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

ZONES = {
    "zones": [{"name": "door", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]}],
    "rules": [{"name": "entry", "kind": "restricted_zone_entry", "zones": ["door"]}],
}
INLINES = ("zones", "rules")
MANAGED = ("camera", "device", "footage", "incident", "evidence", "deployment", "photo")


def change_url(row):
    return reverse(f"admin:detection_{row._meta.model_name}_change", args=[row.pk])


def camera_form(camera=None, **values):
    """Return what a browser would send for a camera as it is, with ``values`` changed."""
    form = {
        "name": "Yard",
        "detect_url": "",
        "record_url": "",
        "sampling_fps": "5",
        "detector": "motion",
        "tracker": "botsort",
        "lost_seconds": "2",
        "is_enabled": "on",
        "zones_and_rules": "",
    }
    if camera:
        form |= {name: getattr(camera, name) for name in form if hasattr(camera, name)}
        config = cameras.current_config(camera)
        form["zones_and_rules"] = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        for prefix in INLINES:
            form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return form | values


def errors_of(response):
    assert response.status_code == 200
    form = response.context["adminform"].form
    return {field: " ".join(messages) for field, messages in form.errors.items()}


class TestCamera:
    @pytest.fixture
    def desk(self, client, supervisor):
        client.force_login(supervisor)
        return client

    def test_a_supervisor_adds_one_at_an_own_site(self, desk, site, supervisor):
        factories.site("Foreign")
        page = desk.get(reverse("admin:detection_camera_add")).content.decode()
        assert "Harbour" in page
        assert "Foreign" not in page
        values = camera_form(site=site.pk, zones_and_rules=yaml.safe_dump(ZONES))
        response = desk.post(reverse("admin:detection_camera_add"), values)
        assert response.status_code == 302
        camera = Camera.objects.get(name="Yard")
        assert camera.zones.get().polygon == [[0, 0], [1, 0], [1, 1]]
        assert camera.rules.get().parameters["min_duration_seconds"] == 1
        actions = AuditEntry.objects.order_by("sequence").values_list("action", "actor")
        assert list(actions) == [
            ("camera.added", supervisor.pk),
            ("camera.rules_changed", supervisor.pk),
        ]
        assert audit.verify().is_whole

    def test_not_at_a_foreign_site(self, desk):
        foreign = factories.site("Foreign")
        response = desk.post(reverse("admin:detection_camera_add"), camera_form(site=foreign.pk))
        assert list(errors_of(response)) == ["site"]
        assert Camera.objects.count() == 0

    @pytest.mark.parametrize(
        ("zones_and_rules", "named"),
        [
            ("zones: [{name: door, polygon: [[0, 0], [2, 0], [1, 1]]}]", "zones[0].polygon[1]"),
            ("zones: [{name: door, polygon: [[0, 0], [1, 1]]}]", "at least 3 points"),
            ("rules: [{kind: loitering, threshold_seconds: -3}]", "rules[0].threshold_seconds"),
            ("rules: [{kind: loitering, zones: [hall]}]", "hall"),
            ("rules: [{kind: teleporting}]", "rules[0].kind"),
            ("zones: [", "zones and rules"),
            ("just a sentence", "must be a mapping"),
        ],
    )
    def test_a_bad_zone_or_rule_is_a_form_error_and_saves_nothing(
        self, desk, camera, zones_and_rules, named
    ):
        before = AuditEntry.objects.count()
        values = camera_form(camera, name="Renamed", zones_and_rules=zones_and_rules)
        response = desk.post(change_url(camera), values)
        assert named in errors_of(response)["zones_and_rules"]
        camera.refresh_from_db()
        assert (camera.name, camera.zones.count(), camera.rules.count()) == ("Gate", 0, 0)
        assert AuditEntry.objects.count() == before

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"detect_url": "/etc/passwd"}, "detect_url"),
            ({"detect_url": "file:///etc/passwd"}, "detect_url"),
            ({"record_url": "rtsp://"}, "record_url"),
            ({"detect_url": "http://[::1"}, "detect_url"),
            ({"detector": "../secret.pt"}, "detector"),
            ({"detector": "/etc/passwd"}, "detector"),
            ({"detector": "nowhere.pt"}, "detector"),
            ({"detector": ""}, "detector"),
            ({"sampling_fps": "0"}, "sampling_fps"),
            ({"sampling_fps": "nan"}, "sampling_fps"),
            ({"tracker": "guess"}, "tracker"),
            ({"lost_seconds": "-1"}, "lost_seconds"),
            ({"name": ""}, "name"),
            ({"name": "Door"}, "name"),
        ],
    )
    def test_a_bad_column_is_named(self, desk, camera, values, field):
        factories.camera(camera.site, "Door")
        response = desk.post(change_url(camera), camera_form(camera, **values))
        assert list(errors_of(response)) == [field]

    def test_a_change_is_recorded_without_passwords(self, desk, camera):
        values = camera_form(camera, detect_url="rtsp://me:secret@cam/1", sampling_fps="10")
        assert desk.post(change_url(camera), values).status_code == 302
        camera.refresh_from_db()
        assert camera.detect_url == "rtsp://me:secret@cam/1"
        entry = AuditEntry.objects.get()
        assert entry.action == "camera.changed"
        assert entry.detail.content == {"detect_url": "set", "sampling_fps": 10.0}

    def test_saving_without_a_change_records_nothing_and_keeps_the_rules(self, desk, camera):
        from detection.rules.config import parse_config

        cameras.apply_config(camera, parse_config(ZONES, file_name="rules"))
        told = list(camera.rules.values()), AuditEntry.objects.count()
        assert desk.post(change_url(camera), camera_form(camera)).status_code == 302
        assert (list(camera.rules.values()), AuditEntry.objects.count()) == told

    def test_weights_of_the_model_directory_are_taken(self, desk, camera, settings, tmp_path):
        settings.MODEL_DIR = tmp_path
        (tmp_path / "own.pt").write_bytes(b"x")
        values = camera_form(camera, detector="own.pt")
        assert desk.post(change_url(camera), values).status_code == 302

    def test_a_reviewer_reads_all_but_addresses(self, client, camera, reviewer):
        Camera.objects.filter(pk=camera.pk).update(detect_url="rtsp://me:secret@cam/1")
        client.force_login(reviewer)
        page = client.get(change_url(camera))
        assert "Gate" in page.content.decode()
        assert "secret" not in page.content.decode()
        assert client.post(change_url(camera), camera_form(camera, name="X")).status_code == 403
        assert client.get(reverse("admin:detection_camera_add")).status_code == 403

    def test_nobody_deletes_one(self, client, camera, superuser):
        client.force_login(superuser)
        url = reverse("admin:detection_camera_delete", args=[camera.pk])
        assert client.post(url, {"post": "yes"}).status_code == 403


class TestDevice:
    @pytest.fixture
    def desk(self, client, admin_user):
        client.force_login(admin_user)
        return client

    def act(self, desk, action, *rows):
        values = {"action": action, "_selected_action": [row.pk for row in rows]}
        return desk.post(reverse("admin:detection_device_changelist"), values, follow=True)

    def test_adding_shows_the_token_once(self, desk, camera, admin_user):
        values = {"camera": camera.pk, "name": "phone"}
        page = desk.post(reverse("admin:detection_device_add"), values, follow=True)
        device = Device.objects.get()
        key = get_token_model().objects.get(user=device.user).token_key
        assert key in page.content.decode()
        assert key not in desk.get(reverse("admin:detection_device_changelist")).content.decode()
        assert key not in desk.get(change_url(device)).content.decode()
        assert AuditEntry.objects.get(action="device.added").actor == admin_user

    @pytest.mark.parametrize("name", ["", "phone"])
    def test_a_bad_name_is_a_form_error(self, desk, camera, name):
        devices.add_device(camera, "phone")
        values = {"camera": camera.pk, "name": name}
        response = desk.post(reverse("admin:detection_device_add"), values)
        assert errors_of(response)
        assert Device.objects.count() == 1

    def test_not_for_a_foreign_camera(self, desk):
        values = {"camera": factories.camera().pk, "name": "phone"}
        response = desk.post(reverse("admin:detection_device_add"), values)
        assert list(errors_of(response)) == ["camera"]

    def test_revoking(self, desk, camera):
        device, _ = devices.add_device(camera, "phone")
        page = self.act(desk, "revoke", device)
        assert [str(one) for one in page.context["messages"]] == ["phone for Gate is revoked."]
        assert Device.objects.get().revoked_at
        assert "is revoked" in self.act(desk, "add_token", device).content.decode()

    def test_another_token(self, desk, camera):
        device, first = devices.add_device(camera, "phone")
        page = self.act(desk, "add_token", device).content.decode()
        keys = set(device.user.auth_token_set.values_list("token_key", flat=True))
        assert len(keys) == 2
        assert (keys - {first[:15]}).pop() in page

    def test_a_foreign_device_is_out_of_reach(self, desk):
        device, _ = devices.add_device(factories.camera(), "phone")
        self.act(desk, "revoke", device)
        assert Device.objects.get().revoked_at is None

    def test_a_supervisor_does_not_see_devices(self, client, supervisor):
        client.force_login(supervisor)
        assert client.get(reverse("admin:detection_device_changelist")).status_code == 403


class TestReading:
    @pytest.fixture
    def rows(self, camera):
        """One row of everything, in a camera of the site."""
        incident = factories.incident(camera)
        device, _ = devices.add_device(camera, "phone")
        photo = Photo.objects.create(
            camera=camera,
            device=device,
            received_sha256="1" * 64,
            path="sites/1/photos/11/1.jpg",
            sha256="2" * 64,
            width=40,
            height=24,
            captured_at=factories.STARTS_AT,
        )
        photo.detections.create(
            deployment=incident.deployment,
            class_name="person",
            score=0.9,
            box_xyxy=[0.1, 0.2, 0.3, 0.4],
        )
        evidence = incident.evidence.first()
        rows = [camera, device, incident.footage, incident, evidence, incident.deployment, photo]
        return dict(zip(MANAGED, rows, strict=True))

    @pytest.mark.parametrize("name", MANAGED)
    def test_every_page_opens(self, client, rows, superuser, name):
        client.force_login(superuser)
        assert client.get(reverse(f"admin:detection_{name}_changelist")).status_code == 200
        assert client.get(change_url(rows[name])).status_code == 200

    @pytest.mark.parametrize("name", ["footage", "incident", "evidence", "deployment", "photo"])
    def test_what_was_recorded_is_read_only(self, client, rows, superuser, name):
        client.force_login(superuser)
        assert client.get(reverse(f"admin:detection_{name}_add")).status_code == 403
        assert client.post(change_url(rows[name]), {}).status_code == 403
        url = reverse(f"admin:detection_{name}_delete", args=[rows[name].pk])
        assert client.post(url, {"post": "yes"}).status_code == 403

    @pytest.mark.parametrize("name", [one for one in MANAGED if one != "deployment"])
    def test_a_foreign_row_is_not_there(self, client, rows, admin_user, name):
        from django.contrib.auth.models import Permission

        admin_user.memberships.all().delete()
        admin_user.user_permissions.set(Permission.objects.all())
        client.force_login(admin_user)
        assert client.get(change_url(rows[name])).status_code == 404
        listed = client.get(reverse(f"admin:detection_{name}_changelist"))
        assert listed.context["cl"].result_count == 0
        # The menu of the admin has gate decisions.
        assert "Gate" not in listed.content.decode().replace("Gate decisions", "")

    def test_an_incident_tells_its_story(self, client, rows, reviewer):
        client.force_login(reviewer)
        page = client.get(change_url(rows["incident"])).content.decode()
        hit = rows["incident"].rule_hits.first()
        assert hit.why in page
        assert "closed" in page

    @pytest.mark.parametrize("name", ["incident", "evidence", "photo", "footage"])
    def test_no_page_names_a_stored_file(self, client, rows, superuser, name):
        client.force_login(superuser)
        page = client.get(change_url(rows[name])).content.decode()
        assert "sites/" not in page
        for path in Evidence.objects.values_list("path", flat=True):
            assert path not in page

    def test_a_device_is_no_staff(self, client, rows):
        client.force_login(rows["device"].user)
        response = client.get(reverse("admin:detection_camera_changelist"))
        assert response.status_code == 302
        assert "login" in response.url

    @pytest.mark.parametrize("name", ["camera", "device", "footage", "incident", "photo"])
    def test_a_list_costs_the_same_for_many(
        self, client, rows, superuser, name, django_assert_max_num_queries
    ):
        site = rows["camera"].site
        for number in range(8):
            camera = factories.camera(site, f"More {number}")
            factories.incident(camera, with_files=False)
            devices.add_device(camera, "phone")
        client.force_login(superuser)
        with django_assert_max_num_queries(14):
            client.get(reverse(f"admin:detection_{name}_changelist"))


def test_every_registered_admin_hides_foreign_rows():
    from hitlsite.admin import VisibleAdmin

    ours = [
        one for one in admin.site._registry.items() if one[0].__module__.startswith("detection")
    ]
    assert {model.__name__ for model, _ in ours} >= {"Camera", "Device", "Photo"}
    assert all(isinstance(registered, VisibleAdmin) for _, registered in ours)
    assert models.Zone not in admin.site._registry
