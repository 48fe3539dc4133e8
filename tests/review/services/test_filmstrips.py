"""The filmstrip: what it shows, how large it is, and that it goes with its original."""

import io

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from detection.models import Evidence
from hitlsite import storage
from hitlsite.errors import DomainError
from review.services import filmstrips, privacy, redactions, thumbnails
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def clip_of(incident):
    return incident.evidence.get(kind=Evidence.Kind.CLIP)


def sheet(name):
    with default_storage.open(name) as stored:
        return Image.open(io.BytesIO(stored.read())).convert("RGB")


def with_clip(camera, pictures, *, seconds=None):
    height, width = pictures[0].shape[:2]
    incident = factories.incident(camera, with_files=False)
    length = seconds or len(pictures) / factories.CLIP_FPS
    return factories.evidence(
        incident,
        Evidence.Kind.CLIP,
        factories.clip([np.ascontiguousarray(one) for one in pictures]),
        at_seconds=27.0,
        end_seconds=27.0 + length,
        width=width,
        height=height,
    )


def test_eight_moments_in_order(camera):
    shades = [np.full((180, 320, 3), 8 * place, np.uint8) for place in range(24)]

    picture = sheet(filmstrips.filmstrip(with_clip(camera, shades)))

    assert picture.size == (1280, 360)
    seen = [picture.getpixel((160 + x * 320, 90 + y * 180))[0] for y in (0, 1) for x in range(4)]
    expected = [8 * place for place in (2, 5, 8, 11, 14, 17, 20, 23)]
    assert seen == [pytest.approx(one, abs=8) for one in expected]


def test_upright_pictures_stand_in_one_row(camera):
    upright = [np.full((320, 180, 3), 90, np.uint8)] * 8
    evidence = with_clip(camera, upright)

    assert sheet(filmstrips.filmstrip(evidence)).size == (1280, 284)
    assert filmstrips.columns(evidence) == 8


def test_a_clip_shorter_than_its_row_says_fills_up_with_its_last_frame(camera):
    evidence = with_clip(camera, [np.full((180, 320, 3), 200, np.uint8)] * 3, seconds=8.0)

    picture = sheet(filmstrips.filmstrip(evidence))

    assert picture.getpixel((1200, 300))[0] == pytest.approx(200, abs=8)


def test_noise_still_takes_150_kb_at_most(camera):
    noise = np.random.default_rng(4).integers(0, 255, (8, 360, 640, 3), np.uint8)

    name = filmstrips.filmstrip(with_clip(camera, list(noise)))

    assert default_storage.size(name) <= 150_000


def test_it_is_made_once(camera, monkeypatch):
    evidence = clip_of(factories.incident(camera))
    name = filmstrips.filmstrip(evidence)
    monkeypatch.setattr(filmstrips, "_frames", None)

    assert filmstrips.filmstrip(evidence) == name


def test_what_is_no_film_is_refused_and_kept_from_nobody(camera):
    item = factories.item(factories.incident(camera))
    evidence = clip_of(item.incident)
    storage.delete(evidence.path)
    default_storage.save(evidence.path, io.BytesIO(b"no film"))

    with pytest.raises(DomainError, match="cannot be decoded"):
        filmstrips.filmstrip(evidence)
    filmstrips.prepare(item)


def test_prepare_makes_it_for_the_clip_and_for_its_proposal(camera):
    item = factories.item(factories.incident(camera), privacy="faces")
    evidence = clip_of(item.incident)
    redaction = evidence.redactions.get()

    filmstrips.prepare(item)

    for sha256 in (evidence.sha256, redaction.sha256):
        assert default_storage.exists(filmstrips.filmstrip_name(item.site_id, sha256))


def test_it_is_destroyed_with_the_original(camera):
    item = factories.item(factories.incident(camera))
    evidence = clip_of(item.incident)
    name = filmstrips.filmstrip(evidence)
    evidence.sha256 = "f" * 64

    thumbnails.forget(evidence)
    assert default_storage.exists(name), "another row still shows it"
    evidence.save()
    thumbnails.forget(evidence)

    assert not default_storage.exists(name)


def test_no_small_picture_of_a_copy_is_left_once_another_is_in_its_place(
    camera, reviewer, scanner, redact, django_capture_on_commit_callbacks
):
    item = factories.item(factories.incident(camera), privacy="faces")
    privacy.apply_redaction(item, by=reviewer)
    rows = redactions.evidence_of(item)
    small = [thumbnails.thumbnail(row) for row in rows]
    (clip,) = [row for row in rows if row.is_clip]
    small.append(filmstrips.filmstrip(clip))

    drawn = {"evidence": None, "box_xyxy": [0.1, 0.1, 0.2, 0.2]}
    with django_capture_on_commit_callbacks(execute=True):
        redact(item, reviewer, method="mask", drawn_regions=[drawn])

    rows = redactions.evidence_of(item)
    kept = [thumbnails.thumbnail(row) for row in rows]
    assert not set(kept) & set(small)
    assert not any(default_storage.exists(name) for name in small)

    thumbnails.forget(rows[0])
    assert all(default_storage.exists(name) for name in kept)
