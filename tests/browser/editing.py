"""A camera to edit, opened in the zone editor, and what hands do there."""

import io
from datetime import timedelta

import pytest
from PIL import Image
from playwright.sync_api import expect

from detection.models import Snapshot
from detection.rules.config import parse_config
from detection.services import cameras
from hitlsite import storage
from tests import factories

__all__ = ["editor", "pictured"]

ENTRANCE = {
    "name": "entrance",
    "kind": "monitored",
    "polygon": [[0.1, 0.2], [0.4, 0.2], [0.4, 0.8], [0.1, 0.8]],
}
LOITERING = {
    "name": "lingering",
    "kind": "loitering",
    "zones": ["entrance"],
    "classes": ["person"],
    "threshold_seconds": 20,
}


def apply(camera, zones=(ENTRANCE,), rules=(LOITERING,)):
    document = {"zones": list(zones), "rules": list(rules)}
    cameras.apply_config(camera, parse_config(document, file_name="test"))


@pytest.fixture
def pictured(camera):
    """A camera with a zone, a rule, and a picture of 1280 by 720."""
    footage = factories.footage(camera)
    stream = io.BytesIO()
    Image.fromarray(factories.picture()).resize((1280, 720)).save(stream, "JPEG")
    content = stream.getvalue()
    path, sha256, _ = storage.store_bytes(camera.site_id, "snapshot", content, suffix=".jpg")
    Snapshot.objects.create(
        camera=camera,
        footage=footage,
        at_seconds=3.0,
        path=path,
        sha256=sha256,
        width=1280,
        height=720,
        taken_at=footage.starts_at + timedelta(seconds=3),
    )
    apply(camera)
    return camera


@pytest.fixture
def editor(sign_in, visit, supervisor, pictured):
    sign_in(supervisor)
    return visit("detection:zones", pictured.pk)


def zones_of(camera):
    return {zone["name"]: zone for zone in cameras.current_config(camera)["zones"]}


def place(page, x, y):
    """Return where a share of the picture is on the page."""
    frame = page.locator("[data-stage]").bounding_box()
    return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]


def click(page, x, y, **options):
    page.mouse.click(*place(page, x, y), **options)


def drag(page, start, end):
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=5)
    page.mouse.up()


def save(page):
    page.locator("[data-save]").click()
    expect(page.locator("[data-draft-state]")).to_be_hidden()


def corners(camera, name="entrance"):
    return [pytest.approx(point, abs=0.01) for point in zones_of(camera)[name]["polygon"]]
