"""Pictures of the pages, by day and by night, on a desk and on a phone.

With UPDATE_SCREENSHOTS=1 the pictures of the documentation are written anew.
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from detection.models import Evidence
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
DOCUMENTED = ("dashboard-light.png", "queue-light.png", "item-dark.png", "item-phone.png")
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
STYLES = [(DESK, "light"), (DESK, "dark"), (PHONE, "light")]
# Where a worker walks through worker-zone-detection-preview.mp4, by seconds of that film.
WALK = {
    0.0: (0.505, 0.521, 0.708, 0.997),
    0.4: (0.396, 0.447, 0.587, 0.991),
    1.0: (0.306, 0.336, 0.494, 0.994),
    1.6: (0.265, 0.287, 0.416, 0.994),
    2.4: (0.225, 0.231, 0.362, 0.872),
    3.0: (0.204, 0.212, 0.335, 0.836),
    3.8: (0.185, 0.199, 0.322, 0.783),
}
STILLS = {
    Evidence.Kind.FRAME_OPEN: 1.0,
    Evidence.Kind.FRAME_PEAK: 1.6,
    Evidence.Kind.FRAME_LAST: 3.8,
}
ZONE = {"name": "press", "kind": "restricted"}
ZONE |= {"polygon": [[0.12, 0.3], [0.5, 0.25], [0.62, 0.97], [0.08, 0.97]]}
# The player's own spinner fades for a moment after a seek.
SETTLED = """one => new Promise(done => {
    one.onseeked = () => setTimeout(done, 600);
    one.currentTime = 1.6;
})"""
CATEGORIES = ("restricted_zone_entry", "loitering", "vehicle_detected")


def film(path):
    """Return the pictures of a film by their seconds, ten a second."""
    import av

    with av.open(str(path)) as container:
        frames = [
            (frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)
        ]
    return {round(at, 1): image for at, image in reversed(frames)}


def where(at_seconds):
    """Return the worker's box between the times of WALK."""
    times = sorted(WALK)
    later = next((time for time in times if time >= at_seconds), times[-1])
    earlier = max((time for time in times if time <= at_seconds), default=times[0])
    share = (at_seconds - earlier) / (later - earlier) if later > earlier else 0
    pairs = zip(WALK[earlier], WALK[later], strict=True)
    return [round(a + share * (b - a), 4) for a, b in pairs]


def seen(at_seconds):
    return {
        "at_seconds": at_seconds,
        "track_id": 7,
        "class_name": "person",
        "score": 0.9,
        "box_xyxy": where(at_seconds),
    }


def add_files(incident, pictures):
    height, width = pictures[0.0].shape[:2]
    size = {"width": width, "height": height}
    for kind, at_seconds in STILLS.items():
        content = factories.jpeg(pictures[at_seconds])
        looks = [seen(at_seconds)]
        factories.evidence(
            incident, kind, content, at_seconds=at_seconds, observations=looks, **size
        )
    times = sorted(pictures)
    factories.evidence(
        incident,
        Evidence.Kind.CLIP,
        factories.clip([pictures[at].copy() for at in times]),
        at_seconds=0.0,
        end_seconds=times[-1],
        observations=[seen(at) for at in times[::2]],
        **size,
    )


@pytest.fixture
def busy_site(camera, footage, reviewer):
    """A fortnight of work at one camera, and one item to look at."""
    now = timezone.now()
    source = factories.footage(camera, configuration={"zones": [ZONE]})
    part, served = factories.segment(source), factories.deployment(name="yolo11n")
    pictures = film(footage / "worker-zone-detection-preview.mp4")
    made = []
    for number in range(48):
        category = CATEGORIES[number % 5 % 3]
        incident = factories.incident(
            footage=source,
            segment=part,
            deployment=served,
            with_files=False,
            category=category,
            severity=("high", "medium", "low")[number % 5 % 3],
            why=f"{category.replace('_', ' ')} at the press for {4 + number % 9}.2 s",
            opened_at_seconds=1.0,
            seconds=2.8,
        )
        opened_at = now - timedelta(days=(number * number) % 13, minutes=number * 7)
        type(incident).objects.filter(pk=incident.pk).update(opened_at=opened_at)
        incident.rule_hits.update(
            rule_name="Keep clear of the press", kind="restricted_zone_entry", zone="press"
        )
        add_files(incident, pictures)
        status = ("pending_review", "confirmed", "rejected", "pending_review")[number % 4]
        made.append(factories.item(incident, status=status))
    return made


@pytest.mark.slow
def test_pages_are_pictured(
    busy_site, sign_in, page, live_server, screenshots, reviewer, complaints
):
    sign_in(reviewer)
    item = next(one for one in busy_site if one.status == "pending_review")
    shots = {"dashboard": (), "queue": (), "item": (item.pk,), "help": ()}
    for size, scheme in STYLES:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        for name, args in shots.items():
            page.goto(f"{live_server.url}{reverse(f'review:{name}', args=args)}")
            if name == "item":
                page.locator("[data-clip]").evaluate(SETTLED)
            expect(page.locator("h1")).to_be_visible()
            device = "phone" if size is PHONE else scheme
            page.screenshot(path=screenshots / f"{name}-{device}.png")
    assert complaints == []
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        for name in DOCUMENTED:
            publish(screenshots / name)


def publish(path):
    """Write a picture into the documentation, in 256 colours: a third of the bytes."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(IMAGES / path.name, optimize=True)
