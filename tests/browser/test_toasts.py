"""What is told in a corner of the page can be read, and lies over nothing that is needed."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844}
LEAST_CONTRAST = 4.5
# Colours as [r, g, b, a] of a pixel: whatever a browser calls them, this is what is seen.
COLOURS = """(element) => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const behind = [];
  for (let one = element; one; one = one.parentElement) {
    behind.unshift(seen(getComputedStyle(one).backgroundColor));
  }
  return { text: seen(getComputedStyle(element).color), behind };
}"""


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colours):
    ground = (1.0, 1.0, 1.0)
    for *colour, alpha in colours["behind"]:
        share = alpha / 255
        ground = tuple(
            share * c / 255 + (1 - share) * g for c, g in zip(colour, ground, strict=True)
        )
    text = tuple(c / 255 for c in colours["text"][:3])
    low, high = sorted((luminance(ground), luminance(text)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("is_hovered", [False, True], ids=["", "hovered"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_countdown_can_be_read(sign_in, visit, reviewer, items, scheme, is_hovered):
    factories.decision(items[1], reviewer)
    sign_in(reviewer)
    page = visit("review:item", items[0].pk)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.keyboard.press("n")
    countdown = page.locator("[data-countdown]")
    expect(countdown).to_be_visible()
    if is_hovered:
        countdown.hover()
    assert contrast(countdown.evaluate(COLOURS)) >= LEAST_CONTRAST


TOAST = """() => {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.textContent = "The zones were saved, and hold from the next frame on.";
  document.querySelector("[data-toasts]").append(toast);
}"""


def test_on_a_phone_it_stands_above_the_acts_of_the_zone_editor(editor):
    editor.set_viewport_size(PHONE)
    editor.evaluate(TOAST)
    toast = editor.locator(".toast", has_text="hold from").bounding_box()
    acts = editor.locator(".editor-acts").bounding_box()
    assert acts["y"] + acts["height"] == pytest.approx(PHONE["height"], abs=1)
    assert toast["y"] + toast["height"] <= acts["y"]


def test_and_above_those_of_the_box_editor(sign_in, visit, reviewer, items):
    sign_in(reviewer)
    page = visit("review:boxes", items[1].pk)
    page.set_viewport_size(PHONE)
    page.evaluate(TOAST)
    toast = page.locator(".toast", has_text="hold from").bounding_box()
    acts = page.locator(".editor-acts").bounding_box()
    assert toast["y"] + toast["height"] <= acts["y"]


def test_a_random_minute_asks_for_its_category_before_anything_is_sent(
    sign_in, visit, reviewer, camera, screenshots, complaints
):
    source = factories.footage(camera)
    part = factories.segment(source)
    factories.item(factories.incident(footage=source, segment=part))
    columns = {"origin": "audit_minute", "inclusion_probability": 0.002, "category": "unknown"}
    minute = factories.item(
        factories.incident(
            footage=source, segment=part, opened_at_seconds=10.0, seconds=60.0, **columns
        )
    )
    sign_in(reviewer)
    page = visit("review:item", minute.pk)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    page.screenshot(path=screenshots / "random-minute.png", full_page=True)
    page.keyboard.press("c")
    field = page.get_by_label("Category of what nobody reported")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.select_option("aggression")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_url(lambda url: reverse("review:item", args=[minute.pk]) not in url)
    expect(page.locator("#undo-form")).to_be_visible()
    minute.refresh_from_db()
    assert (minute.status, minute.category) == ("confirmed", "aggression")
    assert complaints == []
