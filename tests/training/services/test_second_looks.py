"""A model that was there at the first look and is missing by now weakens no later look."""

import numpy as np
import pytest

from detection.models import Evidence
from hitlsite.errors import DomainError
from review.models import PrivacyScan
from review.privacy.faces import FaceScan
from review.services.first_looks import NeededByContent
from tests import factories
from tests.training.conftest import confirmed_item, read_export
from training.services import exports
from training.services.export_masking import PeopleMasker

pytestmark = pytest.mark.django_db
BOTH = ("head", "yunet")
MISSING = "The head detector looked at it first and could not look again"


class Scanner:
    """Finds nothing, with the detectors that this machine is said to have."""

    def __init__(self, *detectors):
        self.detectors = detectors

    def scan_image(self, path, *, is_second=False, person_boxes=()):
        return FaceScan("clear", (), self.detectors, 1)


@pytest.fixture
def machine(monkeypatch):
    """Say which detectors this machine has."""

    def having(*detectors):
        for place in ("privacy", "scanning"):
            name = f"review.services.{place}.face_scanner"
            monkeypatch.setattr(name, lambda: Scanner(*detectors))

    having(*BOTH)
    return having


@pytest.fixture
def item(items, camera, reviewer):
    """One more item, clear from the start: its picture leaves as it is."""
    grey = np.full((96, 128, 3), 120, np.uint8)
    grey[::7] = 200
    made = confirmed_item(camera, reviewer, 30, content=factories.jpeg(grey), regions=())
    made.scans.update(detectors=list(BOTH))
    return made


def exported(site, out, **asked):
    exports.export_to(out, site=site, **asked)
    assert exports.verify(out).problems == []
    return out


@pytest.mark.parametrize("variant", ["reviewed", "masked"])
def test_proving_an_export_takes_every_detector_of_the_first_look(
    machine, item, site, tmp_path, variant
):
    out = exported(site, tmp_path / "out", variant=variant)
    machine("yunet")
    _, _, manifest = read_export(out)
    name = manifest["images"][-1]["file_name"]
    assert exports.verify(out).problems == [f"{name}: could not be checked: {MISSING}."]


def test_so_it_does_where_another_file_is_shown_by_now(machine, item, site, tmp_path):
    out = exported(site, tmp_path / "out")
    Evidence.objects.filter(incident=item.incident).update(sha256="0" * 64)
    machine("yunet")
    [problem] = exports.verify(out).problems
    assert MISSING in problem


def test_one_that_was_switched_off_since_is_not_missed(machine, item, site, tmp_path, settings):
    item.scans.update(detectors=[*BOTH, "mediapipe"])
    settings.MEDIAPIPE = False
    exported(site, tmp_path / "out")


def test_a_stranger_s_picture_needs_nothing(db):
    assert NeededByContent()("f" * 64) == ()


def test_a_replaced_redaction_is_remembered(item, camera, reviewer):
    redacted = confirmed_item(camera, reviewer, 31)
    former = redacted.redactions.get()
    former.scan.detectors = list(BOTH)
    former.scan.save()
    redacted.redactions.update(state="replaced", applied_at=factories.STARTS_AT, sha256="a" * 64)
    assert NeededByContent()("a" * 64) == BOTH
    assert PrivacyScan.objects.filter(file_sha256="a" * 64).count() == 0


class TestMasking:
    @pytest.fixture
    def mask(self, item, tmp_path):
        """Mask somebody in a picture that was looked at by two detectors."""
        from training.exporting.records import Picture

        content = factories.jpeg(factories.picture(0.0))
        shape = (factories.WIDTH, factories.HEIGHT)
        told = ("images/x.jpg", "0" * 64, len(content), *shape, "frame_peak", 0.0, (), "", "", "[]")
        picture = Picture(*told)

        def masking(*detectors):
            boxes = [factories.PERSON_BOX]
            return PeopleMasker().mask(picture, content, boxes, Scanner(*detectors), BOTH)

        return masking

    def test_a_masked_copy_is_looked_at_as_well_as_the_picture_was(self, mask):
        picture, content = mask(*BOTH)
        assert picture.source_sha256 == "0" * 64 and picture.byte_count == len(content)

    def test_without_one_of_them_it_does_not_leave(self, mask):
        with pytest.raises(DomainError) as caught:
            mask("yunet")
        assert caught.value.code == "not_masked"
        assert MISSING in caught.value.message

    def test_an_export_passes_them_on(self, machine, item, site, tmp_path, monkeypatch):
        given = []

        def noted(self, picture, content, boxes, scanner, needed):
            given.append(needed)
            return picture, content

        monkeypatch.setattr(PeopleMasker, "mask", noted)
        exports.export_to(tmp_path / "out", site=site, variant="masked")
        assert set(given) == {("yunet",), BOTH}
