"""Asking for features of videos and looking at them, with the keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from detection.models import Footage
from tests import factories
from tests.browser.test_exports import STYLES, press_until, shot
from tests.training import walking
from training.models import FeatureSet
from training.services import features, task_labels

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
LONG = "a recording with a rather long name of the table by the window.mp4"


@pytest.fixture(autouse=True)
def _measuring(monkeypatch, data_dir):
    walking.measuring(monkeypatch)


@pytest.fixture
def films(site, tmp_path):
    """Register three videos; the first is measured."""
    sizes = (("walk.mp4", 30), (LONG, 12), ("short.mp4", 5))
    made = [
        features.register_video(walking.video(tmp_path, name, frames=frames), camera_name="Table")
        for name, frames in sizes
    ]
    (row,) = features.ask(footage_ids=[made[0].pk], detector="yolo", trigger="command")
    features.extract_now(row.pk)
    return made


def test_videos_are_measured_with_the_keyboard(page, visit, sign_in, supervisor, films, complaints):
    sign_in(supervisor)
    visit("training:tasks", query="?show=all")
    for name in ("short.mp4", LONG):
        press_until(page, page.get_by_role("checkbox", name=f"Choose {name}"))
        page.keyboard.press("Space")
    press_until(page, page.locator("select[name=detector]"))
    page.keyboard.type("yolo")
    press_until(page, page.get_by_role("button", name="Extract features"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("2 videos are queued.")).to_be_visible()
    expect(page.get_by_text("Queued", exact=True)).to_have_count(2)
    assert features.run_waiting() == 2
    expect(page.get_by_text("5 rows")).to_be_visible(timeout=10_000)
    press_until(page, page.get_by_role("link", name="Yolo").first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Columns that models see")).to_be_visible()
    assert complaints == []


def test_one_is_cancelled_and_tried_again_with_the_keyboard(
    page, visit, sign_in, supervisor, films, complaints
):
    features.ask(footage_ids=[films[2].pk], detector="yolo", trigger="command")
    sign_in(supervisor)
    visit("training:tasks")
    press_until(page, page.get_by_role("button", name="Cancel Yolo of short.mp4"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("are no longer being extracted")).to_be_visible()

    press_until(page, page.get_by_role("button", name="Retry Yolo of short.mp4"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("are queued again")).to_be_visible()
    assert FeatureSet.objects.get(footage=films[2]).state == "queued"
    assert complaints == []


@pytest.mark.parametrize(("kind", "width", "scheme"), STYLES)
def test_the_pages_fit_their_screen_and_pass_axe(
    page, visit, sign_in, supervisor, site, films, kind, width, scheme
):
    package = pytest.importorskip("axe_playwright_python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    labels = task_labels.add_label_set(site, "Table", ["work", "idle"], supervisor)
    spans = [[0, 0.5, "work"], [0.5, 1.0, "idle"]]
    task_labels.save(labels.pk, films[0].pk, by=supervisor, spans=spans, version=0)
    failed, running = (
        features.ask(footage_ids=[film.pk], detector="yolo", trigger="command")[0]
        for film in films[1:]
    )
    FeatureSet.objects.filter(pk=failed.pk).update(
        state="failed", error_message=f"{LONG}: cannot be read as video: Invalid data found."
    )
    FeatureSet.objects.filter(pk=running.pk).update(
        state="running", progress_done=700, progress_total=1394, progress_message="measuring"
    )
    done = FeatureSet.objects.get(footage=films[0])
    sign_in(supervisor)
    page.emulate_media(color_scheme=scheme)
    for name, place, query in (
        ("tasks", ("training:tasks",), ""),
        ("tasks-all", ("training:tasks",), "?show=all"),
        ("features", ("training:features", done.pk), ""),
        ("features-failed", ("training:features", failed.pk), ""),
        ("features-running", ("training:features", running.pk), ""),
    ):
        visit(*place, query=query)
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"{name}-{kind}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate(axe)
        found = page.evaluate("async () => (await axe.run(document)).violations.map(one => one.id)")
        assert found == [], name


def test_without_videos_the_page_passes_axe(page, visit, sign_in, supervisor, site):
    package = pytest.importorskip("axe_playwright_python")
    axe = (Path(package.__file__).parent / "axe.min.js").read_text()
    factories.footage(factories.camera(site), kind=Footage.Kind.STREAM)
    sign_in(supervisor)
    visit("training:tasks")
    shot(page, "tasks-empty")
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run(document)).violations.map(one => one.id)")
    assert found == []
