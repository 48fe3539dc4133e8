"""The pages of the cameras: what they say, to whom, and what their form takes."""

import pytest
from django.urls import reverse
from django.utils import timezone

from detection.models import Camera, Segment, Snapshot
from detection.rules.config import parse_config
from detection.services import cameras, fleet
from hitlsite import people
from hitlsite.models import AuditEntry
from tests import factories
from tests.cast import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

SECRET = "rtsp://yard:hunter2@10.0.0.7/stream"
DOOR = {"name": "door", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]}
ENTRY = {"name": "entry", "kind": "restricted_zone_entry", "zones": ["door"]}
ENTRY |= {"classes": ["person"], "severity": "critical"}
NIGHT = [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "22:00", "to": "06:00"}]


def configure(camera, zones=(DOOR,), rules=(ENTRY,)):
    config = {"zones": list(zones), "rules": list(rules)}
    cameras.apply_config(camera, parse_config(config, file_name="rules"))


def snapshot(camera):
    source = camera.footage.first() or factories.footage(camera)
    return Snapshot.objects.create(
        camera=camera,
        footage=source,
        at_seconds=5.0,
        path="sites/1/snapshot/ab/abcd.jpg",
        sha256="ab" * 32,
        width=320,
        height=180,
        taken_at=factories.STARTS_AT,
    )


def open_page(client, user, name, *args):
    client.force_login(user)
    return client.get(reverse(f"detection:{name}", args=args))


def read(response):
    assert response.status_code == 200
    return response.content.decode()


class TestList:
    def test_without_cameras_a_supervisor_is_told_what_to_do(self, client, supervisor):
        text = read(open_page(client, supervisor, "cameras"))
        assert "No cameras yet" in text
        assert reverse("detection:camera_add") in text

    def test_without_cameras_a_reviewer_is_offered_nothing(self, client, reviewer):
        text = read(open_page(client, reviewer, "cameras"))
        assert "A supervisor can add one" in text
        assert reverse("detection:camera_add") not in text

    def test_says_how_each_camera_fares(self, client, camera, supervisor):
        configure(camera)
        source = factories.footage(camera, ended_at=timezone.now())
        incident = factories.incident(footage=source, with_files=False)
        type(incident).objects.filter(pk=incident.pk).update(opened_at=timezone.now())
        response = open_page(client, supervisor, "cameras")

        (card,) = response.context["cards"]
        assert card.fare.incident_count == 1
        assert card.fare.footage.state == "done"
        assert card.fare.footage.until == source.starts_at + timezone.timedelta(seconds=60)
        text = read(response)
        assert "1 zone" in text
        assert "1 rule" in text
        assert "2 Mar 2026, 09:01" in text
        assert reverse("detection:camera", args=[camera.pk]) in text

    def test_times_are_those_of_the_site(self, client, camera, supervisor):
        type(camera.site).objects.update(time_zone="Asia/Tokyo")
        factories.segment(factories.footage(camera))
        assert "2 Mar 2026, 18:0" in read(open_page(client, supervisor, "cameras"))

    def test_names_sites_only_where_there_are_several(self, client, camera, supervisor):
        assert "<h2>Harbour</h2>" not in read(open_page(client, supervisor, "cameras"))
        other = factories.site("Airfield")
        factories.camera(other, "Hangar")
        other.memberships.create(user=supervisor)
        text = read(open_page(client, supervisor, "cameras"))
        assert text.index("<h2>Airfield</h2>") < text.index("Hangar")
        assert text.index("Hangar") < text.index("<h2>Harbour</h2>") < text.index("Gate")

    def test_foreign_cameras_are_not_there(self, client, camera, outsider):
        assert "Gate" not in read(open_page(client, outsider, "cameras"))

    def test_costs_the_same_for_many(
        self, client, camera, supervisor, django_assert_max_num_queries
    ):
        for number in range(12):
            more = factories.camera(camera.site, f"More {number}")
            configure(more)
            factories.incident(more, with_files=False)
            snapshot(more)
        client.force_login(supervisor)
        with django_assert_max_num_queries(16):
            response = client.get(reverse("detection:cameras"))
        assert len(response.context["cards"]) == 13

    def test_pictures_are_for_those_who_may_see_them(self, client, camera, reviewer, supervisor):
        snapshot(camera)
        address = reverse("detection:snapshot", args=[camera.pk])
        assert address in read(open_page(client, reviewer, "cameras"))
        reviewer.groups.get().permissions.filter(codename="view_unredacted").delete()
        assert address not in read(open_page(client, reviewer, "cameras"))
        assert address in read(open_page(client, supervisor, "cameras"))

    @pytest.mark.parametrize("name", ["cameras", "camera_add"])
    def test_a_device_and_a_stranger_see_nothing(self, client, camera, device_user, name):
        assert client.get(reverse(f"detection:{name}")).status_code == 302
        assert open_page(client, device_user, name).status_code == 403


