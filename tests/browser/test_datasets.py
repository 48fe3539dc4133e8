"""Freezing a dataset and looking through it, with the keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from detection.slots import OBJECT_DETECTOR, TASK_CLASSIFIER
from tests import factories
from tests.browser.test_exports import STYLES, press_until, shot
from tests.training import labelled, task_material
from training.models import Dataset
from training.services import datasets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr("training.tasks.freeze_dataset.delay", lambda pk: None)


@pytest.fixture
def pictures(camera, reviewer, site):
    """Label six days of two cameras with two classes, and four frames too many of one track."""
    labelled.days(camera, reviewer, 6, each=4)
    yard = factories.camera(site, "Yard with a name that is rather long")
    boxes = (("person", labelled.BOX), ("delivery van", (0.5, 0.1, 0.95, 0.6)))
    for day in range(6):
        listed = ("person", "delivery van")
        labelled.picture(yard, reviewer, day=day, boxes=boxes, exhaustive=listed)
    labelled.frames(yard, reviewer, count=7)


def test_a_dataset_is_frozen_with_the_keyboard(
    page, visit, sign_in, admin_user, site, pictures, complaints
):
    sign_in(admin_user)
    visit("training:datasets")
    press_until(page, page.get_by_role("checkbox", name="Harbour", exact=True))
    page.keyboard.press("Space")
    press_until(page, page.get_by_role("button", name="Freeze"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    datasets.freeze_now(Dataset.objects.get().pk)

    expect(page.get_by_role("heading", name="Places of the classes")).to_be_visible()
    expect(page.locator(".mistake")).to_have_count(33)
    press_until(page, page.locator("select[name=class]"))
    page.keyboard.type("delivery")
    press_until(page, page.get_by_role("button", name="Show"))
    page.keyboard.press("Enter")
    expect(page.locator(".mistake")).to_have_count(6)
    assert complaints == []


@pytest.mark.parametrize(("kind", "width", "scheme"), STYLES)
def test_the_pages_fit_their_screen_and_pass_axe(
    page, visit, sign_in, admin_user, site, pictures, kind, width, scheme
):
    package = pytest.importorskip("axe_playwright_python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    first = datasets.freeze_now(datasets.freeze(slot=OBJECT_DETECTOR).pk)
    labelled.days(first.sites.get().cameras.first(), admin_user, 8, each=1)
    second = datasets.freeze_now(datasets.freeze(slot=OBJECT_DETECTOR).pk)
    failed = datasets.freeze(slot=OBJECT_DETECTOR, options={"frames_per_track": 1})
    Dataset.objects.filter(pk=failed.pk).update(
        state="failed", error_code="one_group", error_message="Everything belongs to one group."
    )
    sign_in(admin_user)
    page.emulate_media(color_scheme=scheme)
    for name, place in {
        "datasets": ("training:datasets",),
        "dataset": ("training:dataset", second.pk),
        "dataset-failed": ("training:dataset", failed.pk),
    }.items():
        visit(*place)
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"{name}-{kind}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate(axe)
        found = page.evaluate("async () => (await axe.run(document)).violations.map(one => one.id)")
        assert found == [], name


@pytest.mark.parametrize(("kind", "width", "scheme"), STYLES)
def test_the_page_of_windows_fits_its_screen_and_passes_axe(
    page, visit, sign_in, admin_user, site, camera, kind, width, scheme
):
    package = pytest.importorskip("axe_playwright_python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    asked = task_material.label_set(site, "Who stands at the packing table")
    spans = task_material.alternating(80.0, 12.0, ("work", "idle"))
    for number in range(2):
        name = f"packing-table-north-2026-03-0{number + 2}-morning.mp4"
        missing = ("hand_obj_dist", "left_knee_angle")
        task_material.video(camera, asked, spans=spans, seconds=80.0, name=name, missing=missing)
    options = {"balance": "upsample"}
    frozen = datasets.freeze_now(datasets.freeze(slot=TASK_CLASSIFIER, options=options).pk)
    sign_in(admin_user)
    page.emulate_media(color_scheme=scheme)
    visit("training:datasets")
    page.set_viewport_size({"width": width, "height": 900})
    page.get_by_text("Windows of features").click()
    for name, place in {"form": None, "windows": ("training:dataset", frozen.pk)}.items():
        if place:
            visit(*place)
            page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"datasets-{name}-{kind}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate(axe)
        found = page.evaluate("async () => (await axe.run(document)).violations.map(one => one.id)")
        assert found == [], name
