"""Asking for an export and tracing what is in it, with the keyboard alone."""

import os

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.training.conftest import confirmed_item
from training.models import ExportRun
from training.services import exports

pytestmark = pytest.mark.django_db(transaction=True)
STYLES = [("desk", 1280, "light"), ("desk", 1280, "dark"), ("phone", 390, "light")]


@pytest.fixture
def ready(settings, data_dir, camera, reviewer):
    """Return four confirmed items, whose pictures are covered whole, and one rejected."""
    settings.MIN_CONFIRMED = 3
    settings.DETECTOR = "motion"
    settings.MODEL_DIR = data_dir / "models"
    settings.CELERY_TASK_ALWAYS_EAGER = False
    factories.item(factories.incident(camera, with_files=False), status="rejected")
    return [confirmed_item(camera, reviewer, number) for number in range(4)]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr("training.tasks.run_export.delay", lambda pk: None)


def shot(page, name):
    """Keep a picture of the page where SCREENSHOT_DIR asks for one."""
    folder = os.environ.get("SCREENSHOT_DIR")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def press_until(page, locator, key="Tab", most=60):
    """Move on with the keyboard until something has the focus."""
    for _ in range(most):
        if locator.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError("The keyboard does not reach it.")


def test_an_export_is_asked_for_with_the_keyboard(
    page, visit, sign_in, admin_user, ready, complaints
):
    sign_in(admin_user)
    visit("training:exports")
    expect(page.locator("#foretold")).to_contain_text("4 items would be looked at")
    expect(page.locator("#foretold")).to_contain_text("not confirmed: rejected")
    press_until(page, page.get_by_label("From"))
    page.get_by_label("From").fill("2030-01-01")
    expect(page.locator("#foretold")).to_contain_text("at least 3 needed")
    page.get_by_label("From").fill("")
    expect(page.locator("#foretold")).to_contain_text("4 items would be looked at")
    press_until(page, page.get_by_label("CSV table"))
    page.keyboard.press("Space")
    press_until(page, page.get_by_role("button", name="Export"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    run = exports.run(ExportRun.objects.get().pk)

    expect(page.get_by_text(f"training_items_{run.name}.csv")).to_be_visible()
    expect(page.get_by_text("4 of 4 lines show people")).to_be_visible()
    assert complaints == []


def test_a_line_is_traced_with_the_keyboard(
    page, visit, sign_in, admin_user, site, ready, complaints
):
    run = exports.run(exports.start(by=admin_user, site=site).pk)
    sign_in(admin_user)
    visit("training:provenance")
    press_until(page, page.get_by_role("searchbox"))
    page.keyboard.type(f"{run.name} 2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Where item {ready[1].pk} came from")).to_be_visible()
    expect(page.get_by_text("line 2")).to_be_visible()
    film = page.get_by_role("link", name=f"Footage {ready[1].incident.footage_id}")
    press_until(page, film)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What became of footage")).to_be_visible()
    press_until(page, page.get_by_role("searchbox"))
    page.keyboard.type("nothing")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("Nothing was found")
    assert [one for one in complaints if "404" not in one] == []


@pytest.mark.parametrize(("kind", "width", "scheme"), STYLES)
def test_the_pages_fit_their_screen(
    page, visit, sign_in, admin_user, site, ready, kind, width, scheme
):
    run = exports.run(exports.start(by=admin_user, site=site, formats=exports.FORMATS).pk)
    sign_in(admin_user)
    places = {
        "exports": ("training:exports",),
        "export": ("training:export", run.pk),
        "provenance": ("training:provenance",),
        "item": ("training:item_provenance", ready[0].pk),
        "footage": ("training:footage_provenance", ready[0].incident.footage_id),
    }
    page.emulate_media(color_scheme=scheme)
    for name, place in places.items():
        visit(*place)
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"{name}-{kind}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