class TestDetail:
    def test_tells_rules_in_words(self, client, camera, reviewer):
        configure(camera, rules=[ENTRY | {"active_hours": NIGHT, "min_duration_seconds": 2}])
        text = read(open_page(client, reviewer, "camera", camera.pk))
        assert "A person is inside “door” for 2 s or longer." in text
        assert "Mon–Fri 22:00–06:00" in text
        assert "severity-critical" in text
        assert '<polygon class="camera-zone camera-zone-restricted"' in text

    def test_shows_footage_and_incidents(self, client, camera, reviewer):
        item = factories.item(factories.incident(camera, with_files=False))
        text = read(open_page(client, reviewer, "camera", camera.pk))
        assert reverse("review:item", args=[item.pk]) in text
        assert "Person loitering in entrance for 6 s" in text
        assert "1 incident" in text
        assert "watched" in text

    def test_an_incident_without_an_item_is_no_link(self, client, camera, reviewer):
        factories.incident(camera, with_files=False, whole=False)
        text = read(open_page(client, reviewer, "camera", camera.pk))
        assert "Loitering" in text
        assert "/items/" not in text

    def test_a_new_camera_says_what_comes_next(self, client, camera, supervisor):
        text = read(open_page(client, supervisor, "camera", camera.pk))
        assert "No rules yet" in text
        assert reverse("detection:zones", args=[camera.pk]) in text
        assert "Nothing was watched yet" in text

    def test_a_reviewer_reads_and_changes_nothing(self, client, camera, reviewer):
        Camera.objects.update(detect_url=SECRET)
        text = read(open_page(client, reviewer, "camera", camera.pk))
        for name in ("camera_edit", "camera_import"):
            assert reverse(f"detection:{name}", args=[camera.pk]) not in text
        assert "hunter2" not in text

    def test_a_supervisor_sees_the_address(self, client, camera, supervisor):
        Camera.objects.update(detect_url=SECRET)
        assert "hunter2" in read(open_page(client, supervisor, "camera", camera.pk))

    def test_names_that_are_markup_are_text(self, client, site, supervisor):
        camera = factories.camera(site, "<script>x</script>")
        configure(camera, [DOOR | {"name": "<b>door"}], [ENTRY | {"zones": ["<b>door"]}])
        for page in ("camera", "camera_edit"):
            text = read(open_page(client, supervisor, page, camera.pk))
            assert "<script>x" not in text
            assert "<b>door" not in text

    @pytest.mark.parametrize("name", ["camera", "camera_edit", "camera_import"])
    def test_a_foreign_camera_is_not_there(self, client, camera, name):
        foreigner = person("boss", people.SUPERVISOR, factories.site("Elsewhere"))
        assert open_page(client, foreigner, name, camera.pk).status_code == 404
        assert open_page(client, foreigner, name, 10**30).status_code == 404

    def test_what_cannot_be_read_is_said(self, client, camera, reviewer):
        camera.rules.create(name="odd", kind="teleporting")
        text = read(open_page(client, reviewer, "camera", camera.pk))
        assert "cannot be read" in text
        assert "cannot be read" in read(open_page(client, reviewer, "cameras"))


