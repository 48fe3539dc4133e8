"""The cameras in a real browser: added by keyboard, changed, and given rules from a file."""

import json
import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from detection.models import Camera
from detection.rules.base import ZONE_KINDS
from detection.rules.config import parse_config
from detection.services import cameras, snapshots
from detection.vision.frames import SourceFrame
from detection.vision.snapshots import Candidate
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

ZONES = [
    {
        "id": 1,
        "name": "bay",
        "type": "restricted",
        "polygon": [[0, 0], [160, 0], [160, 90]],
        "rules_enabled": ["loitering"],
    }
]
RULES = {"loitering": {"threshold_seconds": 45, "monitored_zones": ["bay"], "classes": ["person"]}}
CONFIG = {
    "zones": [{"name": "door", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]}],
    "rules": [{"name": "entry", "kind": "restricted_zone_entry", "zones": ["door"]}],
}


class Session:
    """Brings one picture, as a session does at the end of a segment."""

    private_polygons = ()

    def __init__(self, candidate):
        self.snapshots = self
        self._candidate = candidate

    def take(self):
        return self._candidate


@pytest.fixture
def seen_camera(camera):
    """A camera with a picture, a zone, a rule and an incident."""
    cameras.apply_config(camera, parse_config(CONFIG, file_name="rules"))
    incident = factories.incident(camera)
    factories.item(incident)
    picture = SourceFrame.from_image(factories.picture(has_person=False)[:, :, ::-1], 5.0)
    assert snapshots.take(Session(Candidate(picture, 5.0)), incident.footage)
    return camera


def type_on(page, *fields):
    """Fill fields one after another by keyboard, the first of which has the focus."""
    for number, text in enumerate(fields):
        if number:
            page.keyboard.press("Tab")
        page.keyboard.type(text)


def test_a_kind_of_zone_has_one_colour_everywhere(sign_in, visit, camera, supervisor):
    def line(page, shape):
        return page.locator(shape).first.evaluate("one => getComputedStyle(one).stroke")

    corners = [[0, 0], [0.2, 0], [0.2, 0.2]]
    zones = [{"name": kind, "kind": kind, "polygon": corners} for kind in ZONE_KINDS]
    cameras.apply_config(camera, parse_config({"zones": zones}, file_name="zones"))
    source = factories.footage(camera, configuration={"zones": zones})
    incident = factories.incident(footage=source, segment=factories.segment(source))
    item = factories.item(incident)
    sign_in(supervisor)

    page = visit("detection:zones", camera.pk)
    drawn = {kind: line(page, f".zone-line.zone-{kind}") for kind in ZONE_KINDS}
    assert len(set(drawn.values())) == 4
    page = visit("detection:camera", camera.pk)
    assert {kind: line(page, f".camera-zone-{kind}") for kind in ZONE_KINDS} == drawn
    # An incident shows the zones of its rules; without them the restricted ones.
    page = visit("review:item", item.pk)
    assert line(page, ".overlay .zone-restricted") == drawn["restricted"]


def test_a_camera_is_added_by_keyboard_alone(sign_in, visit, supervisor, complaints):
    sign_in(supervisor)
    page = visit("detection:cameras")
    page.get_by_role("link", name="Add the first camera").press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    type_on(page, "Yard", "rtsp://10.0.0.7/yard")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("Yard")
    expect(page.locator("#toasts")).to_contain_text("Yard is added")
    expect(page.get_by_text("No rules yet:")).to_be_visible()
    assert Camera.objects.get().detect_url == "rtsp://10.0.0.7/yard"
    assert complaints == []


def test_a_camera_is_changed(sign_in, visit, supervisor, camera, complaints):
    sign_in(supervisor)
    page = visit("detection:camera", camera.pk)
    page.get_by_role("link", name="Edit", exact=True).first.click()
    page.get_by_label("Name").fill("Gate, south")
    page.get_by_text("Switched on").click()
    page.get_by_label("Detector").fill("motion")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("h1")).to_contain_text("Gate, south")
    expect(page.locator("h1")).to_contain_text("switched off")
    camera.refresh_from_db()
    assert (camera.detector, camera.is_enabled) == ("motion", False)
    assert complaints == []


def test_what_is_wrong_stands_at_its_field(sign_in, visit, supervisor, camera):
    sign_in(supervisor)
    page = visit("detection:camera_edit", camera.pk)
    address = page.get_by_label("Stream to watch")
    address.fill("the yard")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(address).to_have_value("the yard")
    assert (
        "no address" in page.locator(f"#{address.get_attribute('aria-describedby')}").inner_text()
    )


def test_the_list_and_the_camera_show_its_picture(
    sign_in, visit, reviewer, seen_camera, complaints
):
    sign_in(reviewer)
    page = visit("detection:cameras")
    loaded = "one => one.complete && one.naturalWidth > 0"
    page.wait_for_load_state("networkidle")
    assert page.locator(".camera-card img").evaluate(loaded)
    page.get_by_role("link", name="Gate").press("Enter")

    expect(page.locator("h1")).to_have_text("Gate")
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("img", name="What Gate shows").evaluate(loaded)
    expect(page.get_by_role("img", name="Zones: door (restricted)")).to_be_visible()
    expect(page.get_by_text("Anything tracked is inside “door”")).to_be_visible()
    page.get_by_role("link", name="Loitering").click()
    expect(page).to_have_url(re.compile("/items/"))
    assert complaints == []


def test_files_are_looked_at_then_imported(sign_in, visit, supervisor, seen_camera, complaints):
    sign_in(supervisor)
    page = visit("detection:camera_import", seen_camera.pk)
    files = page.locator("input[type=file]")
    for field, name, content in ((0, "zones.json", ZONES), (1, "rules.json", RULES)):
        upload = {"name": name, "mimeType": "application/json", "buffer": json.dumps(content)}
        files.nth(field).set_input_files({**upload, "buffer": upload["buffer"].encode()})
    expect(page.get_by_label("Frame size, pixels")).to_have_value("320x180")
    page.get_by_role("button", name="Look at it first").click()

    expect(page.get_by_text("1 zone new: bay")).to_be_visible()
    expect(page.get_by_text("1 zone removed: door")).to_be_visible()
    expect(page.get_by_text("A person stays in “bay” for 45 s or longer.")).to_be_visible()
    expect(page.get_by_role("img", name="Zones: bay (restricted)")).to_be_visible()
    assert seen_camera.zones.get().name == "door"
    page.get_by_role("button", name="Try on the last hour").click()
    expect(page.locator("#import-effect")).not_to_be_empty()
    page.get_by_role("button", name="Import", exact=True).click()

    expect(page).to_have_url(re.compile(reverse("detection:camera", args=[seen_camera.pk]) + "$"))
    expect(page.locator("#toasts")).to_contain_text("are imported")
    assert seen_camera.zones.get().polygon == [[0, 0], [0.5, 0], [0.5, 0.5]]
    assert complaints == []


@pytest.mark.parametrize("name", ["cameras", "camera", "camera_edit", "camera_import"])
def test_a_phone_scrolls_no_page_sideways(
    sign_in, page, live_server, supervisor, seen_camera, name
):
    sign_in(supervisor)
    page.set_viewport_size({"width": 360, "height": 740})
    args = [] if name == "cameras" else [seen_camera.pk]
    page.goto(f"{live_server.url}{reverse(f'detection:{name}', args=args)}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
