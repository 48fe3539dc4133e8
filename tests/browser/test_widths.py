"""What people type or are told makes no page wider than its window, and lies over no acts."""

import pytest
from playwright.sync_api import expect

from review.services import decisions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LONG = "unbroken" * 240
WIDTHS = {"desk": (1280, 800), "zoomed": (640, 400), "phone": (390, 844)}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def size(page, name):
    width, height = WIDTHS[name]
    page.set_viewport_size({"width": width, "height": height})


@pytest.fixture
def with_long_note(items, reviewer):
    said = {"verdict": "rejected", "reason": "other", "note": LONG}
    return decisions.decide(items[1].pk, by=reviewer, **said)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_note_without_a_space_and_its_undo_fit(
    sign_in, visit, reviewer, items, with_long_note, width, screenshots
):
    sign_in(reviewer)
    page = visit("review:item", items[2].pk)
    size(page, width)
    page.screenshot(path=screenshots / f"undo-{width}.png")
    assert page.evaluate(OVERFLOW) <= 0
    undo = page.locator("#undo-form").bounding_box()
    head = page.locator("header.top").bounding_box()
    assert undo["y"] >= head["y"]
    assert undo["y"] + undo["height"] <= head["y"] + head["height"]
    assert undo["x"] + undo["width"] <= WIDTHS[width][0]
    page.keyboard.press("r")
    assert page.evaluate(OVERFLOW) <= 0
    visit("review:item", items[1].pk)
    size(page, width)
    page.screenshot(path=screenshots / f"note-{width}.png", full_page=True)
    assert page.evaluate(OVERFLOW) <= 0
    visit("review:queue")
    size(page, width)
    page.screenshot(path=screenshots / f"queue-{width}.png")
    assert page.evaluate(OVERFLOW) <= 0
    button = page.get_by_role("button", name="Filter", exact=True).bounding_box()
    assert button["x"] + button["width"] <= WIDTHS[width][0]


def test_a_long_note_says_how_much_is_left(sign_in, visit, reviewer, items):
    sign_in(reviewer)
    page = visit("review:item", items[1].pk)
    note = page.locator("[data-note]")
    note.fill("a" * 1700)
    expect(page.locator(".letters")).to_have_count(0)
    note.fill("a" * 1850)
    expect(page.locator(".letters")).to_have_text("1850 of 2000 letters.")
    note.evaluate(
        """(field) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text", "b".repeat(300));
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }"""
    )
    expect(page.locator(".letters")).to_contain_text("is cut")


def test_taking_a_batch_back_keeps_the_filter(sign_in, visit, reviewer, items, camera, complaints):
    sign_in(reviewer)
    page = visit("review:queue", query=f"?status=pending_review&camera={camera.pk}")
    for key in ("j", "j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page.locator("#undo-form")).to_contain_text("2 items at once")
    page.keyboard.press("u")
    expect(page.locator("[data-row]")).to_have_count(3)
    assert f"camera={camera.pk}" in page.url
    assert complaints == []