class TestWarnings:
    def told(self, camera):
        footage = fleet.recent_footage(camera)
        latest = footage[0] if footage else None
        return " ".join(fleet.warnings(camera, fleet.read_config(camera), latest))

    def test_no_rules(self, camera):
        assert "No rules yet" in self.told(camera)

    def test_all_is_well(self, camera):
        configure(camera)
        assert self.told(camera) == ""

    def test_motion_never_says_person(self, camera):
        configure(camera)
        camera.detector = "motion"
        assert "waits for person, and motion detection never says that" in self.told(camera)

    def test_rules_of_one_fault_share_a_sentence(self, camera):
        configure(
            camera,
            rules=[
                ENTRY,
                {"name": "long stay", "kind": "loitering", "classes": ["car"]},
                {"name": "bag", "kind": "object_left_unattended"},
            ],
        )
        camera.detector = "motion"
        told = self.told(camera)
        assert "Rules “entry” and “long stay” wait for person or car" in told
        assert "Rule “bag” needs a detector that knows people" in told

    def test_motion_that_serves_for_want_of_weights(self, camera):
        configure(camera)
        served = factories.deployment(backend="motion", class_names=["moving"])
        factories.segment(factories.footage(camera, deployment=served))
        assert "motion detection" in self.told(camera)

    def test_a_rule_that_means_people_though_it_does_not_say_so(self, camera):
        configure(camera, rules=[{"name": "fight", "kind": "aggression"}])
        camera.detector = "motion"
        assert "Rule “fight” needs a detector that knows people" in self.told(camera)

    def test_rules_about_whatever_moves_are_fine(self, camera):
        configure(camera, rules=[ENTRY | {"classes": ["person", "moving"]}])
        camera.detector = "motion"
        assert self.told(camera) == ""

    def test_a_restricted_zone_that_nobody_watches(self, camera):
        configure(camera, rules=[{"kind": "loitering"}])
        assert "restricted zone" in self.told(camera)

    def test_failed_footage(self, camera):
        configure(camera)
        source = factories.footage(camera)
        message = "lobby.mp4: it can no longer be read."
        factories.segment(source, state=Segment.State.FAILED, error_message=message)
        assert message in self.told(camera)


class TestFootageState:
    @pytest.mark.parametrize(
        ("segments", "columns", "state", "seconds"),
        [
            ([("done", None), ("running", 75.0)], {"duration_seconds": 200.0}, "running", 75.0),
            ([("done", None), ("queued", 60.0)], {"duration_seconds": 200.0}, "waiting", 60.0),
            ([("failed", 20.0)], {"duration_seconds": 200.0}, "failed", 20.0),
            ([("done", None)], {"ended_at": factories.STARTS_AT}, "done", 60.0),
            ([("done", None)], {"damage": "It breaks off."}, "damaged", 60.0),
            ([("done", None), ("done", None)], {"duration_seconds": None}, "done", 120.0),
            ([], {}, "done", 0.0),
        ],
    )
    def test_how_far_it_is(self, camera, segments, columns, state, seconds):
        source = factories.footage(camera, **columns)
        for position, (held, checkpoint) in enumerate(segments):
            factories.segment(source, position, state=held, checkpoint_seconds=checkpoint)
        (found,) = fleet.recent_footage(camera)
        assert found.state == state
        assert (found.until - source.starts_at).total_seconds() == seconds


def form(**values):
    return {
        "name": "Yard",
        "detect_url": SECRET,
        "record_url": "",
        "sampling_fps": "5",
        "detector": "motion",
        "tracker": "botsort",
        "lost_seconds": "2",
        "is_enabled": "on",
    } | values


