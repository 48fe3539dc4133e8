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
from detection.services import ingestion
from detection.vision import scenes
from review.models import TrainingItem
from review.services import decisions, marks, tallies
from tests import factories, photos
from tests.detection import films
from tests.review.test_recall_page import draw, sample

pytestmark = pytest.mark.django_db(transaction=True)

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
DOCUMENTED = (
    "dashboard-light.png",
    "queue-light.png",
    "item-dark.png",
    "item-phone.png",
    "stack-light.png",
    "photos-light.png",
    "boxes-dark.png",
    "guideline-light.png",
    "agreement-light.png",
    "recall-light.png",
    "provenance-light.png",
)
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
STYLES = [(DESK, "light"), (DESK, "dark"), (PHONE, "light")]
# The stay of the rendered scene's first visitor, in seconds of that film.
START, END = 6.0, 13.0
STILLS = {
    Evidence.Kind.FRAME_OPEN: 7.0,
    Evidence.Kind.FRAME_PEAK: 9.0,
    Evidence.Kind.FRAME_LAST: 13.0,
}
# The player's own spinner fades for a moment after a seek.
SETTLED = """one => new Promise(done => {
    one.onseeked = () => setTimeout(done, 1500);
    one.currentTime = 3.0;
})"""
CATEGORIES = ("restricted_zone_entry", "loitering", "vehicle_detected")
WHY = {
    "restricted_zone_entry": "person inside restricted zone staff door for {seconds} s",
    "loitering": "person loitering in waiting area for {seconds} s",
    "vehicle_detected": "car in loading bay for {seconds} s",
}


class Scene:
    """A rendered film: pictures by seconds, ten a second, and where the visitor is in them."""

    def __init__(self, folder):
        import av

        self.truth = scenes.render_scene(folder / "scene.mp4", seconds=16)
        with av.open(str(folder / "scene.mp4")) as container:
            self.pictures = {
                round(frame.time, 1): frame.to_ndarray(format="rgb24")
                for frame in container.decode(video=0)
                if START <= frame.time <= END
            }
        self.zones = [
            {"name": zone.name, "kind": zone.kind, "polygon": [list(xy) for xy in zone.polygon]}
            for zone in self.truth.zones
        ]

    def seen(self, at_seconds):
        box = self.truth.visits[0].boxes_xyxy[round(at_seconds * self.truth.fps)]
        return {
            "at_seconds": at_seconds,
            "track_id": 7,
            "class_name": "person",
            "score": 0.9,
            "box_xyxy": [round(edge, 4) for edge in box],
        }


def add_files(incident, scene):
    pictures = scene.pictures
    height, width = pictures[START].shape[:2]
    size = {"width": width, "height": height}
    for kind, at_seconds in STILLS.items():
        content = factories.jpeg(pictures[at_seconds])
        looks = [scene.seen(at_seconds)]
        factories.evidence(
            incident, kind, content, at_seconds=at_seconds, observations=looks, **size
        )
    times = sorted(pictures)
    factories.evidence(
        incident,
        Evidence.Kind.CLIP,
        factories.clip([pictures[at].copy() for at in times]),
        at_seconds=times[0],
        end_seconds=times[-1],
        observations=[scene.seen(at) for at in times[::2]],
        **size,
    )


@pytest.fixture
def busy_site(camera, tmp_path, reviewer):
    """A fortnight of work at one camera, and one item to look at."""
    now, scene = timezone.now(), Scene(tmp_path)
    source = factories.footage(camera, configuration={"zones": scene.zones})
    part, served = factories.segment(source), factories.deployment(name="yolo11n")
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
            why=WHY[category].format(seconds=10 + number % 9),
            opened_at_seconds=7.0,
            seconds=6.0,
        )
        opened_at = now - timedelta(days=(number * number) % 13, minutes=number * 7)
        type(incident).objects.filter(pk=incident.pk).update(opened_at=opened_at)
        incident.rule_hits.update(rule_name="loitering", kind="loitering", zone="waiting area")
        add_files(incident, scene)
        status = ("pending_review", "confirmed", "rejected", "pending_review")[number % 4]
        privacy = "faces" if status == "pending_review" else "clear"
        made.append(factories.item(incident, status=status, privacy=privacy))
    return made


@pytest.fixture
def photo_library(camera, tmp_path, reviewer, settings):
    """Frames of the scene as photos, some of them marked; the first one's item."""
    settings.SECOND_REVIEW_SHARE = 0
    scene = Scene(tmp_path)
    for place, at_seconds in enumerate(sorted(scene.pictures)[::8]):
        picture = scene.pictures[at_seconds]
        height, width = picture.shape[:2]
        found = [("person", 0.91 - place / 50, scene.seen(at_seconds)["box_xyxy"])]
        content = factories.jpeg(picture)
        photo = photos.photo(camera, found=found, content=content, width=width, height=height)
        if place % 3 == 0:
            marks.mark(photo.pk, by=reviewer, reason="missed_detection", note="somebody behind it")
    TrainingItem.objects.filter(photo__isnull=False).update(privacy="clear")
    return TrainingItem.objects.filter(photo__isnull=False).order_by("pk")


