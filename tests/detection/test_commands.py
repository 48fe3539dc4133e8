"""The commands of detection: one line on a refusal, a token on standard output only."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from detection.models import Device
from detection.vision import weights
from hitlsite.models import Site
from tests import factories

pytestmark = pytest.mark.django_db


def run(*arguments, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def refusal_of(*arguments, **options):
    with pytest.raises(CommandError) as refusal:
        run(*arguments, **options)
    assert refusal.value.returncode == 2
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


class TestAddDevice:
    def test_the_token_alone_is_on_standard_output(self, camera):
        out, err = run("add_device", camera="Gate", name="phone")
        device = Device.objects.get()
        key = device.user.auth_token_set.get().token_key
        assert out.strip().startswith(key)
        assert len(out.split()) == 1
        assert "phone" in err

    def test_an_unknown_camera_makes_nothing(self, db):
        assert "Nowhere" in refusal_of("add_device", camera="Nowhere", name="phone")
        assert (Site.objects.count(), Device.objects.count()) == (0, 0)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"camera": "Gate", "name": ""}, "name"),
            ({"camera": "", "name": "phone"}, "no camera"),
            ({"camera": "Gate", "name": "phone", "site": "Nowhere"}, "Nowhere"),
        ],
    )
    def test_bad_input_is_named(self, camera, options, named):
        assert named in refusal_of("add_device", **options)

    def test_a_camera_of_two_sites_needs_the_site(self, camera):
        other = factories.camera(factories.site("Depot"), "Gate")
        assert "--site" in refusal_of("add_device", camera="Gate", name="phone")
        run("add_device", camera="Gate", name="phone", site="Depot")
        assert Device.objects.get().camera == other

    def test_twice_is_refused(self, camera):
        run("add_device", camera="Gate", name="phone")
        assert "already" in refusal_of("add_device", camera="Gate", name="phone")


class TestRevokeDevice:
    def test_it_is_gone(self, camera):
        run("add_device", camera="Gate", name="phone")
        out, _ = run("revoke_device", camera="Gate", name="phone")
        assert "phone for Gate is revoked" in out
        assert Device.objects.get().user.auth_token_set.count() == 0

    def test_an_unknown_device_is_named(self, camera):
        assert "tablet" in refusal_of("revoke_device", camera="Gate", name="tablet")


class TestFetchModels:
    @pytest.fixture
    def folder(self, settings, tmp_path):
        settings.MODEL_DIR = tmp_path / "models"
        return settings.MODEL_DIR

    def test_unknown_weights_are_named_before_anything_is_fetched(self, folder):
        message = refusal_of("fetch_models", "yolo99.pt")
        assert "yolo99.pt" in message
        assert "yolo11n.pt" in message
        assert not folder.exists()

    def test_check_says_what_is_missing_and_touches_nothing(self, folder, tmp_path):
        out, err = run("fetch_models", "yolo11n.pt", check=True, json=tmp_path / "report.json")
        assert out == ""
        assert "yolo11n.pt is missing; its source is https://" in err
        assert not folder.exists()
        report = json.loads((tmp_path / "report.json").read_text())
        assert [one["status"] for one in report["weights"]] == ["missing"]

    def test_a_file_that_is_there_is_verified_not_fetched(self, folder):
        folder.mkdir()
        (folder / "hand_landmarker.task").write_bytes(b"own bytes")
        out, _ = run("fetch_models", "hand_landmarker.task")
        assert "none was recorded" in out

    def test_a_damaged_file_is_said_on_standard_error(self, folder):
        folder.mkdir()
        (folder / "yolo11n.pt").write_bytes(b"damaged")
        out, err = run("fetch_models", "yolo11n.pt")
        assert out == ""
        assert "not the published" in err

    def test_offline_it_says_which_file_goes_where(self, folder, monkeypatch):
        def offline(url):
            raise OSError("no route to host")

        monkeypatch.setattr(weights, "_open", offline)
        message = refusal_of("fetch_models", "yolo11n.pt")
        assert "no route to host" in message
        assert str(folder / "yolo11n.pt") in message
        assert list(folder.iterdir()) == []

    def test_a_file_in_place_of_the_folder_is_named(self, folder):
        folder.write_text("not a folder")
        assert str(folder) in refusal_of("fetch_models", "yolo11n.pt")

    def test_a_report_that_cannot_be_written_is_named(self, folder, tmp_path):
        message = refusal_of(
            "fetch_models", "yolo11n.pt", check=True, json=tmp_path / "no" / "report.json"
        )
        assert "report.json" in message
