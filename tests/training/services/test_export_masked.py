"""The variant without people: nobody in it, and nothing unmasked that is not found."""

import hashlib
import json

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from detection.models import Evidence
from hitlsite.errors import DomainError
from tests import factories
from tests.training.conftest import PERSON, confirmed_item, read_export
from training.services import exports

pytestmark = pytest.mark.django_db


def one(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


@pytest.fixture
def masked(items, site, camera, reviewer, tmp_path):
    """Return an export without people, one picture of which shows more than its boxes."""
    grey = np.full((96, 128, 3), 120, np.uint8)
    grey[::7] = 200
    confirmed_item(camera, reviewer, 30, content=factories.jpeg(grey))
    out = tmp_path / "out"
    exports.export_to(out, site=site, variant="masked", formats=exports.FORMATS)
    return out


def last_picture(folder):
    _, _, manifest = read_export(folder)
    return manifest["images"][-1]


def test_people_are_black_in_the_masked_variant(masked, camera):
    row = last_picture(masked)
    image = np.asarray(Image.open(masked / row["file_name"])).astype(int)
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (round(s * n) for s, n in zip(PERSON, (width, height) * 2, strict=True))
    _, _, manifest = read_export(masked)

    assert image[y1:y2, x1:x2].max() < 12
    assert (manifest["variant"], manifest["masking"]) == ("masked", {"method": "mask"})
    assert row["people_masked"]["source_sha256"] != row["sha256"]
    assert manifest["provider_warnings"] == []
    assert not Evidence.objects.filter(sha256=row["sha256"]).exists()
    assert exports.verify(masked).problems == []


def test_the_variants_differ_in_pictures_and_say_the_same(masked, site, tmp_path):
    exports.export_to(tmp_path / "plain", site=site)
    plain, hidden = read_export(tmp_path / "plain"), read_export(masked)

    assert plain[2]["images"][-1]["sha256"] != hidden[2]["images"][-1]["sha256"]
    answers = [[line["messages"][2]["content"] for line in one[0]] for one in (plain, hidden)]
    assert answers[0] == answers[1]


def test_who_cannot_be_masked_keeps_the_item_in(items, site, tmp_path, monkeypatch):
    def refuse(*args):
        raise DomainError("not_masked", "Somebody can still be seen.")

    monkeypatch.setattr("training.services.export_masking.PeopleMasker.mask", refuse)
    with pytest.raises(DomainError, match="not_masked: 4"):
        exports.export_to(tmp_path / "out", site=site, variant="masked")


def put_back(folder, site):
    """Put an unmasked picture into a masked export, all hashes made right."""
    _, coco, manifest = read_export(folder)
    row = manifest["images"][-1]
    unmasked = Evidence.objects.get(sha256=row["people_masked"]["source_sha256"])
    content = default_storage.open(unmasked.path).read()
    new = f"images/{unmasked.sha256}.jpg"
    old = row["file_name"]
    (folder / old).unlink()
    (folder / new).write_bytes(content)
    label = folder / "labels" / f"{row['sha256']}.txt"
    label.rename(label.with_name(f"{unmasked.sha256}.txt"))
    for path in [*folder.glob("*.json*"), *folder.glob("*.txt"), *folder.glob("*.csv")]:
        text = path.read_text().replace(row["sha256"], unmasked.sha256)
        path.write_text(text)
    return new


def test_an_unmasked_picture_in_a_masked_export_is_found(masked, site):
    new = put_back(masked, site)

    assert (
        f"{new}: is said to have its people masked but has not." in exports.verify(masked).problems
    )


@pytest.mark.parametrize("how", ["masks", "all"])
def test_a_box_of_somebody_who_is_not_masked_is_found(masked, site, how):
    path = one(masked, "manifest_*")
    content = json.loads(path.read_text())
    content["images"][-1]["people_masked"] = None if how == "all" else {"regions": []}
    path.write_text(json.dumps(content))

    name = content["images"][-1]["file_name"]
    assert f"{name}: has a person's box that is not masked." in exports.verify(masked).problems


@pytest.mark.slow
def test_blurred_heads_of_real_people_are_masked_whole(material, model_dir, tmp_path):
    from review.privacy.regions import Region
    from review.privacy.verify import redact_and_verify_image
    from review.services.privacy import face_scanner
    from training.exporting.hidden import shown_beside
    from training.exporting.records import Picture
    from training.services.export_masking import PeopleMasker

    source = material / "images/coco128/images/train2017/000000000389.jpg"
    scanner, blurred = face_scanner(), tmp_path / "blurred.jpg"
    done = redact_and_verify_image(source, blurred, scanner.scan_image(source), "blur", scanner)
    content = blurred.read_bytes()
    sha256, told = hashlib.sha256(content).hexdigest(), [one.as_dict() for one in done.regions]
    about = (sha256, len(content), 640, 480, "photo", 0.0, (), "reviewer", "blur")
    picture = Picture("images/a.jpg", *about, json.dumps(told), (), False, 1)
    body = (0.3, 0.2, 0.6, 0.9)
    masked, content = PeopleMasker().mask(picture, content, [body], scanner)

    out = tmp_path / "masked.jpg"
    out.write_bytes(content)
    masks = [Region.from_dict(values) for values in json.loads(masked.masks)]
    assert done.verified and done.regions
    assert shown_beside(out, done.regions, "blur", masks) == []