@pytest.fixture
def second_look(busy_site, reviewer, second_reviewer, site):
    """Two people's blind verdicts, random minutes with what they showed, one stack, verdicts."""
    pending = [one for one in busy_site if one.status == "pending_review"]
    head, *others = pending[:7]
    TrainingItem.objects.filter(pk__in=[one.pk for one in others]).update(stack=head)
    now = timezone.now()
    for number, item in enumerate(busy_site):
        if item.status == "pending_review":
            continue
        verdicts = [item.status, item.status if number % 6 else "needs_review"]
        columns = {"mode": "double", "status": "pending_review", "decided_at": None}
        TrainingItem.objects.filter(pk=item.pk).update(**columns)
        for turn, who in enumerate((reviewer, second_reviewer)):
            reason = "baseline_noise" if verdicts[turn] == "rejected" else ""
            at = now - timedelta(days=number % 9, hours=2 - turn)
            taken = 4.0 + number % 7
            answer = {"verdict": verdicts[turn], "reason": reason, "seconds_taken": taken}
            decisions.decide(item.pk, by=who, at=at, **answer)
    tallies.recount(site)
    return head


@pytest.fixture
def random_minutes(camera, reviewer):
    """Ten days of random minutes, judged; in one of them the rules missed something."""
    today = timezone.localdate()
    for ago in range(1, 11):
        drawn = draw(camera, population=20, day=today - timedelta(days=ago))
        for number in range(3):
            is_miss = (ago, number) == (4, 1)
            status, reason = ("confirmed", "") if is_miss else ("rejected", "baseline_noise")
            category = "loitering" if is_miss else "unknown"
            sample(drawn, status=status, reason=reason, category=category, by=reviewer)


@pytest.mark.slow
def test_pages_are_pictured(
    busy_site,
    second_look,
    random_minutes,
    photo_library,
    sign_in,
    page,
    live_server,
    screenshots,
    supervisor,
    complaints,
):
    sign_in(supervisor)
    item = next(one for one in reversed(busy_site) if one.status == "pending_review")
    decided = next(one for one in busy_site if one.status == "confirmed")
    shots = {
        "dashboard": reverse("review:dashboard"),
        "queue": reverse("review:queue"),
        "item": reverse("review:item", args=[item.pk]),
        "help": reverse("review:help"),
        "stacks": reverse("review:stacks"),
        "stack": reverse("review:stack", args=[second_look.pk]),
        "photos": reverse("review:photos"),
        "photo-item": reverse("review:item", args=[photo_library[0].pk]),
        "boxes": reverse("review:boxes", args=[photo_library[0].pk]),
        "guideline": reverse("review:guideline", args=["restricted_zone_entry"]),
        "agreement": reverse("review:agreement"),
        "recall": reverse("review:recall"),
        "decided": reverse("review:item", args=[decided.pk]),
        "provenance": reverse("training:item_provenance", args=[decided.pk]),
    }
    for size, scheme in STYLES:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        for name, address in shots.items():
            page.goto(f"{live_server.url}{address}")
            page.wait_for_load_state("networkidle")
            if page.locator("[data-clip]").count():
                page.locator("[data-clip]").evaluate(SETTLED)
            expect(page.locator("h1")).to_be_visible()
            device = "phone" if size is PHONE else scheme
            page.screenshot(path=screenshots / f"{name}-{device}.png")
    assert complaints == []
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        for name in DOCUMENTED:
            publish(screenshots / name)


def publish(path):
    """Write a picture into the documentation."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as picture:
        picture.convert("RGB").save(IMAGES / path.name, optimize=True)


@pytest.fixture
def watched_camera(site, tmp_path):
    """The demo's camera after it has watched its scene."""
    from training.management.commands.demo import RULES

    film = tmp_path / "scene.mp4"
    scenes.render_scene(film)
    zones = [
        {"name": zone.name, "kind": zone.kind, "polygon": zone.polygon} for zone in scenes.ZONES
    ]
    row = films.register(film, "Lobby", rules={"zones": zones, "rules": RULES})
    ingestion.ingest_footage(row)
    return row.camera


@pytest.mark.slow
def test_the_zone_editor_is_pictured(
    watched_camera, sign_in, page, live_server, screenshots, supervisor, complaints
):
    sign_in(supervisor)
    page.set_viewport_size({"width": 1440, "height": 960})
    page.goto(f"{live_server.url}{reverse('detection:zones', args=[watched_camera.pk])}")
    page.locator("[data-path='zones[0].kind']").focus()
    page.locator("[data-path='rules[0]'] > summary").click()
    page.locator("[data-path='rules[0].threshold_seconds']").fill("18")
    expect(page.locator("#effect-title")).to_be_visible()
    expect(page.get_by_text("disappears")).to_be_visible()
    page.screenshot(path=screenshots / "zones-light.png")
    assert complaints == []
    if os.environ.get("UPDATE_SCREENSHOTS") == "1":
        publish(screenshots / "zones-light.png")