class TestForm:
    @pytest.fixture
    def desk(self, client, supervisor):
        client.force_login(supervisor)
        return client

    def add(self, desk, **values):
        return desk.post(reverse("detection:camera_add"), form(**values))

    def test_adds_a_camera(self, desk, site, supervisor):
        response = self.add(desk, site=site.pk, estimates_poses="on")
        camera = Camera.objects.get(name="Yard")
        assert response.status_code == 303
        assert response.url == reverse("detection:camera", args=[camera.pk])
        assert (camera.site, camera.detect_url, camera.estimates_poses) == (site, SECRET, True)
        entry = AuditEntry.objects.select_related("detail").get(action="camera.added")
        assert entry.actor == supervisor
        assert "hunter2" not in str(entry.detail.content)
        assert "Yard is added" in read(desk.get(response.url))

    def test_one_site_is_not_asked_for(self, desk, site):
        factories.site("Foreign")
        text = read(desk.get(reverse("detection:camera_add")))
        assert f'<input type="hidden" name="site" value="{site.pk}"' in text
        assert "Foreign" not in text

    def test_several_sites_are_offered(self, desk, site, supervisor):
        factories.site("Airfield").memberships.create(user=supervisor)
        text = read(desk.get(reverse("detection:camera_add")))
        assert '<select name="site"' in text
        assert "Airfield" in text

    def test_not_at_a_foreign_site(self, desk):
        response = self.add(desk, site=factories.site("Foreign").pk)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == ["site"]
        assert Camera.objects.count() == 0

    def test_changes_a_camera(self, desk, camera, supervisor):
        response = desk.post(
            reverse("detection:camera_edit", args=[camera.pk]), form(name="Gate 2", is_enabled="")
        )
        assert response.status_code == 303
        camera.refresh_from_db()
        assert (camera.name, camera.is_enabled) == ("Gate 2", False)
        entry = AuditEntry.objects.get(action="camera.changed")
        assert entry.actor == supervisor

    def test_a_site_cannot_be_changed(self, desk, camera, supervisor):
        other = factories.site("Airfield")
        other.memberships.create(user=supervisor)
        address = reverse("detection:camera_edit", args=[camera.pk])
        desk.post(address, form(site=other.pk))
        camera.refresh_from_db()
        assert camera.site.name == "Harbour"

    def test_editing_leaves_zones_and_rules_alone(self, desk, camera):
        configure(camera)
        desk.post(reverse("detection:camera_edit", args=[camera.pk]), form())
        assert (camera.zones.count(), camera.rules.count()) == (1, 1)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "Gate"}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"name": "a\x00b"}, "name"),
            ({"detect_url": "/etc/passwd"}, "detect_url"),
            ({"detect_url": "file:///etc/passwd"}, "detect_url"),
            ({"record_url": "rtsp://"}, "record_url"),
            ({"detector": "../secret.pt"}, "detector"),
            ({"detector": "nowhere.pt"}, "detector"),
            ({"sampling_fps": "0"}, "sampling_fps"),
            ({"sampling_fps": "nan"}, "sampling_fps"),
            ({"tracker": "guess"}, "tracker"),
            ({"lost_seconds": "inf"}, "lost_seconds"),
        ],
    )
    def test_a_bad_column_is_named_and_what_was_typed_stays(
        self, desk, camera, site, values, field
    ):
        response = self.add(desk, site=site.pk, **values)
        assert response.status_code == 422
        assert list(response.context["form"].errors) == [field]
        text = response.content.decode()
        assert "Not saved." in text
        assert 'aria-invalid="true"' in text
        assert Camera.objects.count() == 1

    @pytest.mark.parametrize("name", ["camera_add", "camera_edit", "camera_import"])
    def test_is_not_for_reviewers(self, client, camera, reviewer, name):
        args = [] if name == "camera_add" else [camera.pk]
        client.force_login(reviewer)
        address = reverse(f"detection:{name}", args=args)
        assert client.get(address).status_code == 403
        assert client.post(address, form()).status_code == 403
        assert AuditEntry.objects.count() == 0

    def test_weights_at_hand_are_offered(self, desk, settings, tmp_path):
        settings.MODEL_DIR = tmp_path
        for name in ("ours.onnx", "yolo11n.pt", "yolov8n-pose.pt", "face_detection.onnx", "x.txt"):
            (tmp_path / name).touch()
        response = desk.get(reverse("detection:camera_add"))
        offered = response.context["form"].known_detectors
        assert offered == ["auto", "motion", "ours.onnx", "yolo11n.pt"]
